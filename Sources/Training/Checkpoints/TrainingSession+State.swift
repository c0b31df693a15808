import JSON
import Methods
import Networks
import Optimization
import Torch

/// Everything that the rest of a training depends on, besides its progress.
struct TrainingState {
    /// `adapter.<variable>`, `optimizer.<group>/…` and `method.<name>`.
    var tensors: [(name: String, tensor: Tensor)]
    /// The groups and their clocks.
    var trainables: JSON
    /// The method's own plain values, null where there are none.
    var method: JSON

    /// A state that what is trained further leaves alone.
    func copied() throws -> TrainingState {
        var copy = self
        copy.tensors = try tensors.map { (name: $0.name, tensor: try $0.tensor.detach().clone()) }
        return copy
    }
}

/// Tensors by name, from a file or from memory.
private struct TensorSource {
    let contains: (String) -> Bool
    let tensor: (String) throws -> Tensor
}

extension TrainingSession {
    /// The state of this moment.
    func state() throws -> TrainingState {
        let optimizer = try trainables.state()
        let method = try lifecycle?.state()
        var tensors = stateVariables.filter { !isUntouchedCopy($0) }.map {
            (name: "adapter." + $0.name, tensor: $0.value)
        }
        tensors += optimizer.tensors.map { (name: "optimizer." + $0.name, tensor: $0.tensor) }
        tensors += (method?.tensors ?? [:]).sorted { $0.key < $1.key }.map {
            (name: "method." + $0.key, tensor: $0.value)
        }
        return TrainingState(
            tensors: tensors, trainables: optimizer.description,
            method: method.map { ["values": $0.values, "tensors": .array($0.tensors.keys.sorted().map(JSON.string))] }
                ?? .null)
    }

    /// Puts the session where a state in a file was.
    func restore(_ file: SafetensorsFile, trainables description: JSON.Node, method: JSON.Node) throws {
        try restore(
            TensorSource(contains: file.contains, tensor: file.tensor), trainables: description, method: method)
    }

    /// Puts the session where a state in memory was.
    func restore(_ state: TrainingState) throws {
        let tensors = Dictionary(state.tensors.map { ($0.name, $0.tensor) }, uniquingKeysWith: { first, _ in first })
        let source = TensorSource(contains: { tensors[$0] != nil }) { name in
            guard let tensor = tensors[name] else {
                throw NetworkError.missingTensor(name: name, source: "the copy of the state", nearest: nil)
            }
            return tensor
        }
        try restore(source, trainables: JSON.Node(state.trainables), method: JSON.Node(state.method))
    }

    /// First the method makes its variables as they were, then their values come, then the groups with what the
    /// optimizer remembers.
    private func restore(_ file: TensorSource, trainables description: JSON.Node, method: JSON.Node) throws {
        if !method.isNull {
            var state = LifecycleState(values: try method.field("values").value)
            for name in try method.field("tensors").elements() {
                state.tensors[try name.string()] = try file.tensor("method." + name.string()).to(device).clone()
            }
            try lifecycle?.restore(state)
        }
        for variable in stateVariables {
            // A variable beside the adapter that came after the state was taken: its group goes with the others.
            let isBeside = !grafts.variables.contains { $0 === variable }
            if isBeside, !file.contains("adapter." + variable.name) { continue }
            try restore(variable, from: file)
        }
        let variables = Dictionary(stateVariables.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        try trainables.restore(
            description, variable: { variables[$0] }, tensor: { try file.tensor("optimizer." + $0) })
        try trainables.freezeOthers(of: grafts)
    }
}

extension TrainingSession {
    /// The adapter's variables, and those that the method trains beside it.
    private var stateVariables: [Variable] {
        var names: Set<String> = []
        return (grafts.variables + trainables.variables).filter { names.insert($0.name).inserted }
    }

    /// True for a copy of a base parameter that was never trained: it still is the base's tensor, and needs no place in
    /// a checkpoint.
    private func isUntouchedCopy(_ variable: Variable) -> Bool {
        guard grafts.parameters[variable.name] === variable, let group = trainables.group(of: variable) else {
            return false
        }
        return group.values == nil
    }

    /// Takes a variable's value from a checkpoint. A tensor of its own, not the numbers alone: the variable's may still
    /// be the base's.
    private func restore(_ variable: Variable, from file: TensorSource) throws {
        let name = "adapter." + variable.name
        if !file.contains(name), let base = model.parameters[variable.name]?.base,
            grafts.parameters[variable.name] != nil
        {
            return try variable.replace(with: base)
        }
        let stored = try file.tensor(name)
        let (expected, found) = (try variable.value.shape, try stored.shape)
        // Only a method with a lifecycle can have changed a shape.
        guard expected == found || lifecycle != nil else {
            throw NetworkError.shape(name: variable.name, expected: expected, found: found)
        }
        try variable.replace(with: stored.to(variable.value.dtype).to(device).clone())
    }
}
