import JSON
import Methods
import Torch

/// A method with options as a configuration writes them.
func method<M: Methods.Method>(_ options: JSON, as type: M.Type = M.self) throws -> M {
    try JSON.Node(options, source: "options").decode(type)
}

extension Tensor {
    /// The largest difference.
    func distance(to other: Tensor) throws -> Double {
        try (self - other).abs().amax().item()
    }
}
