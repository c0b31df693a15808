import Networks
import Optimization
import Torch

/// Gives the matrices their bases and the run its optimizer. With `per_layer` it also is the rule of the step.
final class ProjectedTraining: Lifecycle, UpdateRule {
    private let method: GradNormLoRP
    private let names: Set<String>
    private let plan: TrainingPlan

    /// - Parameter projected: names of the variables that are projected.
    init(_ method: GradNormLoRP, projected names: Set<String>, _ plan: TrainingPlan) {
        self.method = method
        self.names = names
        self.plan = plan
    }

    var optimizer: (any Optimizer)? { ProjectedAdamW(method, plan.optimizer) }

    var updateRule: (any UpdateRule)? { method.perLayer ? self : nil }

    /// All projected variables in one group, or each in one of its own: variables that share a buffer cannot be changed
    /// while the backward still needs the others.
    func groups(of variables: [Variable]) throws -> [ParameterGroup] {
        let projected = variables.filter { names.contains($0.name) }
        let others = variables.filter { !names.contains($0.name) }
        let groups =
            method.perLayer
            ? try projected.map {
                try ParameterGroup("\(ProjectedAdamW.projected) \($0.name)", [$0], keepsGradients: false)
            } : [try ParameterGroup(ProjectedAdamW.projected, projected)]
        return groups + (others.isEmpty ? [] : [try ParameterGroup("plain", others)])
    }

    func gradientsReady(_ moment: StepMoment) throws {
        for group in moment.trainables.groups where ProjectedAdamW.projects(group) {
            for variable in group.variables {
                guard let gradient = try moment.trainables.gradient(of: variable) else { continue }
                try refresh(variable, in: group, gradient)
            }
        }
    }

    /// A new basis where there is none, or its time is over.
    private func refresh(_ variable: Variable, in group: ParameterGroup, _ gradient: Tensor) throws {
        let hasBasis = GradientBasis(of: variable, in: group).isThere
        guard !hasBasis || group.clock % method.updateProjGap == 0 else { return }
        try withoutGradients {
            let projected = try ProjectedAdamW(method, plan.optimizer).projectable(variable, in: group, gradient)
            try GradientBasis(projected, rank: method.rank, method.projType).put(for: variable, in: group)
        }
    }
}

// MARK: Steps in the middle of the backward

extension ProjectedTraining {
    private func notFinite(_ variable: Variable) -> OptimizationError {
        .group(
            "the gradient of `\(variable.name)` is not finite, and what comes after it in the network has been stepped: "
                + "lower learning_rate, or continue without per_layer; the last checkpoint is intact")
    }

    func step(_ work: any StepWork) throws -> StepOutcome {
        let moment = work.moment
        let optimizer = ProjectedAdamW(method, plan.optimizer)
        // The engine calls the hooks one after the other, while this thread waits for the backward.
        var squares = 0.0
        var hooks: [GradientHook] = []
        defer { for hook in hooks { try? hook.remove() } }
        for group in moment.trainables.groups where ProjectedAdamW.projects(group) && group.isActive {
            guard let variable = group.variables.first else { continue }
            let rate = try moment.trainables.rate(
                of: group, learningRate: moment.learningRate, at: moment.step)
            let hook = try GradientHook(on: variable.value) { [self] in
                guard let gradient = try variable.value.grad else { return }
                guard try gradient.isAllFinite() else { throw notFinite(variable) }
                let norm = try gradient.norm().item()
                squares += norm * norm
                try refresh(variable, in: group, gradient)
                group.countUpdate()
                try withoutGradients { try optimizer.update(variable, in: group, gradient, rate: rate) }
                try variable.value.setGrad(nil)
            }
            hooks.append(hook)
        }
        let loss: Double
        do {
            loss = try work.backward()
        } catch {
            throw hooks.lazy.compactMap(\.failure).first ?? error
        }
        let rest = try work.clip()
        try work.update()
        return StepOutcome(loss: loss, gradientNorm: (squares + rest * rest).squareRoot())
    }
}
