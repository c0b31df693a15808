/// What a tensor's name in a peft file means.
///
///     base_model.model.<module>.lora_A.weight            a tensor of the graft on a module
///     base_model.model.<module>.base_layer.bias          the bias of a module that has a graft
///     base_model.model.<module>.weight                   a parameter that is saved whole
///     base_model.model.<module>.modules_to_save.weight   the same, as older versions wrote it
///     base_model.model.<module>.original_module.weight   the base's own copy of it
struct TensorPlace {
    /// What kind of tensor it is.
    enum Kind: Equatable {
        case graft
        case parameter
        /// A copy of the base's value.
        case base
    }

    /// The name in the file.
    let key: String
    /// The module's path as the file spells it.
    let module: String
    /// `lora_A.weight`, `bias`, …
    let leaf: String
    let kind: Kind

    private static let prefix = "base_model.model."
    private static let graftLeaves = [
        "lora_A.weight", "lora_B.weight", "lora_B.bias", "lora_embedding_A", "lora_embedding_B",
        "lora_magnitude_vector",
    ]

    /// - Throws: `AdapterError.key` for names of another format.
    init(key: String, file: String) throws {
        guard key.hasPrefix(Self.prefix) else { throw AdapterError.key(file: file, name: key) }
        self.key = key
        var name = String(key.dropFirst(Self.prefix.count))
        // peft before 0.10 kept the magnitude in a parameter list of its own.
        if name.hasSuffix(".lora_magnitude_vector.weight") { name.removeLast(".weight".count) }
        if let leaf = Self.graftLeaves.first(where: { name.hasSuffix("." + $0) }) {
            module = String(name.dropLast(leaf.count + 1))
            self.leaf = leaf
            kind = .graft
            return
        }
        guard let dot = name.lastIndex(of: "."), dot > name.startIndex else {
            throw AdapterError.key(file: file, name: key)
        }
        var path = String(name[..<dot])
        var kind = Kind.parameter
        for (part, meaning) in [
            ("base_layer", Kind.parameter), ("modules_to_save.default", .parameter), ("modules_to_save", .parameter),
            ("original_module", .base),
        ] {
            if path.hasSuffix("." + part) {
                path.removeLast(part.count + 1)
                kind = meaning
            } else if let range = path.range(of: ".\(part).") {
                path.replaceSubrange(range, with: ".")
                kind = meaning
            }
        }
        module = path
        leaf = String(name[name.index(after: dot)...])
        self.kind = kind
    }
}
