import Torch

/// How far the outputs of two models on the same probes are apart.
struct OutputDeviation {
    /// The largest difference; infinite where an output is not a number.
    private(set) var absolute = 0.0
    /// The largest of the expected outputs.
    private(set) var scale = 0.0
    /// Batches that were compared.
    let probes: Int

    /// The difference as a share of the scale.
    var relative: Double { absolute == 0 ? 0 : absolute / scale }

    /// - Parameter subject: whose outputs the found ones are, for the error.
    /// - Throws: `AdapterError.merge` where the shapes differ.
    init(expected: [Tensor], found: [Tensor], of subject: String) throws {
        probes = found.count
        for (expected, found) in zip(expected, found) {
            guard try expected.shape == found.shape else {
                throw AdapterError.merge(
                    "\(subject)'s outputs have the shape \(try found.shape), not \(try expected.shape): its head is not "
                        + "the adapter's")
            }
            for (expected, found) in zip(try expected.pieces(), try found.pieces()) {
                let difference = try (expected - found).abs().amax().item()
                absolute = max(absolute, difference.isNaN ? .infinity : difference)
                scale = max(scale, try expected.abs().amax().item())
            }
        }
    }
}
