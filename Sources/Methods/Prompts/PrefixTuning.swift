import JSON
import Networks
import Torch

/// Prefix tuning: before the keys and values of every attention stand trained ones, which every token sees.
///
///     K ← [P_K; K]        V ← [P_V; V]        [P_K, P_V] = W₂ tanh(W₁ T + b₁) + b₂
///
/// P_K and P_V are [num_virtual_tokens, key heads · head] in each layer and carry no rotation of their own; T is
/// [num_virtual_tokens, size], W₁ [encoder_hidden_size, size]. The tokens' positions start at `num_virtual_tokens`. When
/// the training is over, keys and values are computed once and stored; T and the maps are dropped.
///
/// In an encoder-decoder the decoder's attention to itself has the prefix, as in peft; the encoder and the attention to the
/// source have none (`mam-adapter` puts one at each). Layer i has the table's rows of layer 2i modulo the number of layers,
/// which is how peft hands them out there.
///
/// Every token sees the prefix, under a sliding window as well. Python's transformers count it as earlier tokens there, and
/// hide it from tokens that are further on than the window is wide: with such models alone, and texts longer than their
/// window, the two compute different things.
///
/// Options have the names of peft's `PrefixTuningConfig`. The maps are on by default, as in the paper; peft leaves them
/// out. Files hold the table of all layers, so that peft reads them as `PREFIX_TUNING` without maps. Sources: Li and Liang
/// 2021 (arXiv:2101.00190, section 4); peft 0.21.2 for the layout and the positions.
public struct PrefixTuning: PrefixMethod, Equatable {
    /// The options, which P-tuning v2 shares.
    public var options = PrefixOptions(prefixProjection: true)

    /// Twenty rows, made by maps.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "prefix-tuning",
        summary: "Trained keys and values stand before those of every attention, made by an MLP.",
        family: "prompts", sites: "attentions, extra keys and values", paper: "Li and Liang 2021, arXiv:2101.00190",
        initContract: .differs, mergeContract: .never)
}

// MARK: peft

extension PrefixTuning: PeftMethod {
    /// One table for all layers; saved modules stand directly below the base model.
    public static let peft = PeftFormat.promptLearning("PREFIX_TUNING")

    /// Options of the same names, where an absent `prefix_projection` means none.
    public init(peft options: JSON.Node) throws {
        var object = try options.object()
        object["prefix_projection"] = object["prefix_projection"] ?? false
        self = try JSON.Node(.object(object), source: options.path).decode(PrefixTuning.self)
    }

    /// The options, and the sizes of the model that peft keeps beside them.
    public func peftOptions(_ place: PeftPlace) throws -> JSON.Object {
        let sites = Prefix.kinds(.target, of: place.model).flatMap(\.sites)
        guard let site = sites.first,
            sites.allSatisfy({ ($0.keyHeads, $0.headSize) == (site.keyHeads, site.headSize) })
        else { throw MethodError.unwritable("peft's prefixes have the same heads in every layer") }
        let size = site.keyHeads * site.headSize
        return [
            "encoder_hidden_size": .int(Int64(options.encoderHiddenSize ?? size)),
            "init_weights": options.initWeights.map { .string($0.rawValue) } ?? .null,
            "modules_to_save": modulesToSave.isEmpty ? .null : .array(modulesToSave.map(JSON.string)),
            "num_attention_heads": .int(Int64(site.keyHeads)),
            "num_layers": .int(Int64(sites.count)),
            "num_transformer_submodules": place.model.bodies.count > 1 ? 2 : 1,
            "num_virtual_tokens": .int(Int64(options.numVirtualTokens)),
            "prefix_projection": .bool(options.prefixProjection), "token_dim": .int(Int64(size)),
        ]
    }

    /// The table that the maps make, if there are any: readers cannot tell it from one that was trained itself.
    public func peftExport(_ grafts: GraftSet, on model: Model, form: AdapterForm) throws -> PeftExport {
        guard form != .uniform else {
            throw MethodError.unwritable("the form \(form.rawValue) is one of LoRA; \(Self.card.name) has none such")
        }
        guard let prefix = grafts.prefix else { throw MethodError.unwritable("the adapter has no prefix") }
        var method = self
        method.options.prefixProjection = false
        let table = try withoutGradients { try prefix.table().detach() }
        return PeftExport(method: method, tensors: [(name: Prefix.tableName, tensor: table)])
    }
}
