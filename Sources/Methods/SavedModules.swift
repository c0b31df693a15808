import Networks
import Torch

extension GraftSet {
    /// Puts a trainable copy of a parameter in the set.
    mutating func add(copyOf parameter: Parameter) throws {
        guard parameters[parameter.name] == nil else { return }
        parameters[parameter.name] = try Variable(parameter.name, parameter.base.clone())
    }

    /// Puts a trainable parameter in the set that is copied when it is trained for the first time; until then it is the
    /// base's own tensor, and takes no place in files.
    mutating func addOnDemand(copyOf parameter: Parameter) throws {
        guard parameters[parameter.name] == nil else { return }
        parameters[parameter.name] = try Variable(parameter.name, parameter.base)
    }

    /// The set without the parameters that still are the base's own tensors.
    public func withoutUntouched(of model: Model) throws -> GraftSet {
        var set = self
        for name in try untouched(of: model) { set.parameters[name] = nil }
        return set
    }

    /// The names of the parameters that still are the base's own tensors.
    public func untouched(of model: Model) throws -> [String] {
        try parameters.values.filter { variable in
            guard let base = model.parameters[variable.name]?.base, try base.count > 0 else { return false }
            return try variable.value.sharesMemory(with: base)
        }.map(\.name)
    }

    /// Trainable copies of whole modules. A name means every module whose path ends with it, as in peft.
    mutating func addModules(_ names: [String], of model: Model) throws {
        let paths = model.modulePaths
        for name in names {
            let modules = paths.filter { $0.hasSuffix(name) }
            guard !modules.isEmpty else {
                throw MethodError.unmatched(option: "modules_to_save", pattern: name, nearest: nil)
            }
            for module in modules {
                if projections[module] != nil {
                    throw MethodError.option("modules_to_save: `\(name)` means \(module), which is a target already")
                }
                for parameter in model.parameters.values where parameter.name.hasPrefix(module + ".") {
                    try add(copyOf: parameter)
                }
                // A weight that is shared has its name elsewhere; the copy keeps the tie.
                for projection in model.projections.values
                where projection.path == module || projection.path.hasPrefix(module + ".") {
                    try add(copyOf: projection.weight)
                }
            }
        }
    }
}
