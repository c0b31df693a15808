import Adapters
import JSON
import Methods
import Support

/// What is made of a trained adapter before it is judged on the test rows: the key `transform` of a configuration, a name
/// or an object of a name and options.
public enum RunTransform: Sendable, Equatable {
    /// Signs and one number in place of the update: what `graft compress` does.
    case compeft(ComPEFT)
    /// The few weights of the fine-tuned checkpoint that hold the skill: what `graft localize` does.
    case skillLocalization(LocalizationOptions)

    /// The names that a configuration may give.
    public static let names = ["compeft", "skill-localization"]

    /// Reads a name, or an object with a name and options. Unknown names and options are errors naming the nearest.
    public init(_ node: JSON.Node) throws {
        let given: JSON.Object
        switch node.value {
        case .string(let name): given = JSON.Object([("name", .string(name))])
        case .object(let members): given = members
        default: throw TrainingError.option("transform: expected a name or an object, found \(node.value.kind)")
        }
        guard case .string(let name)? = given["name"] else {
            throw TrainingError.option("transform: the object needs a `name`: one of \(Self.list)")
        }
        switch name {
        case "compeft":
            let options = try Self.options(ComPEFT(), given)
            try options.validate()
            self = .compeft(options)
        case "skill-localization":
            let options = try Self.options(LocalizationOptions(), given)
            try options.validate()
            self = .skillLocalization(options)
        default:
            throw TrainingError.option(
                "transform: unknown name `\(name)`"
                    + (nearestMatch(to: name, in: Self.names).map { "; the nearest is `\($0)`" } ?? "")
                    + "; known: \(Self.list)")
        }
    }

    /// The object that reads back as this transform, every option with its value.
    public var json: JSON {
        get throws {
            var object = JSON.Object([("name", .string(name))])
            for (key, value) in try members { object[key] = value }
            return .object(object)
        }
    }

    /// Its name in configurations.
    public var name: String {
        switch self {
        case .compeft: "compeft"
        case .skillLocalization: "skill-localization"
        }
    }

    private var members: JSON.Object {
        get throws {
            switch self {
            case .compeft(let options): try Self.object(options)
            case .skillLocalization(let options): try Self.object(options)
            }
        }
    }

    private static let list = names.joined(separator: ", ")

    private static func object(_ options: some Encodable) throws -> JSON.Object {
        guard case .object(let object) = try JSON(encoding: options) else { return [:] }
        return object
    }

    /// The defaults with the given options in their place.
    private static func options<Options: Codable>(_ defaults: Options, _ given: JSON.Object) throws -> Options {
        var object = try Self.object(defaults)
        let known = object.map(\.key)
        for (key, value) in given where key != "name" {
            guard known.contains(key) else {
                throw TrainingError.unknownKey(
                    key: "transform.\(key)", nearest: nearestMatch(to: key, in: known).map { "transform.\($0)" })
            }
            object[key] = value
        }
        return try JSON.Node(.object(object), source: "transform").decode()
    }
}

// MARK: Where it applies

extension RunTransform {
    /// Refuses runs whose result it cannot be made of.
    func requireFit(_ configuration: TrainingConfiguration) throws {
        func refuse(_ reason: String) -> TrainingError { .option("transform: \(name) \(reason)") }
        if configuration.fromScratch { throw refuse("needs a checkpoint that was there before: take from_scratch out") }
        if case .skillLocalization = self, configuration.task != .classification {
            throw refuse("locates the skill of a classifier: the task must be classification")
        }
        if case .skillLocalization = self, type(of: configuration.method).card.mergeContract == .never {
            throw refuse("needs a method whose result merges into its checkpoint, such as full")
        }
    }

    /// The JSON Schema of the key.
    static var schema: JSON {
        get throws {
            let samples: [RunTransform] = [.compeft(ComPEFT()), .skillLocalization(LocalizationOptions())]
            let objects = try samples.map { sample -> JSON in
                var properties: JSON.Object = ["name": ["const": .string(sample.name)]]
                for (key, value) in try sample.members { properties[key] = ["default": value] }
                return [
                    "type": "object", "properties": .object(properties), "required": ["name"],
                    "additionalProperties": false,
                ]
            }
            return ["anyOf": .array([["type": "null"], ["enum": .array(names.map { .string($0) })]] + objects)]
        }
    }
}
