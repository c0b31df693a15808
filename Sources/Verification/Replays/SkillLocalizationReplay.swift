import Golden
import JSON
import OrderedCollections
import Torch
import Training

/// Replays the learning of a graft mask on the small network of the cases, tanh(x·w0ᵀ + b0)·w1ᵀ.
struct SkillLocalizationReplay: Replay {
    let slugs = ["skill-localization"]

    func run(_ golden: GoldenCase) throws -> CaseResult {
        let config = golden.config
        let graftable = try config.field("graftable").strings()
        let order = try config.optional("param_order")?.strings() ?? ["w0", "b0", "w1"]
        func tensors(_ prefix: String, _ names: [String]) throws -> OrderedDictionary<String, Tensor> {
            OrderedDictionary(uniqueKeysWithValues: try names.map { ($0, try golden.tensor(prefix + $0)) })
        }
        let (pre, fine) = (try tensors("base.pre.", graftable), try tensors("base.fine.", graftable))
        let base = try basePatch(golden, pre, fine)
        var mask = try GraftMask(
            pre: pre, fine: fine, base: base, scores: tensors("param.score.", graftable),
            bias: config.optional("sigmoid_bias")?.double() ?? 10)
        let origin = try config.optional("others_from")?.string() ?? "pre"
        guard ["pre", "fine"].contains(origin) else {
            throw LocalizationError.option("others_from: the case has the unknown value `\(origin)`")
        }
        let others = try tensors("base.\(origin).", order)

        var comparison = Comparison(golden)
        for (name, patch) in mask.base { comparison.produced("out.basepatch.\(name)", patch) }
        let rate = try config.field("lr").double()
        let (epochs, batches) = (try config.field("epochs").count(from: 0), try config.field("batches").count())
        for epoch in 1...max(1, epochs) where epochs > 0 {
            let losses = try mask.step(batches: batches, rate: rate) { weights, batch in
                let logits = try forward(golden.tensor("in.e\(epoch).x\(batch)"), weights, others)
                let labels = try golden.tensor("in.e\(epoch).label\(batch)")
                return try logits.crossEntropySum(labels) / Double(labels.count)
            }
            for (batch, loss) in losses.enumerated() {
                comparison.produced("step\(epoch).loss\(batch)", try Tensor.scalar(loss))
            }
            for (name, score) in mask.scores { comparison.produced("step\(epoch).score.\(name)", score) }
            for (name, bits) in try mask.hard() { comparison.produced("step\(epoch).mask.\(name)", bits) }
        }
        let grafted = try mask.hardWeights()
        for (name, tensor) in others.merging(grafted, uniquingKeysWith: { _, new in new }) {
            comparison.produced("out.grafted.\(name)", tensor)
        }
        comparison.produced("out.mask_size", try Tensor.scalar(Double(mask.size()), dtype: .int64))
        comparison.produced("out.y", try forward(golden.tensor("in.x"), grafted, others))
        return try comparison.result()
    }

    private func basePatch(
        _ golden: GoldenCase, _ pre: OrderedDictionary<String, Tensor>, _ fine: OrderedDictionary<String, Tensor>
    ) throws -> OrderedDictionary<String, Tensor> {
        // A case that gives its patch names it by what it is: `param.basepatch.w0`, `in.mask.w0`.
        let given = golden.names(beginningWith: "").filter { name in
            !["out.", "step", "grad."].contains(where: name.hasPrefix)
                && ["patch", "mask", "gamma"].contains(where: name.contains)
        }
        var patches = OrderedDictionary<String, Tensor>()
        for name in pre.keys {
            guard let found = given.first(where: { $0.hasSuffix("." + name) }) else { continue }
            patches[name] = try golden.tensor(found)
        }
        if !patches.isEmpty { return patches }
        return try GraftMask.highestMovement(
            pre: pre, fine: fine, sparsity: golden.config.optional("sparsity_level")?.double() ?? 1e-5)
    }

    private func forward(
        _ x: Tensor, _ weights: OrderedDictionary<String, Tensor>, _ others: OrderedDictionary<String, Tensor>
    ) throws -> Tensor {
        func weight(_ name: String) throws -> Tensor {
            guard let tensor = weights[name] ?? others[name] else { throw LocalizationError.missing(name: name) }
            return tensor
        }
        let hidden = try x.linear(weight("w0"), try? weight("b0")).tanh()
        return try hidden.linear(weight("w1"), try? weight("b1"))
    }
}
