import Methods

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
    /// How the name of the variable or parameter ends: `lora_A.weight`, `bias`, …; whole where there is no module.
    let leaf: String
    let kind: Kind

    /// - Throws: `AdapterError.key` for names of another format.
    init(key: String, format: PeftFormat, file: String) throws {
        self.key = key
        if let variable = format.shared[key] {
            (module, leaf, kind) = ("", variable, .graft)
            return
        }
        guard key.hasPrefix(format.prefix) else {
            throw AdapterError.key(file: file, name: key, prefix: format.prefix)
        }
        let name = String(key.dropFirst(format.prefix.count))
        if let ending = format.endings.first(where: { name.hasSuffix("." + $0.inFile) }) {
            module = String(name.dropLast(ending.inFile.count + 1))
            leaf = ending.inVariable
            kind = .graft
            return
        }
        guard let dot = name.lastIndex(of: "."), dot > name.startIndex else {
            throw AdapterError.key(file: file, name: key, prefix: format.prefix)
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
