import JSON

/// How Hugging Face's peft writes the adapters of a method: the names in `adapter_config.json` and in
/// `adapter_model.safetensors`.
public struct PeftFormat: Sendable {
    /// One end of tensor names: what follows the module's path in the file, and in the variable's name.
    public struct Ending: Sendable {
        /// `ln_tuning_layers.weight`
        public var inFile: String
        /// `weight`
        public var inVariable: String

        /// An end that is the same in both, unless a second one is given.
        public init(_ inFile: String, _ inVariable: String? = nil) {
            self.inFile = inFile
            self.inVariable = inVariable ?? inFile
        }
    }

    /// The values of `peft_type` that the method reads; the first is written.
    public var types: [String]
    /// The ends of the tensors that belong to a module. Where two stand for one variable, the first is written.
    public var endings: [Ending]
    /// Tensors of no module: variable names by their whole names in the file.
    public var shared: [String: String]
    /// What the names of all other tensors begin with.
    public var prefix: String
    /// Keys of the configuration, beside the options, that do not change what an adapter computes.
    public var ignoredKeys: Set<String>
    /// Keys of features that the method lacks: accepted only when they are off.
    public var featureKeys: Set<String>
    /// Keys that are written beside the options, with the value that they always have.
    public var fixedKeys: JSON.Object

    /// A format with the given parts.
    public init(
        types: [String], endings: [Ending], shared: [String: String] = [:], prefix: String = "base_model.model.",
        ignoredKeys: Set<String> = [], featureKeys: Set<String> = [], fixedKeys: JSON.Object = [:]
    ) {
        self.types = types
        self.endings = endings
        self.shared = shared
        self.prefix = prefix
        self.ignoredKeys = ignoredKeys
        self.featureKeys = featureKeys
        self.fixedKeys = fixedKeys
    }

    /// The name in the file of a graft's variable.
    /// - Throws: `MethodError.unwritable` for a variable that the format has no name for.
    public func fileName(of variable: String) throws -> String {
        if let name = shared.first(where: { $0.value == variable })?.key { return name }
        guard let ending = endings.first(where: { variable.hasSuffix("." + $0.inVariable) }) else {
            throw MethodError.unwritable("\(variable) has no name in peft's \(types.first ?? "") format")
        }
        return prefix + variable.dropLast(ending.inVariable.utf8.count) + ending.inFile
    }
}
