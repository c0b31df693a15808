/// How a family's checkpoint files name tensors, where that differs from the network's own names.
struct Naming: Sendable {
    /// The backbone's name in front of its modules (`bert`); files of the bare backbone leave it out.
    var prefix: String
    /// Module names that stand beside the prefix: the heads.
    var heads: [String]
    /// The modules right below the prefix, which tell a path of the bare backbone from a part of a path.
    var parts: [String] = []
    /// Ends of names that older files use.
    var renamedEnds: [String: String] = [:]
    /// Runs of modules that older files name otherwise, replaced in order.
    var renamedModules: [(old: String, new: String)] = []
    /// Ends of names that hold nothing the network needs: buffers that are computed.
    var ignoredEnds: [String] = []
    /// Modules that a task may leave unused.
    var optionalModules: [String] = []
    /// An embedding and the others that may share its weight: some writers keep only one of their names.
    var tied: (embedding: String, others: [String])?

    /// The network's name for every name of a file.
    func canonicalNames(_ names: [String]) -> [String: String] {
        let dotted = prefix + "."
        let isBare = !prefix.isEmpty && !names.contains { $0.hasPrefix(dotted) }
        var result: [String: String] = [:]
        for name in names {
            let isHead = heads.contains { name == $0 || name.hasPrefix($0 + ".") }
            result[name] = renamed(isBare && !isHead ? dotted + name : name)
        }
        let present = Set(result.values)
        if let tied, !present.contains(tied.embedding), let kept = tied.others.first(where: present.contains) {
            for (name, canonical) in result where canonical == kept { result[name] = tied.embedding }
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
        return renamedModules.reduce(name) { $0.replacingModules($1.old, with: $1.new) }
    }
}

// MARK: Module paths

extension Naming {
    /// The network's path of a module, from a path in any spelling.
    func canonicalPath(_ path: String) -> String {
        let first = path.prefix { $0 != "." }
        let isBare = !prefix.isEmpty && parts.contains { $0 == first }
        return renamed(isBare ? prefix + "." + path : path)
    }

    /// The ends of the network's paths that the end of an older path means: `dense` was the name of several modules.
    func canonicalEnds(_ end: String) -> [String] {
        let first = end.prefix { $0 != "." }
        guard first != prefix, !parts.contains(where: { $0 == first }) else { return [canonicalPath(end)] }
        let meant = renamedModules.filter { $0.old == end || $0.old.hasSuffix("." + end) }
        if meant.isEmpty { return [renamed(end)] }
        return meant.map { $0.old == end ? $0.new : $0.new.lastModule }
    }

    /// The path that older files use for a module of the network.
    func olderPath(_ canonical: String) -> String {
        renamedModules.reversed().reduce(canonical) { $0.replacingModules($1.new, with: $1.old) }
    }
}

extension String {
    /// Replaces a run of whole modules of a path.
    fileprivate func replacingModules(_ old: String, with new: String) -> String {
        let dotted = ".\(self).".replacing(".\(old).", with: ".\(new).")
        return String(dotted.dropFirst().dropLast())
    }

    fileprivate var lastModule: String { split(separator: ".").last.map(String.init) ?? self }
}
