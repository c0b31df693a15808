import Networks
import Torch

/// What becomes of a variable's moments when another tensor takes its place.
public enum MomentTransfer: Sendable, Equatable {
    /// They begin at zero.
    case zeros
    /// They stay, and are zero where the tensor has grown at the end of its dimensions.
    case extended
    /// Index `i` of a dimension takes those that index `indices[i]` had, or zero where that is negative.
    case taken(dimension: Int, indices: [Int])
}

extension Trainables {
    /// Puts a tensor of any shape in a variable's place, in the middle of a training. Moments and gradient follow as
    /// told; other variables, and the group's clock, keep what they have.
    /// - Throws: `OptimizationError.group` where the transfer does not fit the shapes.
    public func replace(_ variable: Variable, with tensor: Tensor, moments transfer: MomentTransfer) throws {
        guard let group = group(of: variable) else {
            throw OptimizationError.group("`\(variable.name)` is in no group: replace its tensor directly")
        }
        try group.replace(variable, with: tensor.detach(), transfer, on: device)
        try onReplaced?()
    }
}

extension ParameterGroup {
    fileprivate func replace(_ variable: Variable, with tensor: Tensor, _ transfer: MomentTransfer, on device: Device)
        throws
    {
        guard values != nil else {
            try variable.replace(with: tensor)
            try variable.value.setRequiresGrad(isActive)
            entries = try ParameterGroup.entries(variables, shapes: variables.map { try $0.value.shape })
            return
        }
        let shape = try tensor.shape
        try withoutGradients {
            // Everything is computed before anything changes: a transfer that does not fit leaves the group whole.
            let moments = try moments.mapValues { try rebuilt($0, variable, shape, transfer) }
            let gradients = try gradients.map { try rebuilt($0, variable, shape, transfer) }
            try setGradients(nil)
            try lay(out: entries.map { $0.variable === variable ? tensor : try $0.variable.value.detach() }, on: device)
            self.moments = moments
            if let gradients { try setGradients(gradients) }
        }
    }

    /// A flat buffer with another stretch for one variable.
    private func rebuilt(_ buffer: Tensor, _ variable: Variable, _ shape: [Int], _ transfer: MomentTransfer) throws
        -> Tensor
    {
        try Tensor.cat(
            entries.map { entry in
                let view = try entry.view(buffer)
                let kept = entry.variable === variable ? try transfer.apply(to: view, shape: shape) : view
                return try kept.reshape([-1])
            })
    }
}

extension MomentTransfer {
    /// A moment for the new shape.
    func apply(to moment: Tensor, shape: [Int]) throws -> Tensor {
        let old = try moment.shape
        let zeros = try Tensor.zeros(shape, dtype: moment.dtype, device: moment.device)
        switch self {
        case .zeros:
            return zeros
        case .extended:
            guard old.count == shape.count, zip(old, shape).allSatisfy({ $0 <= $1 }) else {
                throw OptimizationError.group("moments of shape \(old) do not extend to \(shape)")
            }
            var corner = zeros
            for (dimension, size) in old.enumerated() { corner = try corner.narrow(dimension, 0, size) }
            try corner.copyInPlace(moment)
            return zeros
        case .taken(let dimension, let indices):
            var expected = old
            guard old.indices.contains(dimension), indices.allSatisfy({ $0 < old[dimension] }) else {
                throw OptimizationError.group("moments of shape \(old) have no such indices of dimension \(dimension)")
            }
            expected[dimension] = indices.count
            guard expected == shape else {
                throw OptimizationError.group("the moments would have shape \(expected), the tensor has \(shape)")
            }
            // One more index, of zeros, stands for all negative ones.
            var blank = old
            blank[dimension] = 1
            let padded = try Tensor.cat(
                [moment, Tensor.zeros(blank, dtype: moment.dtype, device: moment.device)], dim: dimension)
            let places = indices.map { Int64($0 < 0 ? old[dimension] : $0) }
            return try padded.indexSelect(dimension, Tensor(places).to(moment.device))
        }
    }
}
