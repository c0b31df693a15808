import JSON
import Networks
import Torch

/// What a training's optimizer must remember besides the variables' values: which groups there are, who is in them, and
/// their moments.
public struct TrainablesState {
    /// The groups.
    public var description: JSON
    /// The tensors of the optimizer, by names that the description implies.
    public var tensors: [(name: String, tensor: Tensor)]
}

extension Trainables {
    /// Everything that decides the coming updates besides values and gradients.
    public func state() throws -> TrainablesState {
        var tensors: [(name: String, tensor: Tensor)] = []
        for group in groups {
            for (name, tensor) in group.moments.sorted(by: { $0.key < $1.key }) {
                tensors.append((group.tensorName("moment", name), tensor))
            }
            for (name, tensor) in group.extras.sorted(by: { $0.key < $1.key }) {
                tensors.append((group.tensorName("extra", name), tensor))
            }
        }
        return TrainablesState(
            description: ["groups": .array(try groups.map { try JSON(encoding: GroupRecord($0)) })], tensors: tensors)
    }

    /// Takes a state back, whatever the groups were before. The variables have their values already.
    /// - Parameters:
    ///   - variable: the variable of a name.
    ///   - tensor: the tensor of a name of `TrainablesState.tensors`.
    /// - Throws: `OptimizationError.state` where it does not fit the variables.
    public func restore(
        _ description: JSON.Node, variable: (String) -> Variable?, tensor: (String) throws -> Tensor
    ) throws {
        let records: [GroupRecord] = try description.field("groups").elements().map { try $0.decode() }
        let groups = try records.map { record in
            let variables = try record.variables.map { name in
                guard let found = variable(name) else {
                    throw OptimizationError.state("the group `\(record.name)` trains `\(name)`, which is not there")
                }
                return found
            }
            return try ParameterGroup(
                record.name, variables, weightDecay: record.weightDecay, rate: record.rate, isActive: record.isActive,
                keepsGradients: record.keepsGradients ?? true)
        }
        try replaceGroups([])
        for (group, record) in zip(groups, records) { try take(group, record, tensor) }
        try onReplaced?()
    }

    private func take(_ group: ParameterGroup, _ record: GroupRecord, _ tensor: (String) throws -> Tensor) throws {
        try join(group)
        guard record.isMaterialised || group.isActive else { return }
        _ = try group.materialise(on: device)
        group.clock = record.clock
        let count = group.count
        for name in record.moments {
            let stored = try tensor(group.tensorName("moment", name))
            guard try stored.shape == [count] else {
                throw OptimizationError.state(
                    "the moment `\(name)` of the group `\(group.name)` has shape \(try stored.shape), expected [\(count)]"
                )
            }
            try withoutGradients { try group.moment(name).copyInPlace(stored) }
        }
        for name in record.extras {
            group.extras[name] = try tensor(group.tensorName("extra", name)).to(device).clone()
        }
    }
}

extension ParameterGroup {
    fileprivate func tensorName(_ kind: String, _ name: String) -> String { "\(self.name)/\(kind)/\(name)" }
}

/// A group in a file.
private struct GroupRecord: Codable {
    let name: String
    let variables: [String]
    let weightDecay: Double?
    let rate: ParameterGroup.Rate
    let isActive: Bool
    let isMaterialised: Bool
    /// Absent in older checkpoints.
    let keepsGradients: Bool?
    let clock: Int
    let moments: [String]
    let extras: [String]

    init(_ group: ParameterGroup) {
        name = group.name
        variables = group.variables.map(\.name)
        weightDecay = group.weightDecay
        rate = group.rate
        isActive = group.isActive
        isMaterialised = group.values != nil
        keepsGradients = group.keepsGradients
        clock = group.clock
        moments = group.moments.keys.sorted()
        extras = group.extras.keys.sorted()
    }
}
