import Networks

/// GradNormLoRP's adapters of the parametrization `dora` as peft's LoRA with `use_dora`, which they are.
extension GradNormLoRP: ExportsPeft {
    /// - Throws: `MethodError.unwritable` for whole weights, which are no adapter.
    public func peftExport(_ grafts: GraftSet, on model: Model, form: AdapterForm) throws -> PeftExport {
        guard parametrization == .dora else {
            throw MethodError.unwritable(
                "with parametrization \(parametrization.rawValue) gradnormlorp trains whole weights, which peft's format "
                    + "has no place for: merge them, or write their change as plain LoRA with --as-lora")
        }
        return try dora.peftExport(grafts, on: model, form: form)
    }
}
