import JSON
import Networks

/// What a timm `config.json` says of a VisionTransformer: the architecture's name, and `model_args` where a checkpoint
/// differs from it.
struct ViTTimmSettings {
    /// How the tokens become one vector for the head.
    enum Pooling: String, CaseIterable {
        case token
        case average = "avg"
        case maximum = "max"
        case averageAndMaximum = "avgmax"
    }

    var patches: PatchEmbedding.Settings
    var width: Int
    var depth: Int
    var heads: Int
    var intermediate: Int
    var activation: Activation
    var eps: Double
    var qkvBias: Bool
    var projectionBias: Bool
    /// Norms on each head's queries and keys.
    var normalizesHeads: Bool
    /// A learnt factor for each channel of a branch.
    var scalesBranches: Bool
    var hasClassToken: Bool
    var registers: Int
    var hasPositions: Bool
    /// Class token and registers have positions, too.
    var positionsCoverPrefix: Bool
    /// A norm before the first block; the patches then have no bias.
    var normalizesInput: Bool
    /// A norm over all tokens after the last block.
    var normalizesTokens: Bool
    /// A norm after the pooling instead.
    var normalizesPooled: Bool
    var pooling: Pooling
    var poolsPrefix: Bool
    var headDropout: Double
    var positionDropout: Double
    var projectionDropout: Double
    var attentionDropout: Double
    /// Probability, in training, that a row skips a branch: rising from 0 at the first block to this at the last.
    var pathDropout: Double

    /// Class token and registers.
    var prefixCount: Int { (hasClassToken ? 1 : 0) + registers }

    init(_ config: ModelConfig) throws {
        let name = try config.architecture ?? ""
        guard let preset = ViTTimmPreset(named: name) else {
            throw NetworkError.unsupported("config.json: architecture `\(name)` is not supported yet")
        }
        let arguments = try ViTTimmSettings.arguments(of: config)
        let published = try config.nested("pretrained_cfg") ?? ModelConfig(.object([:]))
        patches = try ViTTimmSettings.patches(arguments, published, preset)
        width = try arguments.int("embed_dim", default: preset.width)
        depth = try arguments.int("depth", default: preset.depth)
        heads = try arguments.int("num_heads", default: preset.heads)
        let ratio = try arguments.positive("mlp_ratio", default: preset.mlpRatio)
        guard width % heads == 0, Double(width) * ratio < 1e12 else {
            throw NetworkError.unsupported(
                "config.json: embed_dim \(width) does not go with num_heads \(heads) and mlp_ratio \(ratio)")
        }
        intermediate = Int(Double(width) * ratio)
        activation = try ViTTimmSettings.activation(arguments, default: preset.activation)
        try arguments.require("norm_layer", in: ["layernorm"])
        eps = try arguments.optional("norm_layer") == nil ? preset.eps : ViTTimmPreset.usualEps

        qkvBias = try arguments.bool("qkv_bias", default: preset.qkvBias)
        projectionBias = try arguments.bool("proj_bias", default: true)
        normalizesHeads = try arguments.bool("qk_norm", default: false)
        scalesBranches = try arguments.double("init_values", default: preset.scalesBranches ? 1 : 0) != 0
        hasClassToken = try arguments.bool("class_token", default: true)
        registers = try arguments.optional("reg_tokens")?.int(in: 0...1 << 16) ?? preset.registers
        let positions = try arguments.string("pos_embed", default: "learn")
        try arguments.require("pos_embed", in: ["learn", "none", ""])
        hasPositions = positions == "learn"
        positionsCoverPrefix = try !arguments.bool("no_embed_class", default: !preset.positionsCoverPrefix)
        normalizesInput = try arguments.bool("pre_norm", default: preset.normalizesInput)

        pooling = try ViTTimmSettings.pooling(config, arguments, published)
        poolsPrefix = try arguments.bool("pool_include_prefix", default: false)
        let hasNorm = try arguments.bool("final_norm", default: true)
        let normFollows = try arguments.bool("fc_norm", default: pooling != .token)
        normalizesTokens = hasNorm && !normFollows
        normalizesPooled = hasNorm && normFollows

        headDropout = try arguments.rate("drop_rate", default: 0)
        positionDropout = try arguments.rate("pos_drop_rate", default: 0)
        projectionDropout = try arguments.rate("proj_drop_rate", default: 0)
        attentionDropout = try arguments.rate("attn_drop_rate", default: 0)
        pathDropout = try arguments.rate("drop_path_rate", default: 0)
        guard hasClassToken || pooling != .token else {
            throw NetworkError.unsupported("config.json: global_pool `token` needs a class token")
        }
    }

