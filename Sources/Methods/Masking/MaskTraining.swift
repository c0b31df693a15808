import Networks
import Torch

/// The training of `MaskTuning`: two backwards a step, of which the first says where the second may act.
final class MaskTraining: Lifecycle, UpdateRule {
    /// Uniform draws for the scores of a variable at a step.
    typealias Draws = (_ moment: StepMoment, Variable) throws -> Tensor

    /// What a step made of one mask's gradient.
    struct Gradients {
        /// a
        let task: Tensor
        /// b
        let general: Tensor
        /// P
        let keepProbability: Tensor
        /// g
        let final: Tensor
    }

    private let method: MaskTuning
    private let grafts: [MaskGraft]
    private let draws: Draws
    /// Called with what a step made of each mask's gradient, and with the two losses.
    var observer: ((_ gradients: [Gradients], _ taskLoss: Double, _ generalLoss: Double) throws -> Void)?

    init(_ method: MaskTuning, _ grafts: [MaskGraft], draws: @escaping Draws = MaskTraining.draw) {
        self.method = method
        self.grafts = grafts
        self.draws = draws
    }

    var updateRule: (any UpdateRule)? { self }

    static func draw(_ moment: StepMoment, _ variable: Variable) throws -> Tensor {
        try .uniform(variable.value.shape, 0, 1, key: moment.key.derived("dropout").derived(variable.name))
    }

    func step(_ work: any StepWork) throws -> StepOutcome {
        let trainables = work.moment.trainables
        let drops = method.gdrLambda > 0 || observer != nil
        let generalLoss = try drops ? work.backward(generalLossSum) : 0
        let general = try drops ? grafts.map { try trainables.gradient(of: $0.scores)?.clone() } : []
        let penalty = try withoutGradients { try normSum()?.item() ?? 0 }
        let taskLoss = try work.backward { batch in
            guard let task = try batch.taskLossSum() else { return nil }
            // The mean over the step's labels then has the penalty once.
            return try normSum().map { try task + $0 * Double(batch.labelCount) } ?? task
        }
        if drops { try gate(general, work, taskLoss, generalLoss) }
        let norm = try work.clip()
        try work.update()
        return StepOutcome(loss: taskLoss - penalty, gradientNorm: norm, penalty: penalty)
    }

    /// mask_loss_weight · Σ ‖R‖₂; nil where it counts nothing.
    private func normSum() throws -> Tensor? {
        guard method.maskLossWeight > 0, let first = grafts.first else { return nil }
        let sum = try grafts.dropFirst().reduce(try first.scores.value.norm()) { try $0 + $1.scores.value.norm() }
        return try sum * method.maskLossWeight
    }

    /// How far the masked network's scores are from the unmasked one's, summed over the rows.
    private func generalLossSum(_ batch: BatchLoss) throws -> Tensor? {
        guard case .classes = batch.labels else {
            throw MethodError.option("gdr_lambda: compares scores of classes; set it to 0 for other tasks")
        }
        let scores = try logits(batch.model, batch.input, batch.context)
        let teacher = try withoutGradients {
            for graft in grafts { graft.isMasking = false }
            defer { for graft in grafts { graft.isMasking = true } }
            return try logits(batch.model, batch.input, ForwardContext(scoresOnly: true))
        }
        let (t, f) = (method.gdrTemperature, method.fuseAlpha)
        let target = try f < 1 ? teacher * f + scores * (1 - f) : teacher
        return try (-(target / t).softmax() * (scores / t).logSoftmax()).sum() * (t * t)
    }

    private func logits(_ model: Model, _ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        guard let logits = try model(input, context).logits else {
            throw NetworkError.unsupported("r-amt needs a network with scores of classes")
        }
        return logits
    }

    /// Puts the gradients that are kept in the place of the task's.
    private func gate(_ general: [Tensor?], _ work: any StepWork, _ taskLoss: Double, _ generalLoss: Double) throws {
        let trainables = work.moment.trainables
        try withoutGradients {
            var gated: [Gradients] = []
            for (graft, general) in zip(grafts, general) {
                guard let general, let a = try trainables.gradient(of: graft.scores) else { continue }
                let agreement = try a.sign() * (a + general) / (a.abs() + general.abs() + 1e-8)
                let keep = try (agreement + 1) / 2
                let kept = try keep.gt(draws(work.moment, graft.scores).to(a.device)).to(a.dtype)
                let final = try (kept * method.gdrLambda + (1 - method.gdrLambda)) * a
                if observer != nil {
                    gated.append(
                        Gradients(task: try a.clone(), general: general, keepProbability: keep, final: final))
                }
                try trainables.setGradient(of: graft.scores, to: final)
            }
            try observer?(gated, taskLoss, generalLoss)
        }
    }
}
