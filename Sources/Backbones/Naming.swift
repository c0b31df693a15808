/// How a family's checkpoint files name tensors, where that differs from the network's own names.
struct Naming: Sendable {
    /// The backbone's name in front of its modules (`bert`); files of the bare backbone leave it out.
    var prefix: String
    /// Module names that stand beside the prefix: the heads.
    var heads: [String]
    /// Ends of names that older files use.
    var renamedEnds: [String: String] = [:]
    /// Parts of names that older files use, replaced in order.
    var renamedParts: [(old: String, new: String)] = []
    /// Ends of names that hold nothing the network needs: buffers that are computed.
    var ignoredEnds: [String] = []
    /// Modules that a task may leave unused.
    var optionalModules: [String] = []
    /// An embedding and the head that may share its weight: some writers keep only the head's name.
    var tied: (embedding: String, head: String)?

    /// The network's name for every name of a file.
    func canonicalNames(_ names: [String]) -> [String: String] {
        let dotted = prefix + "."
        let isBare = !prefix.isEmpty && !names.contains { $0.hasPrefix(dotted) }
        var result: [String: String] = [:]
        for name in names {
            let isHead = heads.contains { name == $0 || name.hasPrefix($0 + ".") }
            result[name] = renamed(isBare && !isHead ? dotted + name : name)
        }
        if let tied, result[tied.head] == tied.head, !result.values.contains(tied.embedding) {
            result[tied.head] = tied.embedding
        }
        return result
    }

    /// True for tensors that a network may leave unused: buffers, and heads of other tasks.
    func isIgnorable(_ name: String) -> Bool {
        if ignoredEnds.contains(where: { name.hasSuffix($0) }) { return true }
        return (heads + optionalModules).contains { name == $0 || name.hasPrefix($0 + ".") }
    }

    private func renamed(_ name: String) -> String {
        var name = name
        for (old, new) in renamedEnds where name.hasSuffix(old) {
            name = name.dropLast(old.count) + new
        }
        for (old, new) in renamedParts {
            name = name.replacing(old, with: new)
        }
        return name
    }
}
