import Golden
import JSON

extension MethodConfiguration {
    /// The options that a case names as the method does; what it records beside them is left to its replay.
    static func options<M: Method>(of type: M.Type, in golden: GoldenCase) throws -> M {
        let names = Set(try optionNames(of: type))
        let options = try golden.config.members().filter { names.contains($0.key) }
        return try JSON.Node(.object(JSON.Object(options.map { ($0.key, $0.node.value) })), source: "config").decode(
            type)
    }
}
