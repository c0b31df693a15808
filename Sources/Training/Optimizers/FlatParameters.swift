import Networks
import Torch

/// All trainable tensors of a run in one buffer, and their gradients in another: an update is a few kernels however many
/// tensors there are.
final class FlatParameters {
    /// A tensor's place in the buffers.
    struct Entry {
        let name: String
        let offset: Int
        let count: Int
        let shape: [Int]
    }

    let entries: [Entry]
    let values: Tensor
    let gradients: Tensor
    private let variables: [Variable]
    private let gradientViews: [Tensor]

    /// Moves the variables' tensors into the buffer; from now on they are views of it.
    init(_ variables: [Variable], device: Device) throws {
        guard !variables.isEmpty else { throw TrainingError.option("method: nothing is trainable with these options") }
        var entries: [Entry] = []
        var offset = 0
        for variable in variables {
            let shape = try variable.value.shape
            let count = shape.reduce(1, *)
            entries.append(Entry(name: variable.name, offset: offset, count: count, shape: shape))
            offset += count
        }
        let flat = try Tensor.cat(
            variables.map { try $0.value.detach().to(.float32).to(device).reshape([-1]) })
        let gradients = try Tensor.zeros([offset], device: device)
        gradientViews = try entries.map { try gradients.narrow(0, $0.offset, $0.count).reshape($0.shape) }
        for (variable, entry) in zip(variables, entries) {
            try variable.replace(with: flat.narrow(0, entry.offset, entry.count).reshape(entry.shape))
        }
        self.entries = entries
        self.variables = variables
        self.gradients = gradients
        values = flat
    }

    /// Number of trainable elements.
    var count: Int { entries.reduce(0) { $0 + $1.count } }

    /// Clears the gradients, and lets the backward add to them in place.
    func clearGradients() throws {
        try gradients.zeroInPlace()
        for (variable, view) in zip(variables, gradientViews) { try variable.value.setGrad(view) }
    }

    /// The first tensor whose gradient is not finite.
    func firstNotFinite() throws -> String? {
        for (entry, view) in zip(entries, gradientViews) where try !view.isAllFinite() { return entry.name }
        return nil
    }
}
