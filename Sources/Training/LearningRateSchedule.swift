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

    let shape: Shape
    let peak: Double
    let warmupSteps: Int
    let totalSteps: Int

    /// - Parameter totalSteps: steps of the whole training.
    public init(_ arguments: TrainingArguments, totalSteps: Int) {
        shape = arguments.lrSchedulerType
        peak = arguments.learningRate
        self.totalSteps = totalSteps
        let ratio = Int((Double(totalSteps) * arguments.warmupRatio).rounded(.up))
        warmupSteps = shape == .constant ? 0 : arguments.warmupSteps > 0 ? arguments.warmupSteps : ratio
    }

    /// The rate of the step with this index, from 0.
    public func rate(step: Int) -> Double {
        if step < warmupSteps { return peak * Double(step) / Double(max(1, warmupSteps)) }
        let rest = Double(max(1, totalSteps - warmupSteps))
        let progress = Double(step - warmupSteps) / rest
        switch shape {
        case .linear: return peak * max(0, 1 - progress)
        case .cosine: return peak * max(0, 0.5 * (1 + cos(.pi * progress)))
        case .constant, .constantWithWarmup: return peak
        }
    }
}
