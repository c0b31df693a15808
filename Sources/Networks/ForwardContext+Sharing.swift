import Torch

/// What was made of one input.
struct SharedTensor {
    let owner: AnyObject
    let input: Tensor.Mark
    let made: Tensor
}

extension ForwardContext {
    /// What `make` makes of `x`, made once for grafts with the same `owner` that see the same input one after the other,
    /// as those of queries, keys and values do. `make` must be a function of `x` and of the owner alone.
    ///
    /// With gradient checkpointing everybody makes it: a block that runs again must save what it saved before, and its
    /// input may be the one that was seen last.
    public func shared(by owner: AnyObject, of x: Tensor, make: () throws -> Tensor) throws -> Tensor {
        if gradientCheckpointing { return try make() }
        let place = sharedTensors.firstIndex { $0.owner === owner }
        if let place, sharedTensors[place].input.isOn(x),
            try sharedTensors[place].made.requiresGrad == x.requiresGrad
        {
            return sharedTensors[place].made
        }
        let entry = SharedTensor(owner: owner, input: Tensor.Mark(x), made: try make())
        if let place { sharedTensors[place] = entry } else { sharedTensors.append(entry) }
        return entry.made
    }
}
