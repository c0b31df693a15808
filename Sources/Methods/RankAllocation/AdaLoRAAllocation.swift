import Networks
import Optimization
import Torch

/// The controller of AdaLoRA: it scores the triplets after every step, and switches off those that are over the budget.
final class AdaLoRAAllocation: Lifecycle {
    private let method: AdaLoRA
    private let grafts: [AdaLoRAGraft]
    /// T.
    private let totalSteps: Int
    /// Smoothed |p ∘ ∂p| by the name of the variable; empty until the first step and after the final allocation.
    private var importance: [String: Tensor] = [:]
    /// Smoothed deviation from it.
    private var uncertainty: [String: Tensor] = [:]

    init(_ method: AdaLoRA, _ grafts: [AdaLoRAGraft], _ plan: TrainingPlan) throws {
        self.method = method
        self.grafts = grafts
        totalSteps = method.totalStep ?? plan.totalSteps
        try method.requirePhases(totalSteps)
        guard lastAllocation <= plan.totalSteps else {
            throw MethodError.option(
                "total_step: the ranks would be final after step \(lastAllocation), the training has only "
                    + "\(plan.totalSteps); leave total_step out for the number of the run")
        }
    }

    /// The step after which the ranks are final.
    private var lastAllocation: Int { totalSteps - method.tfinal }

    /// Triplets at the start.
    private var initialTotal: Int { grafts.reduce(0) { $0 + $1.rank } }

    /// Triplets that the schedule allows after step k, from 1.
    func budget(_ k: Int) -> Int {
        let target = method.targetR * grafts.count
        if k <= method.tinit { return initialTotal }
        if k > lastAllocation { return target }
        let left = 1 - Double(k - method.tinit) / Double(lastAllocation - method.tinit)
        return Int(Double(initialTotal - target) * (left * left * left) + Double(target))
    }

    func penalty(_ moment: StepMoment) throws -> Tensor? {
        guard method.orthRegWeight > 0 else { return nil }
        return try orthogonality(of: grafts.map { ($0.a.value, $0.b.value) }) * method.orthRegWeight
    }

    func stepDidEnd(_ moment: StepMoment) throws {
        let k = moment.step + 1
        try withoutGradients {
            if k < lastAllocation {
                try measure(moment.trainables)
                if k > method.tinit, k % method.deltaT == 0 { _ = try allocate(budget(k)) }
            } else if k == lastAllocation {
                for (graft, stays) in zip(grafts, try allocate(budget(k))) {
                    try graft.mask.load(Tensor(stays.map { Float($0 ? 1 : 0) }, shape: [stays.count, 1]))
                }
                (importance, uncertainty) = ([:], [:])
            } else {
                for graft in grafts { try graft.e.zero(where: graft.mask.value.eq(0)) }
            }
        }
    }

    /// Smooths what this step says of each tensor.
    private func measure(_ trainables: Trainables) throws {
        for variable in grafts.flatMap({ [$0.a, $0.e, $0.b] }) {
            guard let gradient = try trainables.gradient(of: variable) else { continue }
            let now = try (variable.value.detach() * gradient).abs()
            let mean = try smoothed(importance[variable.name], now, method.beta1)
            importance[variable.name] = mean
            uncertainty[variable.name] = try smoothed(uncertainty[variable.name], (now - mean).abs(), method.beta2)
        }
    }

    /// A new tensor, since a checkpoint may hold the old one.
    private func smoothed(_ old: Tensor?, _ new: Tensor, _ beta: Double) throws -> Tensor {
        guard let old else { return try new * (1 - beta) }
        let mean = try old * beta
        try mean.addInPlace(new, alpha: 1 - beta)
        return mean
    }

    /// Zeroes the E of the triplets over the budget and tells which stay, module by module.
    private func allocate(_ budget: Int) throws -> [[Bool]] {
        let scores = try grafts.map { try triplets(of: $0) }
        let surplus = initialTotal - budget
        guard surplus > 0 else { return scores.map { $0.map { _ in true } } }
        let threshold = scores.joined().sorted()[surplus - 1]
        let stays = scores.map { $0.map { !($0 <= threshold) } }
        for (graft, stays) in zip(grafts, stays) {
            try graft.e.zero(where: Tensor(stays.map { Float($0 ? 1 : 0) }, shape: [stays.count, 1]).eq(0))
        }
        return stays
    }

    /// The scores of a module's triplets.
    private func triplets(of graft: AdaLoRAGraft) throws -> [Float] {
        func element(_ variable: Variable) throws -> Tensor {
            guard let mean = importance[variable.name], let deviation = uncertainty[variable.name] else {
                return try variable.value.zerosLike()
            }
            return try mean * deviation
        }
        let (a, e, b) = (try element(graft.a), try element(graft.e), try element(graft.b))
        return try (e.reshape([-1]) + (a.mean([1]) + b.mean([0]))).array(of: Float.self)
    }

    func state() throws -> LifecycleState? {
        var tensors: [String: Tensor] = [:]
        for (name, tensor) in importance { tensors["importance." + name] = tensor }
        for (name, tensor) in uncertainty { tensors["uncertainty." + name] = tensor }
        return LifecycleState(tensors: tensors)
    }

    func restore(_ state: LifecycleState) throws {
        (importance, uncertainty) = ([:], [:])
        for variable in grafts.flatMap({ [$0.a, $0.e, $0.b] }) where state.tensors["importance." + variable.name] != nil
        {
            importance[variable.name] = try state.tensor("importance." + variable.name)
            uncertainty[variable.name] = try state.tensor("uncertainty." + variable.name)
        }
    }
}

extension Variable {
    /// Zeroes the elements of a mask.
    fileprivate func zero(where mask: Tensor) throws {
        try load(value.detach().maskedFill(mask.to(value.device), 0))
    }
}
