import Golden
import JSON
import Networks
import Optimization
import Support
import Torch

/// (IA)³: learned vectors that rescale activations, as Hugging Face peft computes them. No matrix is added.
///
///     y = (x Wᵀ + b) ∘ l        outputs, such as those of keys and values; the bias is scaled as well
///     y = (x ∘ l) Wᵀ + b        inputs, where `feedforward_modules` name the module
///
/// l is [out, 1] in the first case and [1, in] in the second ([1, channels, 1, 1] for a convolution); it starts at one,
/// so that a fresh adapter computes what the base does. Of several adapters the vectors multiply. Merging scales rows or
/// columns of W, exactly.
///
/// Options have peft's names. Names in `target_modules` end at a dot of the path, those in `feedforward_modules` anywhere,
/// as in peft: with BERT's, `output.dense` also means `attention.output.dense`. Without `target_modules` the keys, values
/// and second feed-forward layers are meant; peft's lists differ by family (query and value for Gemma and Qwen), which
/// the paper does not ask for. The vectors are not decayed, since that would pull them towards zero, not one.
///
/// Source: Liu et al. 2022 (arXiv:2205.05638), section 3.3. T-Few's losses are not part of it.
public struct IA3: TargetsModules, Equatable {
    /// Which projections; keys, values and second feed-forward layers by default.
    public var targeting = Targeting()
    /// Modules among them whose inputs are scaled; nil for the second feed-forward layers.
    public var feedforwardModules: TargetModules?
    /// The vectors start at one; otherwise they are drawn from a standard normal, which is not the base.
    public var initIA3Weights = true

    /// peft's defaults.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "ia3", summary: "Learned vectors rescale keys, values and the inputs of second feed-forward layers.",
        family: "scaling", sites: "linear and convolution projections, input or output",
        paper: "Liu et al. 2022, arXiv:2205.05638", initContract: .equalsBase, mergeContract: .exact)

    /// Its options.
    public static let options: [MethodOption<IA3>] = [
        .targetModules, .excludeModules,
        .init("feedforward_modules", \.feedforwardModules),
        .init("init_ia3_weights", \.initIA3Weights),
        .modulesToSave,
    ]

    /// Refuses combinations that cannot be, before any model is needed.
    public func validate() throws {
        guard case .list(let targets)? = targetModules, case .list(let inputs)? = feedforwardModules else { return }
        if let stray = inputs.first(where: { !targets.contains($0) }) {
            throw MethodError.option("feedforward_modules: `\(stray)` is not among target_modules: name it there too")
        }
    }

    /// The names of keys, values and feed-forward layers in the families, with those whose inputs are scaled.
    private static let conventions: [(targets: [String], inputs: [String])] = [
        (["k_proj", "v_proj", "down_proj"], ["down_proj"]), (["qkv_proj", "down_proj"], ["down_proj"]),
        (["key", "value", "output.dense"], ["output.dense"]), (["k", "v", "wo"], ["wo"]),
        (["q_proj", "v_proj", "fc2"], ["fc2"]), (["c_attn", "mlp.c_proj"], ["mlp.c_proj"]),
        (["qkv", "mlp.fc2"], ["mlp.fc2"]),
    ]

    /// A vector for each chosen projection.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        let paths = model.projections.keys.map(start.names)
        let convention = IA3.conventions.first { names in
            names.targets.allSatisfy { name in paths.contains { ModuleSelection.means(name, $0) } }
        }
        guard let targets = targetModules ?? convention.map({ .list($0.targets) }) else {
            throw MethodError.option(
                "target_modules: this model's keys, values and feed-forward layers have no names that are known; name the "
                    + "modules (`graft inspect MODEL` lists them)")
        }
        var targeting = targeting
        targeting.targetModules = targets
        let selection = TargetSelection(targeting, names: start.names, isStrict: start.isStrict)
        let projections = try selection.projections(of: model)
        let inputs = feedforwardModules ?? .list(convention?.inputs ?? [])
        var set = GraftSet()
        for projection in projections {
            set.projections[projection.path] = try IA3Graft(
                at: projection, scalesInput: IA3.means(inputs, start.names(projection.path)),
                isIdentity: initIA3Weights, key: start.key.derived(projection.path))
        }
        try requireInputs(among: projections, start)
        try set.addModules(modulesToSave, of: model)
        return set
    }

    /// Keeps the vectors from decaying.
    public func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        IA3Lifecycle()
    }

    /// True where peft would scale the input: a name is the end of the path, wherever it begins.
    private static func means(_ inputs: TargetModules, _ path: String) throws -> Bool {
        switch inputs {
        case .list(let names): names.contains { path.hasSuffix($0) }
        case .pattern(let pattern):
            try ModulePattern(pattern, option: "feedforward_modules").matchesWhole(path)
        }
    }

    /// A pattern that is written down must mean one of the adapted modules.
    private func requireInputs(among projections: [Projection], _ start: GraftStart) throws {
        guard start.isStrict, let feedforwardModules else { return }
        let paths = projections.map { start.names($0.path) }
        let options: [(String, TargetModules)] =
            switch feedforwardModules {
            case .list(let names): names.map { ($0, .list([$0])) }
            case .pattern(let pattern): [(pattern, feedforwardModules)]
            }
        for (name, option) in options where try !paths.contains(where: { try IA3.means(option, $0) }) {
            throw MethodError.unmatched(
                option: "feedforward_modules", pattern: name, nearest: nearestMatch(to: name, in: paths))
        }
    }
}

