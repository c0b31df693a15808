import JSON

/// What a merge did, and how well it held: `graft_merge.json` of the merged folder.
public struct MergeReport: Sendable, Equatable {
    /// The name of the file.
    public static let fileName = "graft_merge.json"

    /// Tensors of the merged checkpoint.
    public var tensors = 0
    /// Those whose numbers changed.
    public var changed = 0
    /// Names of tensors that the base lacks: a new task's head.
    public var added: [String] = []
    /// Names of weights that were shared and no longer are.
    public var untied: [String] = []
    /// The element type of the checkpoint's weights.
    public var dtype = ""
    /// The largest difference between fp32 and fp64 arithmetic on a sample of the merged weights, as a share of the
    /// largest weight.
    public var arithmeticError = 0.0
    /// The largest loss by rounding to the checkpoint's type, as a share of the largest weight of its tensor.
    public var roundingError = 0.0
    /// Batches that both models were run on.
    public var probes = 0
    /// The largest difference of an output between the merged model and the base with the adapter.
    public var absoluteDeviation = 0.0
    /// The largest output, which the deviation is held against.
    public var outputScale = 0.0
    /// `absoluteDeviation` as a share of `outputScale`.
    public var relativeDeviation = 0.0
    /// The largest relative deviation that is accepted.
    public var bound = 0.0
    /// The adapter's base digest, where it has one.
    public var baseDigest: String?
    /// Digest of the adapter's weights file.
    public var adapterDigest = ""

    /// The report as JSON.
    public var json: JSON {
        [
            "tensors": .int(Int64(tensors)), "changed": .int(Int64(changed)),
            "added": .array(added.map(JSON.string)), "untied": .array(untied.map(JSON.string)),
            "dtype": .string(dtype), "arithmetic_error": .double(arithmeticError),
            "rounding_error": .double(roundingError), "probes": .int(Int64(probes)),
            "absolute_deviation": .double(absoluteDeviation), "output_scale": .double(outputScale),
            "relative_deviation": .double(relativeDeviation), "bound": .double(bound),
            "base_digest": baseDigest.map(JSON.string) ?? .null, "adapter_digest": .string(adapterDigest),
        ]
    }
}
