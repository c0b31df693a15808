import Golden
import Networks
import Optimization
import Torch

extension SparseMeZO {
    /// Traces of a training of logits = fc2(tanh(fc1 x)), with the directions given.
    public static let replays = [GoldenReplay("sparse-mezo", "mezo", body: trace)]

    private init(_ golden: GoldenCase) throws {
        self.init()
        zoEps = try golden.config.field("eps").double()
        sparsity = try golden.config.optional("sparsity")?.double() ?? 0
        mask = try golden.config.optional("mask")?.decode() ?? .dynamic
        try validate()
    }

    private static func trace(_ golden: GoldenCase) throws -> CaseResult {
        let method = try SparseMeZO(golden)
        let model = try TanhClassifier.model(golden)
        let grafts = try method.grafts(for: model, key: RandomKey(seed: 0))
        try model.add(grafts, named: "default")
        let steps = try golden.config.field("steps").int()
        let rate = try golden.config.field("lr").double()
        var plan = TrainingPlan(
            schedule: LearningRateSchedule(shape: .constant, peak: rate, totalSteps: max(1, steps)), stepsPerEpoch: 1)
        plan.optimizer.weightDecay = try golden.config.optional("weight_decay")?.double() ?? 0
        let training = try ZerothOrderTraining(method, grafts.variables, plan) { moment, variable, range, _ in
            // Adding the direction changes it in place.
            let direction = try golden.tensor("in.step\(moment.step).z.\(variable.name)")
            return try direction.reshape([-1]).narrow(0, range.lowerBound, range.count).clone()
        }
        let trainables = try Trainables(
            training.groups(of: grafts.variables), optimizer: plan.optimizer.makeOptimizer(), schedule: plan.schedule
        ) { try model.refresh() }
        var comparison = Comparison(golden)
        for (name, threshold) in training.thresholds {
            comparison.produced("out.threshold.\(name)", try .full([1], threshold, dtype: .float64))
        }
        for step in 0..<steps {
            let work = GoldenStep(
                golden, model,
                StepMoment(
                    step: step, totalSteps: steps, epoch: 0, key: RandomKey(seed: 0).derived(step), learningRate: rate,
                    trainables: trainables, model: model))
            for variable in grafts.variables {
                let mask = try training.mask(of: variable, work.moment)
                comparison.produced("step\(step).mask.\(variable.name)", try mask ?? .ones(variable.value.shape))
            }
            _ = try training.step(work)
            guard let last = training.last else { continue }
            for (name, number) in [
                ("loss_plus", last.lossAbove), ("loss_minus", last.lossBelow),
                ("projected_grad", last.projectedGradient),
            ] {
                comparison.produced("step\(step).\(name)", try .full([1], number, dtype: .float64))
            }
            for variable in grafts.variables {
                comparison.produced("step\(step).\(variable.name)", try variable.value.detach().clone())
            }
        }
        return try comparison.result()
    }
}

/// fc2(tanh(fc1 x)) in double precision.
private final class TanhClassifier: Network {
    private let first: Projection
    private let second: Projection

    private init(_ first: Projection, _ second: Projection) {
        self.first = first
        self.second = second
    }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        let logits = try second(first(input.requiredPixels(), context).tanh(), context)
        return ModelOutput(logits: logits, lastHiddenState: logits)
    }

    static func model(_ golden: GoldenCase) throws -> Model {
        let names = ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
        let weights = Dictionary(uniqueKeysWithValues: try names.map { ($0, try golden.tensor("param.\($0)")) })
        let builder = NetworkBuilder(source: TensorWeights(weights), options: .init(dtype: .float64))
        let layers = try ["fc1", "fc2"].map { path in
            let weight = try golden.tensor("param.\(path).weight")
            return try Projection.linear(builder.root(path), input: weight.size(1), output: weight.size(0))
        }
        return Model(TanhClassifier(layers[0], layers[1]), builder)
    }
}

/// A step of a case: forwards alone.
private final class GoldenStep: StepWork {
    let moment: StepMoment
    private let golden: GoldenCase
    private let model: Model

    init(_ golden: GoldenCase, _ model: Model, _ moment: StepMoment) {
        self.golden = golden
        self.model = model
        self.moment = moment
    }

    func loss() throws -> Double {
        try withoutGradients {
            let labels = try golden.tensor("in.step\(moment.step).labels")
            let input = ModelInput(pixelValues: try golden.tensor("in.step\(moment.step).x"))
            guard let logits = try model(input).logits else { throw NetworkError.unsupported("the case has no logits") }
            return try logits.crossEntropySum(labels).item() / Double(labels.count)
        }
    }

    func backward() throws -> Double { throw unavailable }
    func backward(_ lossSum: (BatchLoss) throws -> Tensor?) throws -> Double { throw unavailable }
    func clip() throws -> Double { throw unavailable }
    func update() throws { throw unavailable }

    private var unavailable: NetworkError { .unsupported("a trace of MeZO has no backward") }
}