// MARK: Graft

/// The vector of one projection.
public final class IA3Graft: ProjectionGraft {
    /// l: [out, 1] for outputs, [1, in] for inputs; [1, channels, 1, 1] for a convolution.
    public let scale: Variable
    /// Whether the input is scaled rather than the output.
    public let scalesInput: Bool

    init(at site: Projection, scalesInput: Bool, isIdentity: Bool, key: RandomKey) throws {
        let size = scalesInput ? site.inputSize : site.outputSize
        let shape: [Int]
        switch site.kind {
        case .linear, .transposedLinear: shape = scalesInput ? [1, size] : [size, 1]
        case .convolution: shape = [1, size, 1, 1]
        case .embedding:
            throw MethodError.option(
                "target_modules: \(site.path) is an embedding; ia3 scales linear layers and convolutions only")
        }
        self.scalesInput = scalesInput
        scale = try Variable("\(site.path).ia3_l", isIdentity ? .ones(shape) : .normal(shape, key: key))
    }

    /// l alone.
    public var variables: [Variable] { [scale] }

    /// x ∘ l where inputs are scaled.
    public func input(_ x: Tensor, at site: Projection, _ context: ForwardContext) throws -> Tensor {
        scalesInput ? try scaled(x, at: site) : x
    }

    /// y ∘ l where outputs are scaled.
    public func adding(
        to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor {
        scalesInput ? output : try scaled(output, at: site)
    }

    private func scaled(_ x: Tensor, at site: Projection) throws -> Tensor {
        if case .convolution = site.kind { return try (x * scale.value).to(x.dtype) }
        return try (x * scale.value.reshape([-1])).to(x.dtype)
    }

    /// Rows of the weight and the bias times l, or columns of the weight.
    public func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        try withoutGradients {
            let vector = try scale.value.to(weight.dtype).reshape([-1])
            let groups = if case .convolution(let shape) = site.kind { shape.groups } else { 1 }
            // A group's rows see the channels of that group only.
            let rows = try site.matrix(weight).reshape([groups, site.outputSize / groups, -1])
            let columns = try vector.reshape([groups, 1, -1]).repeatInterleave(kernelSize(site), dim: 2)
            let changed = try rows * (scalesInput ? columns : vector.reshape([groups, -1, 1]))
            let matrix = try changed.reshape([site.outputSize, -1])
            return (try site.layout(matrix), scalesInput ? bias : try bias.map { try $0 * vector })
        }
    }

    private func kernelSize(_ site: Projection) -> Int {
        if case .convolution(let shape) = site.kind { shape.kernel.reduce(1, *) } else { 1 }
    }
}

/// Trains the vectors without weight decay, whatever the run's.
private final class IA3Lifecycle: Lifecycle {
    var worksWithoutGradients: Bool { true }

    func groups(of variables: [Variable]) throws -> [ParameterGroup] {
        let scales = variables.filter { $0.name.hasSuffix(".ia3_l") }
        let modules = variables.filter { !$0.name.hasSuffix(".ia3_l") }
        let groups = [
            try ParameterGroup("scales", scales, weightDecay: 0), try ParameterGroup("modules", modules),
        ]
        return groups.filter { $0.count > 0 }
    }
}

// MARK: peft

extension IA3: PeftMethod {
    /// `IA3Config` and its tensors. `fan_in_fan_out` is ignored: the layer itself tells its layout.
    public static let peft = PeftFormat(
        types: ["IA3"], endings: [.init("ia3_l")], ignoredKeys: ["fan_in_fan_out"],
        fixedKeys: ["fan_in_fan_out": false])

    /// Every vector, with the modules by name where peft's own lists might mean others.
    public func peftExport(_ grafts: GraftSet, on model: Model, form: AdapterForm) throws -> PeftExport {
        var (export, method) = (try plainExport(grafts, form: form), self)
        let own = grafts.projections.compactMap { path, graft in (graft as? IA3Graft).map { (path, $0) } }
        // Both together: peft wants the one list to be part of the other.
        if targetModules == nil || feedforwardModules == nil {
            method.targetModules = .list(own.map(\.0))
            method.feedforwardModules = .list(own.filter(\.1.scalesInput).map(\.0))
        }
        export.method = method
        return export
    }
}

// MARK: Golden cases

extension IA3 {
    /// A chain of a layer whose outputs are scaled and one whose inputs are.
    public static let replays = [GoldenReplay("ia3", body: chain)]

    private static func chain(_ golden: GoldenCase) throws -> CaseResult {
        let layers = ["kv", "ff"]
        var layer = try LayerCase(golden, layers: layers)
        var method = IA3()
        method.targetModules = .list(layers)
        method.feedforwardModules = .list(try golden.config.field("feedforward_modules").strings())
        method.initIA3Weights = try golden.config.optional("init_ia3_weights")?.bool() ?? true
        let set = try method.grafts(for: layer.model, key: RandomKey(seed: 0))
        let (kv, ff): (IA3Graft, IA3Graft) = (try layer.graft(set, at: "kv"), try layer.graft(set, at: "ff"))
        layer.produced("out.kv.ia3_l_init", try kv.scale.value.detach().clone())
        layer.produced("out.ff.ia3_l_init", try ff.scale.value.detach().clone())
        try layer.replay(["kv.ia3_l": kv.scale, "ff.ia3_l": ff.scale])
        try layer.produceMerged()
        return try layer.result()
    }
}
