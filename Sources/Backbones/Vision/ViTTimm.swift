import Networks
import Torch

extension Architecture {
    /// The vision transformer as timm lays it out: `blocks.N`, with q, k and v in one projection.
    static let vitTimm = Architecture(
        modelTypes: ViTTimmPreset.names,
        naming: Naming(prefix: "", heads: ["head", "fc_norm"], optionalModules: ["pre_logits"]),
        build: { config, head, root in try ViTTimm(root, ViTTimmSettings(config), head: head) },
        images: { config in
            let settings = try ViTTimmSettings(config)
            return ImageFormat(settings.patches, prefix: settings.prefixCount)
        },
        declaredHead: { config in
            let classes = try ViTTimmSettings.classCount(config)
            return classes == 0 ? .features : .imageClassification(labels: classes)
        })
}

/// timm's VisionTransformer.
final class ViTTimm: Network {
    private let embeddings: ViTTimmEmbeddings
    private let blocks: [ViTTimmBlock]
    private let body: Body
    private let norm: Norm?
    private let head: ViTTimmHead?

    init(_ root: Scope, _ settings: ViTTimmSettings, head: Head) throws {
        embeddings = try ViTTimmEmbeddings(root, settings)
        let places = (0..<settings.depth).map { root("blocks")($0) }
        blocks = try places.enumerated().map { try ViTTimmBlock($1, settings, index: $0) }
        body = Body(root, size: settings.width, blocks: places, leadingTokens: settings.prefixCount)
        norm = try settings.normalizesTokens ? .layer(root("norm"), size: settings.width, eps: settings.eps) : nil
        switch head {
        case .features: self.head = nil
        case .imageClassification(let labels): self.head = try ViTTimmHead(root, settings, labels: labels)
        default: throw NetworkError.unsupported("a ViT classifies images: it has no head for text")
        }
    }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        var input = input
        let embedded = try body.embedded(embeddings(input, context), &input, context)
        let hidden = try body(embedded, input, context, finish: { try norm?($0, context) ?? $0 }) {
            [self] index, x, input in
            try blocks[index](x, input, context)
        }
        return ModelOutput(logits: try head?(hidden, context), lastHiddenState: hidden)
    }
}

/// Class token, registers and patches, with positions.
private final class ViTTimmEmbeddings {
    private let patches: PatchEmbedding
    private let prefix: [Parameter]
    private let positions: Parameter?
    private let norm: Norm?
    private let settings: ViTTimmSettings

    init(_ root: Scope, _ settings: ViTTimmSettings) throws {
        self.settings = settings
        let width = settings.width
        patches = try PatchEmbedding(
            root("patch_embed")("proj"), settings.patches, width: width, bias: !settings.normalizesInput)
        var prefix: [Parameter] = []
        if settings.hasClassToken { prefix.append(try root.parameter("cls_token", [1, 1, width])) }
        if settings.registers > 0 { prefix.append(try root.parameter("reg_token", [1, settings.registers, width])) }
        self.prefix = prefix
        let count = settings.patches.count + (settings.positionsCoverPrefix ? settings.prefixCount : 0)
        positions = try settings.hasPositions ? root.parameter("pos_embed", [1, count, width]) : nil
        norm = try settings.normalizesInput ? .layer(root("norm_pre"), size: width, eps: settings.eps) : nil
    }

    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        var x = try patches(input, context)
        let rows = try x.size(0)
        let first = try prefix.map { try $0.value.expand([rows, -1, -1]) }
        if let positions {
            x =
                try settings.positionsCoverPrefix
                ? Tensor.cat(first + [x], dim: 1) + positions.value
                : Tensor.cat(first + [x + positions.value], dim: 1)
            x = try context.dropout(x, settings.positionDropout, at: "pos_drop")
        } else {
            x = try Tensor.cat(first + [x], dim: 1)
        }
        return try norm?(x, context) ?? x
    }
}

/// x + attention(norm x), then x + mlp(norm x), where a branch may have a factor for each channel.
private final class ViTTimmBlock {
    private let attention: ViTTimmAttention
    private let scales: (Parameter, Parameter)?
    private let up: Projection
    private let down: Projection
    private let attentionSublayer: Sublayer
    private let mlpSublayer: Sublayer
    private let settings: ViTTimmSettings
    private let path: String
    private let pathDropout: Double

    init(_ scope: Scope, _ settings: ViTTimmSettings, index: Int) throws {
        self.settings = settings
        path = scope.path
        pathDropout = settings.depth > 1 ? settings.pathDropout * Double(index) / Double(settings.depth - 1) : 0
        let (width, eps) = (settings.width, settings.eps)
        attention = try ViTTimmAttention(scope("attn"), settings, index: index)
        let mlp = scope("mlp")
        up = try .linear(mlp("fc1"), input: width, output: settings.intermediate, bias: settings.projectionBias)
        down = try .linear(mlp("fc2"), input: settings.intermediate, output: width, bias: settings.projectionBias)
        scales =
            try settings.scalesBranches
            ? (scope("ls1").parameter("gamma", [width]), scope("ls2").parameter("gamma", [width])) : nil
        attentionSublayer = Sublayer(
            scope, .attention, size: width, placement: .before(try .layer(scope("norm1"), size: width, eps: eps)),
            structure: attention.structure)
        mlpSublayer = Sublayer(
            scope, .feedForward, size: width, placement: .before(try .layer(scope("norm2"), size: width, eps: eps)),
            structure: .feedForward(gate: nil, up: ProjectionSlice(up), down: down))
    }

