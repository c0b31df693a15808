import Foundation

/// The learning rate as a function of the step: a linear warm-up, then a shape. As Hugging Face's schedules.
public struct LearningRateSchedule: Sendable, Equatable {
    /// What follows the warm-up.
    public enum Shape: String, Codable, Sendable, CaseIterable {
        /// Falls to zero on a line.
        case linear
        /// Falls to zero on half a cosine.
        case cosine
        /// Stays.
        case constant
        /// Stays, after the warm-up that `constant` leaves out.
        case constantWithWarmup = "constant_with_warmup"
    }

    /// What follows the warm-up.
    public var shape: Shape
    /// The rate at the end of the warm-up.
    public var peak: Double
    /// Steps in which the rate rises from zero.
    public var warmupSteps: Int
    /// Steps until the rate has fallen.
    public var totalSteps: Int

    /// A schedule of the given numbers.
    public init(shape: Shape = .linear, peak: Double, warmupSteps: Int = 0, totalSteps: Int) {
        self.shape = shape
        self.peak = peak
        self.warmupSteps = warmupSteps
        self.totalSteps = totalSteps
    }

    /// The rate of the step with this index, from 0.
    public func rate(step: Int) -> Double {
        if step < warmupSteps { return peak * Double(max(0, step)) / Double(max(1, warmupSteps)) }
        let rest = Double(max(1, totalSteps - warmupSteps))
        let progress = Double(step - warmupSteps) / rest
        switch shape {
        case .linear: return peak * max(0, 1 - progress)
        case .cosine: return peak * max(0, 0.5 * (1 + cos(.pi * progress)))
        case .constant, .constantWithWarmup: return peak
        }
    }

    /// The rate at a step of the run for what was born after the step `birth`: the warm-up starts anew, and the fall
    /// takes the steps that are left.
    /// - Parameter warmupSteps: nil for as many as the run's.
    public func rate(step: Int, bornAt birth: Int, warmupSteps: Int? = nil) -> Double {
        var own = self
        own.totalSteps = totalSteps - (birth + 1)
        own.warmupSteps = warmupSteps ?? self.warmupSteps
        return own.rate(step: step - (birth + 1))
    }
}
