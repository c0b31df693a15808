import Golden
import JSON
import Networks
import Optimization
import Torch

extension LoCA {
    /// The layer, and training by turns.
    public static let replays = [
        GoldenReplay("loca") { $0.kind == "trace" ? try LoCATrace($0).result() : try layer($0) }
    ]

    fileprivate init(_ golden: GoldenCase) throws {
        self.init()
        let config = golden.config
        nFrequency = try config.field("n_frequency").int()
        scale = try config.first(of: "alpha", "scale")?.double() ?? scale
        clipLocationGrad = try config.optional("clip_location_grad")?.bool() ?? clipLocationGrad
        learnLocationIter = try config.first(of: "learn_location_iter", "B_s")?.int() ?? learnLocationIter
        coefficientSteps =
            try config.first(of: "coefficient_steps", "coefficient_iters", "coef_steps", "B_a")?.int()
            ?? coefficientSteps
        locationSteps =
            try config.first(of: "location_steps", "location_iters", "loc_steps", "B_l")?.int() ?? locationSteps
        locationLearningRate =
            try config.first(of: "location_learning_rate", "lr_locations", "lr_location", "location_lr", "lr_loc")?
            .double() ?? locationLearningRate
        targetModules = .list([SingleProjection.path])
    }

    private static func layer(_ golden: GoldenCase) throws -> CaseResult {
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

/// A trace: the method's own lifecycle and groups, step by step, on one layer.
///
/// `in.x` and `in.cotangent` (loss sum(y · cotangent)) or `in.target` (loss mean (y − target)²) are the same in every
/// step, or have one more dimension, the step's. What comes out after step k is `step<k>.…`, counted from 0 or 1 as the
/// case does, or a row of a stacked `out.…`.
private struct LoCATrace {
    private let golden: GoldenCase
    private let steps: Int
    private var layer: LayerCase
    private let graft: LoCAGraft
    private let method: LoCA
    private var spectra: [Tensor] = []
    private var locations: [Tensor] = []
    private var losses: [Double] = []

    init(_ golden: GoldenCase) throws {
        self.golden = golden
        method = try LoCA(golden)
        steps = try golden.config.first(of: "steps", "num_steps", "total_steps", "iterations", "iters")?.int() ?? 60
        layer = try LayerCase(golden)
        graft = try layer.graft(try method.grafts(for: layer.model, key: RandomKey(seed: 0)))
        try graft.spectrum.load(golden.optional("param.spectrum") ?? graft.spectrum.value.zerosLike())
        try graft.locations.load(golden.tensor("param.locations"))
        try run()
    }

    private mutating func run() throws {
        let config = golden.config
        var optimizer = OptimizerSettings()
        if try config.optional("sgd_lr") != nil || config.optional("optimizer")?.string() == "sgd" {
            optimizer.rule = .sgd
        }
        optimizer.weightDecay = try config.optional("weight_decay")?.double() ?? 0
        if let betas = try config.optional("betas")?.elements(), betas.count == 2 {
            (optimizer.beta1, optimizer.beta2) = (try betas[0].double(), try betas[1].double())
        }
        optimizer.epsilon = try config.first(of: "eps", "adam_eps")?.double() ?? optimizer.epsilon
        let rate =
            try config.first(
                of: "lr", "learning_rate", "sgd_lr", "lr_coefficients", "lr_spectrum", "coefficient_lr", "lr_coef")?
            .double() ?? 1e-3
        let plan = TrainingPlan(
            optimizer: optimizer, schedule: .init(shape: .constant, peak: rate, totalSteps: steps),
            stepsPerEpoch: steps)
        let life = LoCALifecycle(method, [graft], plan)
        let model = layer.model
        let trainables = try Trainables(
            life.groups(of: graft.variables), optimizer: optimizer.makeOptimizer(), schedule: plan.schedule,
            onReplaced: { try model.refresh() })
        try record()
        for step in 0..<steps {
            let moment = StepMoment(
                step: step, totalSteps: steps, epoch: 0, key: RandomKey(seed: step), learningRate: rate,
                trainables: trainables, model: model)
            try life.stepWillBegin(moment)
            try trainables.clearGradients()
            let loss = try loss(at: step)
            losses.append(try loss.item())
            try loss.backward()
            try life.microBatchDidEnd(moment)
            try life.backwardDidEnd(moment)
            try trainables.step(learningRate: rate, at: step)
            try record()
        }
    }

    private mutating func record() throws {
        spectra.append(try graft.spectrum.value.detach().clone())
        locations.append(try graft.locations.value.detach().clone())
    }

    private func loss(at step: Int) throws -> Tensor {
        func given(_ name: String) throws -> Tensor? {
            if let own = try golden.optional("in.step\(step).\(name)") ?? golden.optional("in.\(name)_\(step)") {
                return own
            }
            guard let all = try golden.optional("in.\(name)") else { return nil }
            return try all.rank > 2 && all.size(0) == steps ? all.select(0, step) : all
        }
        guard let x = try given("x") else { throw TorchError.invalid("the case has no in.x for step \(step)") }
        let y = try layer.forward(x, through: nil, ForwardContext(isTraining: true))
        if let cotangent = try given("cotangent") { return try (y * cotangent).sum() }
        guard let target = try given("target") ?? given("y") else {
            throw TorchError.invalid("the case has neither in.cotangent nor in.target for step \(step)")
        }
        return try ((y - target) * (y - target)).mean()
    }

    // MARK: Outputs

    func result() throws -> CaseResult {
        var comparison = Comparison(golden)
        let numbers = golden.outputs.compactMap(LoCATrace.step)
        // Counted from 1, or with the state before the first step, a number is that of the steps done.
        let countsDone = numbers.min() != 0 || numbers.max() == steps
        for name in golden.outputs {
            if let number = LoCATrace.step(name) {
                let done = countsDone ? number : number + 1
                guard spectra.indices.contains(done) else { continue }
                if let tensor = try value(of: name, after: done) { comparison.produced(name, tensor) }
                continue
            }
            let expected = try golden.tensor(name)
            let rows = try expected.rank > 0 ? expected.size(0) : 0
            let isTrace = rows == steps || rows == steps + 1
            let range = isTrace ? (rows == steps ? 1...steps : 0...steps) : steps...steps
            let found = try range.compactMap { try value(of: name, after: $0) }
            guard found.count == range.count else { continue }
            comparison.produced(name, isTrace ? try .stack(found) : found[0])
        }
        return try comparison.result()
    }

    private static func step(_ name: String) -> Int? {
        guard name.hasPrefix("step") else { return nil }
        return Int(name.dropFirst("step".count).prefix { $0 != "." })
    }

    /// What a name means after a number of steps.
    private func value(of name: String, after done: Int) throws -> Tensor? {
        let last = name.split(separator: ".").last.map(String.init) ?? name
        let phase = method.phase(at: max(0, done - 1))
        let isPlaces = last.contains("loc")
        let isHeights = last.contains("spectrum") || last.contains("coef")
        if ["active", "group", "phase", "train"].contains(where: last.contains) {
            let isOn = isHeights ? phase == .coefficients : phase == .locations
            return try Tensor.scalar(isOn ? 1 : 0)
        }
        if last.contains("loss") { return done > 0 ? try Tensor.scalar(losses[done - 1]) : nil }
        if isPlaces { return locations[done] }
        if isHeights { return spectra[done] }
        try graft.spectrum.load(spectra[done])
        try graft.locations.load(locations[done])
        if last.contains("position") { return try graft.positions() }
        if last.contains("delta") { return try graft.delta() }
        return last.contains("merged") ? try layer.merged().weight : nil
    }
}
