import Methods
import Networks
import Optimization
import Torch

extension Trainables {
    /// What an adapter's training changes, in the groups that its method wants.
    /// - Throws: `TrainingError.option` where nothing is trainable.
    convenience init(
        of grafts: GraftSet, on model: Model, _ plan: TrainingPlan, _ lifecycle: (any Lifecycle)?, device: Device
    ) throws {
        let variables = grafts.variables.filter { $0.role == .trainable }
        let groups = try lifecycle?.groups(of: variables) ?? [ParameterGroup("adapter", variables)]
        guard groups.contains(where: { $0.count > 0 }) else {
            throw TrainingError.option("method: nothing is trainable with these options")
        }
        try self.init(
            groups, optimizer: lifecycle?.optimizer ?? plan.optimizer.makeOptimizer(), schedule: plan.schedule,
            device: device
        ) { [unowned model] in try model.refresh() }
        try freezeOthers(of: grafts)
    }

    /// Stops the gradients of variables that are in no group: nobody would clear them.
    func freezeOthers(of grafts: GraftSet) throws {
        for variable in grafts.variables where group(of: variable) == nil { try variable.value.setRequiresGrad(false) }
    }
}
