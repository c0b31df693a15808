import Networks
import Torch

/// A layer case on its way through a method's real grafts: the model with the case's weights, and what came out so far.
///
/// A case of one layer names its tensors `base.weight`, `param.scale`, `out.y`; one of several puts the layer before
/// them: `base.kv.weight`, `param.kv.scale`, `out.kv.y`.
///
///     var layer = try LayerCase(golden)
///     let graft: SSFGraft = try layer.graft(try method.grafts(for: layer.model, key: RandomKey(seed: 0)))
///     try layer.replay(["scale": graft.scale, "shift": graft.shift])
///     try layer.produceMerged()
///     return try layer.result()
public struct LayerCase {
    /// The case.
    public let golden: GoldenCase
    /// The linear layers with the case's base weights.
    public let model: Model
    /// What came out so far.
    public var comparison: Comparison
    private let layers: [String]

    /// - Parameter layers: how the case calls its layers, in the order in which they compute; the empty name is the one
    ///   whose tensors have no prefix.
    public init(_ golden: GoldenCase, layers: [String] = [""]) throws {
        self.golden = golden
        self.layers = layers
        comparison = Comparison(golden)
        let chain = try layers.map { layer in
            let prefix = LayerCase.prefix(layer)
            let weight = try golden.tensor("base.\(prefix)weight")
            var part = ProjectionChain.Layer(
                path: LayerCase.path(layer), weight: weight, bias: try golden.optional("base.\(prefix)bias"))
            part.convolution = try weight.rank == 4 ? LayerCase.convolution(golden, weight) : nil
            return part
        }
        // A case in double precision is held against bounds that single precision does not reach.
        let isDouble = try chain.contains { try $0.weight.dtype == .float64 }
        model = try ProjectionChain.model(chain, dtype: isDouble ? .float64 : .float32)
    }

    /// A convolution of the weight's sizes; its stride, padding and groups are the configuration's.
    private static func convolution(_ golden: GoldenCase, _ weight: Tensor) throws -> Projection.Convolution {
        func pair(_ key: String) throws -> [Int]? {
            guard let node = try golden.config.optional(key) else { return nil }
            guard case .array = node.value else { return [try node.count(from: 0), try node.count(from: 0)] }
            let sizes = try node.elements().map { try $0.count(from: 0) }
            guard sizes.count == 2 else { throw GoldenError.unread("\(key) has \(sizes.count) numbers, not 2") }
            return sizes
        }
        let sizes = try weight.shape
        let groups = try golden.config.optional("groups")?.count() ?? 1
        var shape = Projection.Convolution(
            input: sizes[1] * groups, output: sizes[0], kernel: Array(sizes[2...]),
            stride: try pair("stride") ?? pair("patch_size") ?? [1, 1])
        shape.padding = try pair("padding") ?? [0, 0]
        shape.groups = groups
        return shape
    }

    /// A case of one layer of any kind, in a model of the caller's.
    /// - Parameter model: has the layer at `SingleProjection.path`, and runs from `pixelValues` on.
    public init(_ golden: GoldenCase, model: Model) {
        self.golden = golden
        self.model = model
        layers = [""]
        comparison = Comparison(golden)
    }

    /// Where a layer of the case is in the model.
    public static func path(_ layer: String) -> String {
        layer.isEmpty ? SingleProjection.path : layer
    }

    private static func prefix(_ layer: String) -> String {
        layer.isEmpty ? "" : layer + "."
    }

    /// Puts a method's grafts on the model.
    public func add(_ set: GraftSet) throws {
        try model.add(set, named: "default")
    }

    /// Puts a method's grafts on the model and gives that of one layer.
    /// - Throws: `TorchError.invalid` where the method made none, or one of another type.
    public func graft<Graft: ProjectionGraft>(
        _ set: GraftSet, at layer: String = "", as type: Graft.Type = Graft.self
    ) throws -> Graft {
        if model.adapters.isEmpty { try add(set) }
        guard let graft = set.projections[LayerCase.path(layer)] as? Graft else {
            throw TorchError.invalid("\(golden.slug) made no \(type) for the layer \(LayerCase.path(layer))")
        }
        return graft
    }

    /// Loads `param.*`, runs the model on `in.x` and back from `in.cotangent`, and notes `out.y`, `grad.x` and the
    /// gradient of every parameter.
    /// - Parameters:
    ///   - parameters: variables by the case's names for them.
    ///   - layer: the only layer to run; nil for all, one after the other.
    ///   - prefix: goes before the names of the input, the outputs and the parameters: `0.` for `in.0.x`.
    public mutating func replay(
        _ parameters: KeyValuePairs<String, Variable>, through layer: String? = nil, prefix: String = "",
        _ context: ForwardContext = ForwardContext()
    ) throws {
        for (name, variable) in parameters {
            try load(variable, golden.tensor("param.\(prefix)\(name)"))
            try variable.value.setGrad(nil)
        }
        let x = try golden.tensor("in.\(prefix)x").clone().setRequiresGrad(true)
        let y = try forward(x, through: layer, context)
        comparison.produced("out.\(prefix)y", y)
        try (y * golden.tensor("in.\(prefix)cotangent")).sum().backward()
        for (name, tensor) in parameters.map({ ("param.\(prefix)\($0.key)", $0.value.value) })
            + [("in.\(prefix)x", x)]
        {
            guard let gradient = try tensor.grad else { continue }
            // Cases spell a gradient with and without the kind of its tensor.
            comparison.produced("grad." + name, gradient)
            comparison.produced("grad." + name.drop { $0 != "." }.dropFirst(), gradient)
        }
    }

    private func load(_ variable: Variable, _ tensor: Tensor) throws {
        guard try tensor.dtype == .float64, try tensor.shape == variable.value.shape else {
            return try variable.load(tensor)
        }
        try variable.replace(with: tensor.clone())
    }

    /// What the model gives for an input, or one layer of it alone.
    public func forward(
        _ x: Tensor, through layer: String? = nil, _ context: ForwardContext = ForwardContext()
    ) throws -> Tensor {
        guard let layer else { return try model(ModelInput(pixelValues: x), context).lastHiddenState }
        return try projection(layer)(x, context)
    }

    /// Notes `out.merged_weight` and `out.merged_bias` of every layer, as merging into the model gives them.
    public mutating func produceMerged() throws {
        for layer in layers {
            let (prefix, merged) = (LayerCase.prefix(layer), try merged(layer))
            comparison.produced("out.\(prefix)merged_weight", merged.weight)
            if let bias = merged.bias { comparison.produced("out.\(prefix)merged_bias", bias) }
        }
    }

    /// Weight and bias of a layer with its grafts folded in, as merging into the model gives them.
    public func merged(_ layer: String = "") throws -> (weight: Tensor, bias: Tensor?) {
        try model.merge()
        defer { try? model.unmerge() }
        let projection = try projection(layer)
        return (projection.weight.value, projection.bias?.value)
    }

    /// Notes an output under the case's name for it.
    public mutating func produced(_ name: String, _ tensor: Tensor) {
        comparison.produced(name, tensor)
    }

    /// The verdict.
    public func result() throws -> CaseResult {
        try comparison.result()
    }

    private func projection(_ layer: String) throws -> Projection {
        guard let projection = model.projections[LayerCase.path(layer)] else {
            throw TorchError.invalid("the case \(golden.name) has no layer \(layer)")
        }
        return projection
    }
}
