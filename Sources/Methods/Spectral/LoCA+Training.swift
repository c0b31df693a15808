import Golden
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
            try ParameterGroup(LoCALifecycle.heights, heights),
            try ParameterGroup(
                LoCALifecycle.places, places, rate: peak > 0 ? .scaled(rate / peak) : .fixed(rate), isActive: false),
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

// MARK: Golden cases

extension LoCA {
    /// The layer.
    public static let replays = [GoldenReplay("loca", body: replay)]

    private init(_ golden: GoldenCase) throws {
        self.init()
        let config = golden.config
        nFrequency = try config.field("n_frequency").int()
        scale = try (config.optional("alpha") ?? config.optional("scale"))?.double() ?? scale
        clipLocationGrad = try config.optional("clip_location_grad")?.bool() ?? clipLocationGrad
        learnLocationIter = try config.optional("learn_location_iter")?.int() ?? learnLocationIter
        targetModules = .list([SingleProjection.path])
    }

    private static func replay(_ golden: GoldenCase) throws -> CaseResult {
        var layer = try LayerCase(golden)
        let set = try LoCA(golden).grafts(for: layer.model, key: RandomKey(seed: 0))
        let graft: LoCAGraft = try layer.graft(set)
        try layer.replay(["spectrum": graft.spectrum, "locations": graft.locations])
        if let gradient = try graft.locations.value.grad {
            let bounded = try graft.bounded(gradient)
            layer.produced("grad.locations", bounded)
            layer.produced("grad.param.locations", bounded)
        }
        layer.produced("out.positions", try graft.positions())
        layer.produced("out.delta", try graft.delta())
        try layer.produceMerged()
        return try layer.result()
    }
}
