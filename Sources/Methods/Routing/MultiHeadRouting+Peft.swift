import JSON
import Networks
import Torch

/// Adapters as peft's `PolyConfig` has them.
extension MultiHeadRouting: PeftMethod {
    /// The names in the files.
    public static let peft = PeftFormat(
        types: ["POLY"],
        endings: [.init("poly_lora_A"), .init("poly_lora_B"), .init(SkillGraft.logitsName)])

    /// The options that peft has: of skills that are mixed, or of the one that was their mean.
    public func peftOptions(_ place: PeftPlace) throws -> JSON.Object {
        var object: JSON.Object = [
            "r": .int(Int64(r)), "n_tasks": .int(Int64(nTasks)), "n_skills": .int(Int64(trainedSkills)),
            "n_splits": .int(Int64(nSplits)), "poly_type": .string(polyType.rawValue),
            "init_weights": .bool(initWeights),
        ]
        object["target_modules"] = try targetModules.map { try JSON(encoding: $0) } ?? .null
        object["exclude_modules"] = try excludeModules.map { try JSON(encoding: $0) } ?? .null
        object["modules_to_save"] = modulesToSave.isEmpty ? .null : .array(modulesToSave.map(JSON.string))
        return object
    }

    /// Every tensor, with what differs from peft's scale in B.
    public func peftExport(_ grafts: GraftSet, on model: Model, form: AdapterForm) throws -> PeftExport {
        guard form != .uniform else {
            throw MethodError.unwritable("the form \(form.rawValue) is one of LoRA; mhr has none such")
        }
        var method = self
        method.targetModules = .list(grafts.projections.keys.filter { grafts.projections[$0] is SkillGraft })
        let tensors = try grafts.own.filter(\.isStored).map { variable in
            let value = try variable.value.detach()
            let scales = variable.name.hasSuffix(".poly_lora_B") && loraAlpha != 1
            return (name: variable.name, tensor: scales ? try value * loraAlpha : value)
        }
        return PeftExport(method: method, tensors: tensors)
    }
}
