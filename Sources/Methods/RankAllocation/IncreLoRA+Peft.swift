import Networks
import Torch

/// IncreLoRA's adapters as peft's LoRA, exactly: A of a module is (A ∘ E) of all its pieces, one below the other, and its
/// alpha is what makes alpha / rank the module's scale. Ranks and alphas of the modules differ, and are in the patterns.
extension IncreLoRA: ExportsPeft {
    /// The pieces as LoRA's factors. A reserve whose E is zero changes nothing and is left out.
    public func peftExport(_ grafts: GraftSet, on model: Model, form: AdapterForm) throws -> PeftExport {
        var placements: [LoRAPlacement] = []
        var factors: [String: (a: Tensor, b: Tensor)] = [:]
        for case (let path, let graft as IncreLoRAGraft) in grafts.projections {
            let product = try withoutGradients { try graft.product() }
            let rank = try product.a.size(0)
            placements.append(LoRAPlacement(path: path, rank: rank, alpha: product.scale * Double(rank)))
            factors[path] = (product.a, product.b)
        }
        guard let largest = placements.map(\.rank).max() else {
            throw MethodError.unwritable("the adapter has no module of increlora, which peft's format needs")
        }
        var lora = LoRA()
        (lora.r, lora.loraAlpha) = (largest, Double(largest))
        lora.targetModules = .list(placements.map(\.path))
        for placement in placements {
            lora.rankPattern.entries.append(.init(key: placement.path, value: placement.rank))
            lora.alphaPattern.entries.append(.init(key: placement.path, value: placement.alpha))
        }
        // What was trained whole keeps its place; only the factors are another method's.
        var set = try lora.grafts(for: model, at: placements, key: RandomKey(seed: 0))
        for case (let path, let graft as LoRAGraft) in set.projections {
            guard let product = factors[path] else { continue }
            try graft.a.load(product.a)
            try graft.b.load(product.b)
        }
        for case (let path, let saved as SavedProjection) in grafts.projections { set.projections[path] = saved }
        set.parameters = grafts.parameters
        lora.modulesToSave = modulesToSave
        return try lora.peftExport(set, on: model, form: form)
    }
}

extension IncreLoRAGraft {
    /// A ∘ E [n, in], B [out, n] and the scale of their product, on the CPU, without pieces that are zero.
    fileprivate func product() throws -> (a: Tensor, b: Tensor, scale: Double) {
        let used = try pieces.enumerated().filter { index, piece in
            try index == 0 || piece.e.value.abs().amax().item() > 0
        }.map(\.element)
        return (
            try .cat(used.map { try ($0.a.value * $0.e.value).detach().to(.cpu) }),
            try .cat(used.map { try $0.b.value.detach().to(.cpu) }, dim: 1), try scale
        )
    }
}
