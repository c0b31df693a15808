import JSON
import Networks
import Torch

/// A method whose adapters can be exported so that Hugging Face's peft reads them, perhaps as those of another method.
public protocol ExportsPeft: Method {
    /// What goes into the two files of a peft adapter.
    /// - Throws: `MethodError.unwritable` for what the format cannot hold.
    func peftExport(_ grafts: GraftSet, on model: Model, form: AdapterForm) throws -> PeftExport
}

/// A method whose own files are peft's: a training writes its adapters so.
public protocol WritesPeft: ExportsPeft {
    /// Whether adapters can be read with the method's own options. Otherwise their files are always those of another
    /// method, which cannot stand inside a combination.
    static var readsItsOwn: Bool { get }
}

extension WritesPeft {
    /// Yes.
    public static var readsItsOwn: Bool { true }
}

/// A method whose adapters are exchanged with peft both ways. Options of the same names and meaning as peft's need
/// nothing but the declaration of the format.
public protocol PeftMethod: WritesPeft, SavesModules {
    /// The names in the files.
    static var peft: PeftFormat { get }

    /// Reads the options of a peft configuration, where `options` holds the keys that the method has options for.
    /// - Throws: `MethodError.option`, and what decoding throws.
    init(peft options: JSON.Node) throws

    /// The options as peft writes them, every key of its configuration among them but those that all types share.
    func peftOptions(_ place: PeftPlace) throws -> JSON.Object

    /// The name of a start that was drawn at random and must be known to compute with the adapter; nil for none.
    var drawnStart: String? { get }

    /// Whether biases of the base are trained and stored without being named.
    var trainsBiases: Bool { get }
}

/// Where an adapter that is being written stands.
public struct PeftPlace {
    /// The network.
    public let model: Model
    /// The adapter.
    public let grafts: GraftSet
    /// Whether an adapted layer stores its weight transposed.
    public let isTransposed: Bool
    /// Whether the adapter has a whole weight that several projections share.
    public let keepsTies: Bool

    /// A place with the given parts.
    public init(model: Model, grafts: GraftSet, isTransposed: Bool, keepsTies: Bool) {
        self.model = model
        self.grafts = grafts
        self.isTransposed = isTransposed
        self.keepsTies = keepsTies
    }
}

/// An adapter on its way into peft's format.
public struct PeftExport {
    /// The method that the files name, with the options that hold there.
    public var method: any PeftMethod
    /// Tensors by the names of their variables; whole parameters that are not among them are written beside them.
    public var tensors: [(name: String, tensor: Tensor)]
    /// What a reader of the files should know, one sentence each.
    public var notes: [String]

    /// An export with the given parts.
    public init(method: any PeftMethod, tensors: [(name: String, tensor: Tensor)], notes: [String] = []) {
        self.method = method
        self.tensors = tensors
        self.notes = notes
    }
}

extension PeftMethod {
    /// Options of the same names and meaning as Graft's.
    public init(peft options: JSON.Node) throws {
        self = try options.decode(Self.self)
    }

    /// None.
    public var drawnStart: String? { nil }

    /// No.
    public var trainsBiases: Bool { false }

    /// Every option under its own name, null for those that are not set, and the format's fixed keys.
    public func peftOptions(_ place: PeftPlace) throws -> JSON.Object {
        var object = Self.peft.fixedKeys
        for key in Self.optionalOptions { object[key] = .null }
        guard case .object(let options) = try JSON(encoding: self) else { return object }
        for (key, value) in options { object[key] = value.withWholeNumbers }
        for key in ["layers_pattern", "modules_to_save"] where object[key] == .array([]) { object[key] = .null }
        if object["fan_in_fan_out"] != nil { object["fan_in_fan_out"] = .bool(place.isTransposed) }
        return object
    }

    /// Every tensor of the grafts, as it is.
    public func peftExport(_ grafts: GraftSet, on model: Model, form: AdapterForm) throws -> PeftExport {
        try plainExport(grafts, form: form)
    }

    /// Every stored tensor of the grafts, as it is.
    func plainExport(_ grafts: GraftSet, form: AdapterForm) throws -> PeftExport {
        guard form != .uniform else {
            throw MethodError.unwritable("the form \(form.rawValue) is one of LoRA; \(Self.card.name) has none such")
        }
        let variables = grafts.own.filter(\.isStored)
        return PeftExport(method: self, tensors: try variables.map { ($0.name, try $0.value.detach()) })
    }
}

extension GraftSet {
    /// The paths of the projections that have a graft of the method.
    var adaptedPaths: [String] { projections.filter { !($0.value is SavedProjection) }.map(\.key) }

    /// The variables of the grafts themselves, without whole parameters and weights.
    public var own: [Variable] {
        let whole = parameters.values.map { ObjectIdentifier($0) }
        let saved = projections.values.compactMap { ($0 as? SavedProjection)?.weight }.map { ObjectIdentifier($0) }
        let others = Set(whole + saved)
        return variables.filter { !others.contains(ObjectIdentifier($0)) }
    }
}

extension JSON {
    /// The value with numbers that are whole written as such: peft's ranks and alphas are integers.
    var withWholeNumbers: JSON {
        switch self {
        case .double(let number): Int64(exactly: number).map(JSON.int) ?? self
        case .object(let object): .object(JSON.Object(object.map { ($0.key, $0.value.withWholeNumbers) }))
        default: self
        }
    }
}
