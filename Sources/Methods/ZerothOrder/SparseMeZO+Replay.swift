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
        if let named = try golden.config.optional("mask") {
            // Cases of MeZO have no mask.
            if try named.string() == "none" { sparsity = 0 } else { mask = try named.decode() }
        }
        try validate()
    }

    private static func trace(_ golden: GoldenCase) throws -> CaseResult {
        let method = try SparseMeZO(golden)
        let layers = try ["fc1", "fc2"].map { name in
            ProjectionChain.Layer(
                path: name, weight: try golden.tensor("param.\(name).weight"),
                bias: try golden.tensor("param.\(name).bias"))
        }
        let model = try ProjectionChain.model(layers, dtype: .float64) { try $0.tanh() }
        let grafts = try method.grafts(for: model, key: RandomKey(seed: 0))
        try model.add(grafts, named: "default")
        let steps = try golden.config.field("steps").count(from: 0)
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
            let work = ReplayedStep(
                input: ModelInput(pixelValues: try golden.tensor("in.step\(step).x")),
                labels: try golden.tensor("in.step\(step).labels"),
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
