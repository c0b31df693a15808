import Networks
import Support

/// Every method by its name.
public enum MethodRegistry {
    /// The methods, in the order of `graft methods`: a new method adds its line.
    public static let all: [any Method.Type] = [
        FullTuning.self, LoRA.self,
    ]

    /// The method of a name.
    public static func method(named name: String) throws -> any Method.Type {
        let names = all.map { $0.card.name }
        guard let found = all.first(where: { $0.card.name == name }) else {
            throw MethodError.unknownMethod(name: name, nearest: nearestMatch(to: name, in: names), known: names)
        }
        return found
    }
}
