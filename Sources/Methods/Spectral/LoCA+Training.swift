import JSON
import Networks
import Optimization
import Torch

/// Turns of heights and places: see `LoCA`.
final class LoCALifecycle: Lifecycle {
    private static let (heights, places) = ("spectrum", "locations")
    private let method: LoCA
    private let grafts: [LoCAGraft]
    private let plan: TrainingPlan
    private var forwards = 0

    init(_ method: LoCA, _ grafts: [LoCAGraft], _ plan: TrainingPlan) {
        self.method = method
        self.grafts = grafts
        self.plan = plan
    }

    /// Heights, places, and what is saved whole, which trains all the time.
    func groups(of variables: [Variable]) throws -> [ParameterGroup] {
        func of(_ ending: String) -> [Variable] { variables.filter { $0.name.hasSuffix("." + ending) } }
        let (heights, places) = (of(LoCAGraft.spectrumName), of(LoCAGraft.locationsName))
        let own = Set((heights + places).map(\.name))
        let others = variables.filter { !own.contains($0.name) }
        // The places follow the run's schedule with a peak of their own.
        let peak = plan.schedule.peak
        let rate = method.locationLearningRate
        var groups = [
            // Heights decay although they are a vector: they are the matrix, in another basis.
            try ParameterGroup(LoCALifecycle.heights, heights, weightDecay: plan.optimizer.weightDecay),
            try ParameterGroup(
                LoCALifecycle.places, places, weightDecay: plan.optimizer.weightDecay,
                rate: peak > 0 ? .scaled(rate / peak) : .fixed(rate), isActive: false),
        ]
        if !others.isEmpty { groups.append(try ParameterGroup("modules", others)) }
        return groups
    }

    func stepWillBegin(_ moment: StepMoment) throws {
        let count = method.countForwards ? forwards : moment.step
        let phase = method.phase(at: count)
        // Beyond the last location phase nothing is remembered of the places.
        let fate: ParameterGroup.StateFate = count >= method.learnLocationIter ? .drop : .keep
        try moment.trainables.setActive(LoCALifecycle.places, phase == .locations, state: fate)
        try moment.trainables.setActive(LoCALifecycle.heights, phase == .coefficients)
    }

    func microBatchDidEnd(_ moment: StepMoment) throws {
        forwards += 1
    }

    func backwardDidEnd(_ moment: StepMoment) throws {
        for graft in grafts {
            guard let gradient = try moment.trainables.gradient(of: graft.locations) else { continue }
            try moment.trainables.setGradient(of: graft.locations, to: graft.bounded(gradient))
        }
    }

    func state() throws -> LifecycleState? {
        method.countForwards ? LifecycleState(values: ["forwards": .int(Int64(forwards))]) : nil
    }

    func restore(_ state: LifecycleState) throws {
        forwards = try JSON.Node(state.values).field("forwards").int()
    }
}