    /// The image and how it is cut: as the arguments say, as the published configuration does, or as the preset has it.
    private static func patches(
        _ arguments: ModelConfig, _ published: ModelConfig, _ preset: ViTTimmPreset
    ) throws -> PatchEmbedding.Settings {
        let input = try published.optional("input_size")?.elements()
        let image = try input.map { input in
            guard input.count == 3 else { throw NetworkError.input("config.json: input_size must hold 3 numbers") }
            return try Extent(height: input[1].int(in: 1...1 << 16), width: input[2].int(in: 1...1 << 16))
        }
        let side = Extent(height: preset.side, width: preset.side)
        return try .init(
            image: arguments.extent("img_size", default: image ?? side),
            patch: arguments.extent("patch_size", default: .init(height: preset.patch, width: preset.patch)),
            channels: arguments.int("in_chans", default: input?[0].int(in: 1...1 << 16) ?? 3))
    }

    /// The number of classes; 0 for a network without head.
    static func classCount(_ config: ModelConfig) throws -> Int {
        let arguments = try config.nested("model_args")
        let published = try config.nested("pretrained_cfg")
        let count = try [arguments, config, published].compactMap { try $0?.optional("num_classes") }.first
        return try count?.int(in: 0...1 << 40) ?? 1000
    }
}

// MARK: Fields

extension ViTTimmSettings {
    /// Arguments of timm's class that this network reads, or that act in timm's own set-up alone.
    private static let known: Set<String> = [
        "img_size", "patch_size", "in_chans", "num_classes", "global_pool", "embed_dim", "depth", "num_heads",
        "mlp_ratio", "qkv_bias", "proj_bias", "qk_norm", "init_values", "class_token", "pos_embed", "no_embed_class",
        "reg_tokens", "pre_norm", "final_norm", "fc_norm", "pool_include_prefix", "drop_rate", "pos_drop_rate",
        "proj_drop_rate", "attn_drop_rate", "drop_path_rate", "norm_layer", "act_layer", "weight_init", "fix_init",
    ]

    /// `model_args`, without anything that the network would have to ignore.
    private static func arguments(of config: ModelConfig) throws -> ModelConfig {
        guard let arguments = try config.nested("model_args") else { return ModelConfig(.object([:])) }
        for (key, value) in try arguments.node.members() where !known.contains(key) {
            switch value.value {
            case .null, .bool(false), .int(0), .double(0): continue
            default:
                throw NetworkError.unsupported(
                    "config.json: model_args sets \(key), which may change the result and is not supported yet")
            }
        }
        return arguments
    }

    /// timm writes what a model pools by beside `model_args`, which need not repeat it.
    private static func pooling(_ config: ModelConfig, _ arguments: ModelConfig, _ published: ModelConfig) throws
        -> Pooling
    {
        let fields = try [arguments, config, published].compactMap { try $0.optional("global_pool") }
        guard let field = fields.first else { return .token }
        let name = try field.string()
        guard let pooling = Pooling(rawValue: name) else {
            let list = Pooling.allCases.map(\.rawValue).joined(separator: ", ")
            throw NetworkError.unsupported(
                "config.json: global_pool `\(name)` is not supported yet; supported: \(list)")
        }
        return pooling
    }

    /// timm's names of activations, where they differ from Hugging Face's.
    private static func activation(_ arguments: ModelConfig, default preset: Activation) throws -> Activation {
        guard let name = try arguments.optional("act_layer")?.string() else { return preset }
        let others = ["gelu_tanh": "gelu_pytorch_tanh", "hard_swish": "hardswish"]
        return try Activation(named: others[name] ?? name, field: "config.json: act_layer")
    }
}