    func callAsFunction(_ x: Tensor, _ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        let attended = try attentionSublayer(x, context) {
            try branch(attention($0, input, context), scale: scales?.0, at: path + ".drop_path1", context)
        }
        return try mlpSublayer(attended, context) {
            try branch(mlp($0, context), scale: scales?.1, at: path + ".drop_path2", context)
        }
    }

    private func mlp(_ x: Tensor, _ context: ForwardContext) throws -> Tensor {
        let rate = settings.projectionDropout
        let expanded = try context.dropout(settings.activation(up(x, context)), rate, at: up.path)
        return try context.dropout(down(expanded, context), rate, at: down.path)
    }

    /// A branch as it joins the residual; in training, whole rows may leave it out.
    private func branch(_ y: Tensor, scale: Parameter?, at site: String, _ context: ForwardContext) throws -> Tensor {
        let scaled = try scale.map { try y * $0.value } ?? y
        guard context.isTraining, pathDropout > 0 else { return scaled }
        let kept = try Tensor.ones([y.size(0), 1, 1], dtype: y.dtype, device: y.device)
        return try scaled * context.dropout(kept, pathDropout, at: site)
    }
}

/// Self-attention with q, k and v as the thirds of one projection.
private final class ViTTimmAttention {
    private let qkv: Projection
    private let output: Projection
    private let headNorms: (query: Norm, key: Norm)?
    private let settings: ViTTimmSettings
    private let site: AttentionSite

    init(_ scope: Scope, _ settings: ViTTimmSettings, index: Int) throws {
        self.settings = settings
        site = AttentionSite(
            scope, index: index, size: settings.width, heads: settings.heads, keyHeads: settings.heads,
            headSize: settings.width / settings.heads)
        let (width, size) = (settings.width, settings.width / settings.heads)
        qkv = try .linear(scope("qkv"), input: width, output: 3 * width, bias: settings.qkvBias)
        headNorms =
            try settings.normalizesHeads
            ? (
                .layer(scope("q_norm"), size: size, eps: settings.eps),
                .layer(scope("k_norm"), size: size, eps: settings.eps)
            ) : nil
        output = try .linear(scope("proj"), input: width, output: width, bias: settings.projectionBias)
    }

    var structure: Sublayer.Structure {
        let width = settings.width
        return .attention(
            query: ProjectionSlice(qkv, outputs: 0..<width), key: ProjectionSlice(qkv, outputs: width..<(2 * width)),
            value: ProjectionSlice(qkv, outputs: (2 * width)..<(3 * width)), output: output, heads: site.heads,
            keyHeads: site.keyHeads, headSize: site.headSize)
    }

    func callAsFunction(_ x: Tensor, _ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        let all = try qkv(x, context)
        let parts = try (0..<3).map {
            try all.narrow(2, $0 * settings.width, settings.width).splitHeads(settings.heads)
        }
        let query = try headNorms?.query(parts[0], context) ?? parts[0]
        let key = try headNorms?.key(parts[1], context) ?? parts[1]
        let attention = AttentionSettings(
            scale: 1 / Double(settings.width / settings.heads).squareRoot(), dropout: settings.attentionDropout,
            pattern: AttentionPattern(causal: false))
        let mixed = try context.attention(query, key, parts[2], attention, input: input, at: site)
        return try context.dropout(output(mixed, context), settings.projectionDropout, at: site.path)
    }
}

/// One vector for an image, and a linear layer over it.
private final class ViTTimmHead {
    private let norm: Norm?
    private let classifier: Projection
    private let settings: ViTTimmSettings

    init(_ root: Scope, _ settings: ViTTimmSettings, labels: Int) throws {
        self.settings = settings
        norm =
            try settings.normalizesPooled ? .layer(root("fc_norm"), size: settings.width, eps: settings.eps) : nil
        classifier = try .linear(
            root("head"), input: settings.width, output: labels, initializer: .normal(std: 0.02))
    }

    func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws -> Tensor {
        let pooled = try pool(x)
        let normal = try norm?(pooled, context) ?? pooled
        return try classifier(context.dropout(normal, settings.headDropout, at: classifier.path), context)
    }

    private func pool(_ x: Tensor) throws -> Tensor {
        if settings.pooling == .token { return try x.select(1, 0) }
        let skipped = settings.poolsPrefix ? 0 : settings.prefixCount
        let tokens = try x.narrow(1, skipped, x.size(1) - skipped)
        switch settings.pooling {
        case .token, .average: return try tokens.mean([1])
        case .maximum: return try tokens.amax([1])
        case .averageAndMaximum: return try (tokens.amax([1]) + tokens.mean([1])) * 0.5
        }
    }
}
