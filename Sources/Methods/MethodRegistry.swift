import Networks
import Support

/// Every method by its name.
public enum MethodRegistry {
    /// The methods, by family and name. `MethodIndex` is generated when this target is built: it lists every type below
    /// Sources/Methods that declares a `MethodCard`.
    public static let all: [any Method.Type] = MethodIndex.types.sorted {
        ($0.card.family, $0.card.name) < ($1.card.family, $1.card.name)
    }

    /// The method of a name.
    public static func method(named name: String) throws -> any Method.Type {
        let names = all.map { $0.card.name }
        guard let found = all.first(where: { $0.card.name == name }) else {
            throw MethodError.unknownMethod(name: name, nearest: nearestMatch(to: name, in: names), known: names)
        }
        return found
    }
}
