import Networks
import OrderedCollections

/// The grafts of several methods becoming one set.
struct JoinedGrafts {
    /// All that was added; its parts are the methods' own sets, in order.
    private(set) var set = GraftSet()
    /// Methods by the names of the tensors of their grafts.
    private var owners: [String: String] = [:]
    /// Methods by the names of the parameters that they train whole; the first of several.
    private var wholeOwners: [String: String] = [:]
    private var names: [String] = []

    /// Adds the grafts of the next method.
    /// - Throws: `MethodError.option` where they cannot stand beside those before.
    mutating func add(_ grafts: GraftSet, of name: String) throws {
        var part = grafts
        let own = grafts.shared + grafts.grafts.flatMap(\.variables)
        // Tensors are stored by their names, so that no two may have the same.
        for variable in own {
            guard let other = owners[variable.name] else { continue }
            throw MethodError.option(
                "methods: \(other) and \(name) both make a tensor `\(variable.name)`: choose modules for them that do "
                    + "not overlap")
        }
        for variable in own { owners[variable.name] = name }
        if let body = grafts.sides.keys.first(where: { set.sides[$0] != nil }) {
            throw MethodError.option(
                "methods: \(name) puts a side network in the place of the output of \(body), where another method has put "
                    + "one: keep one of the two")
        }
        var trains = own.contains { $0.role == .trainable }
        for (parameter, variable) in grafts.parameters {
            // Both would train a copy of the same values: the one that is there stands for both.
            if let known = set.parameters[parameter] {
                part.parameters[parameter] = known
            } else {
                set.parameters[parameter] = variable
                wholeOwners[parameter] = name
                trains = true
            }
        }
        guard trains else {
            throw MethodError.option(
                "methods: all that \(name) trains is trained by the methods before it: leave it out")
        }
        join(part)
        names.append(name)
    }

    private mutating func join(_ part: GraftSet) {
        set.parts.append(part)
        set.shared += part.shared
        set.projections.merge(part.projections) { first, _ in first }
        set.norms.merge(part.norms) { first, _ in first }
        set.sublayers.merge(part.sublayers) { first, _ in first }
        set.attentions.merge(part.attentions) { first, _ in first }
        set.blocks.merge(part.blocks) { first, _ in first }
        set.tokens.merge(part.tokens) { first, _ in first }
        set.sides.merge(part.sides) { first, _ in first }
    }

    /// Refuses what would be computed otherwise than each of the methods means it.
    func requireComposable(on model: Model) throws {
        for (index, part) in set.parts.enumerated() {
            for (path, graft) in part.projections {
                guard let weight = model.projections[path]?.weight.name else { continue }
                if let owner = wholeOwners[weight], owner != names[index] {
                    throw MethodError.option(
                        "methods: \(owner) trains `\(weight)` whole, where \(names[index]) has a graft: leave the module "
                            + "out of one of them")
                }
                guard graft.residual != nil else { continue }
                let other = set.parts.firstIndex { $0.projections[path]?.changesWeight == true }
                if let other, other != index {
                    throw MethodError.option(
                        "methods: \(names[index]) puts another weight in the place of that of \(path), which "
                            + "\(names[other]) changes: leave the module out of one of them")
                }
            }
        }
    }
}
