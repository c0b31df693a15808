import Golden
import JSON
import Networks
import Torch

extension MAMAdapter {
    /// One encoder layer with norms behind the residuals, under any of the wirings.
    public static let replays = [GoldenReplay("mam-adapter", body: layer)]

    private init(_ golden: GoldenCase) throws {
        let names = [
            "attn_bn", "attn_mode", "mid_dim", "ffn_bn", "ffn_option", "ffn_adapter_scalar",
            "ffn_adapter_layernorm_option", "ffn_adapter_init_option", "attn_option", "attn_composition",
        ]
        var options = JSON.Object()
        for name in names { options[name] = try golden.config.optional(name)?.value }
        self = try JSON.Node(.object(options), source: "case.json").decode(MAMAdapter.self)
    }

    private static func layer(_ golden: GoldenCase) throws -> CaseResult {
        var layer = try PostNormLayerCase(golden, activationKey: "activation")
        let method = try MAMAdapter(golden)
        let set = try method.grafts(for: layer.model, key: RandomKey(seed: 0))
        try layer.model.add(set, named: "default")
        let variables = try parameters(of: set, golden)
        for (name, variable) in variables { try variable.load(golden.tensor("param.\(name)")) }
        let table = try loadTable(of: set, golden)
        try layer.replay(variables)
        if let table, let gradient = try table.variable.value.grad {
            // One table has the keys' channels before the values'.
            let half = try gradient.size(1) / 2
            for (index, name) in table.names.enumerated() {
                layer.comparison.produced("grad.\(name)", try gradient.narrow(1, index * half, half))
            }
        }
        if let prefix = set.prefix, let site = layer.model.attentions.values.first {
            try prefix.finish()
            let stored = try prefix.keysAndValues(at: site, ForwardContext())
            layer.comparison.produced("out.prefix_key", try stored.keys.squeeze(0))
            layer.comparison.produced("out.prefix_value", try stored.values.squeeze(0))
        }
        return try layer.comparison.result()
    }

    /// Keys and values that are parameters of their own, which cases give apart.
    private static func loadTable(
        of set: GraftSet, _ golden: GoldenCase
    ) throws -> (variable: Variable, names: [String])? {
        guard case .table(let table)? = set.prefix?.form else { return nil }
        let names = golden.names(beginningWith: "param.")
        guard let key = names.first(where: { $0.contains("key") }),
            let value = names.first(where: { $0.contains("value") })
        else { throw GoldenError.unread("it has no param.prefix.key and param.prefix.value") }
        try table.load(.cat([golden.tensor("param.\(key)"), golden.tensor("param.\(value)")], dim: 1))
        return (table, [key, value])
    }

    /// The tensors by the names that the case has for them; what it does not have stays as it starts.
    private static func parameters(
        of set: GraftSet, _ golden: GoldenCase
    ) throws -> [(name: String, variable: Variable)] {
        var all: [(names: [String], variable: Variable)] = []
        if case .projected(let maps)? = set.prefix?.form {
            all += maps.variables.map { ([$0.name], $0) }
        }
        for (path, graft) in set.sublayers {
            guard let graft = graft as? BottleneckGraft else { continue }
            let isAttention = path.hasSuffix("attention")
            all += named(graft, isAttention ? ["attn_adapter", "attn"] : ["adapter", "ffn_adapter", "ffn"])
        }
        for graft in set.attentions.values {
            if let heads = graft as? BottleneckHeads { all += named(heads.adapter, ["attn_adapter", "attn"]) }
            guard let norm = (graft as? PrefixHeads)?.norm else { continue }
            for (ending, variable) in [("weight", norm.weight), ("bias", norm.bias)] {
                all.append((["attn_ln", "ln_attn", "ln"].map { "\($0).\(ending)" }, variable))
            }
        }
        return all.compactMap { names, variable in
            names.first { golden.has("param.\($0)") }.map { ($0, variable) }
        }
    }

    /// The tensors of a bottleneck below each name that cases may have for it.
    private static func named(
        _ graft: BottleneckGraft, _ places: [String]
    ) -> [(names: [String], variable: Variable)] {
        let all: [(String, Variable?)] = [
            ("down.weight", graft.down.weight), ("down.bias", graft.down.bias), ("up.weight", graft.up.weight),
            ("up.bias", graft.up.bias), ("scale", graft.scale), ("ln.weight", graft.norm?.weight),
            ("ln.bias", graft.norm?.bias),
        ]
        return all.compactMap { ending, variable in
            variable.map { (places.map { "\($0).\(ending)" }, $0) }
        }
    }
}
