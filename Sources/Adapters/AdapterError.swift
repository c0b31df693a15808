import Support

/// What can be wrong with an adapter's folder, or with an adapter on a given model.
public enum AdapterError: Error, Equatable, Sendable {
    /// No `adapter_config.json`, neither here nor in one folder below; `found` names folders that have one.
    case noAdapter(folder: String, found: [String])
    /// No weights beside the configuration.
    case noWeights(folder: String)
    /// The only weights are a pickle file.
    case pickleOnly(folder: String, file: String)
    /// The configuration has a key that this version of the format does not.
    case unknownKey(file: String, key: String, nearest: String?)
    /// The configuration asks for something that would change the result and that Graft does not compute.
    case feature(file: String, key: String, value: String)
    /// A kind of adapter that Graft has no method for.
    case unsupportedType(file: String, type: String, known: [String])
    /// An option of the configuration that cannot be.
    case option(file: String, problem: String)
    /// A tensor whose name is not of the format.
    case key(file: String, name: String, prefix: String)
    /// Tensors that the configuration and the model ask for are not in the file.
    case missingTensors(file: String, names: [String], nearest: String?)
    /// Tensors of the file have no place on the model.
    case unexpectedTensors(file: String, names: [String], nearest: String?)
    /// A tensor has another shape than its place.
    case shape(file: String, name: String, expected: [Int], found: [Int])
    /// Two tensors of the file mean the same place and differ.
    case contradiction(file: String, names: [String])
    /// A tensor with NaN or infinity in it.
    case notFinite(file: String, name: String)
    /// A copy of a base tensor that is not trained, and not equal to the base's either.
    case changedBase(file: String, name: String)
    /// The adapter was made for other base weights.
    case otherBase(folder: String, expected: String, found: String)
    /// The start of the factors cannot be computed again, and the residual depends on it.
    case unreproducible(file: String, start: String)
    /// The adapter cannot be written in this form.
    case unwritable(String)
    /// Merging was refused before anything was written.
    case merge(String)
    /// The merged model computes something else than base and adapter together.
    case deviation(relative: Double, bound: Double)
}

extension AdapterError: CustomStringConvertible {
    /// One sentence: the file, what is wrong, what to do.
    public var description: String { shortened(message: sentence) }

    private var sentence: String {
        switch self {
        case .noAdapter(let folder, let found) where found.isEmpty:
            "\(folder) has no adapter_config.json: give the folder of an adapter"
        case .noAdapter(let folder, let found):
            "\(folder) holds several adapters (\(listed(found))): give the folder of one of them"
        case .noWeights(let folder):
            "\(folder) has an adapter_config.json but no adapter_model.safetensors"
        case .pickleOnly(let folder, let file):
            "\(folder) has its weights in \(quoted(file)), which Graft refuses because reading a pickle file can run code "
                + "of its author: convert it once where you trust it, with python -c \"\(Self.conversion)\""
        case .unknownKey(let file, let key, let nearest):
            "\(file): unknown key \(quoted(key))\(suggestion(nearest)), and dropping it could change the result"
        case .feature(let file, let key, let value):
            "\(file): \(key) is \(value), a feature that Graft does not compute"
        case .unsupportedType(let file, let type, let known):
            "\(file): adapters of type \(quoted(type)) are not supported; supported: \(known.joined(separator: ", "))"
        case .option(let file, let problem):
            "\(file): \(problem)"
        case .key(let file, let name, let prefix):
            "\(file): the tensor \(quoted(name)) is not named as in a peft adapter of this type, whose names begin with "
                + prefix
        case .missingTensors(let file, let names, let nearest):
            "\(file) lacks \(counted(names)) that its configuration asks for on this model: \(listed(names))"
                + suggestion(nearest)
        case .unexpectedTensors(let file, let names, let nearest):
            "\(file) holds \(counted(names)) that this model has no place for: \(listed(names))\(suggestion(nearest))"
        case .shape(let file, let name, let expected, let found):
            "\(file): the tensor \(quoted(name)) has shape \(found), but its place on this model has \(expected)"
        case .contradiction(let file, let names):
            "\(file): the tensors \(listed(names)) stand for the same weight but differ"
        case .notFinite(let file, let name):
            "\(file): the tensor \(quoted(name)) holds NaN or infinite values: the file is damaged or the training diverged"
        case .changedBase(let file, let name):
            "\(file): the tensor \(quoted(name)) is a copy of a base weight that the adapter does not train, but differs "
                + "from the base's: the adapter was made on other weights"
        case .otherBase(let folder, let expected, let found):
            "\(folder) was made for other base weights: it names \(expected), this checkpoint's are \(found)"
        case .unreproducible(let file, let start):
            "\(file): init_lora_weights is \(start), whose factors were drawn at random and are needed to know the "
                + "base that the adapter belongs to; save it from Python with path_initial_model_for_weight_conversion"
        case .unwritable(let text), .merge(let text):
            text
        case .deviation(let relative, let bound):
            "the merged model's outputs differ from those of base and adapter by \(relative) of their scale, more than "
                + "\(bound); nothing was kept"
        }
    }

    /// `weights_only` keeps the conversion itself from running code; the copies part tensors that share memory.
    private static let conversion =
        "import torch, safetensors.torch as s; w = torch.load('adapter_model.bin', map_location='cpu', "
        + "weights_only=True); s.save_file({k: v.clone().contiguous() for k, v in w.items()}, "
        + "'adapter_model.safetensors')"
}

/// A name from outside as messages show it: bounded, and without control characters that a terminal would obey.
func quoted(_ name: String) -> String {
    let limit = 160
    let shown = name.unicodeScalars.prefix(limit).map { scalar in
        scalar.properties.generalCategory == .control ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
    }
    let isCut = name.unicodeScalars.dropFirst(limit).first != nil
    return "\"\(shown.joined())\(isCut ? "…" : "")\""
}

private func suggestion(_ nearest: String?) -> String {
    nearest.map { "; the nearest is \(quoted($0))" } ?? ""
}

private func counted(_ names: [String]) -> String {
    names.count == 1 ? "a tensor" : "\(names.count) tensors"
}

private func listed(_ names: [String]) -> String {
    let rest = names.count > 4 ? " and \(names.count - 4) more" : ""
    return names.prefix(4).map(quoted).joined(separator: ", ") + rest
}
