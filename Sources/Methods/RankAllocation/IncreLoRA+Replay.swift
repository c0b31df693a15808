import Golden
import Networks
import Optimization
import Torch

extension IncreLoRA {
    /// The layer with its reserve and score, and the allocation of several modules.
    public static let replays = [GoldenReplay("increlora", body: replay)]

    private static func replay(_ golden: GoldenCase) throws -> CaseResult {
        let method = try MethodConfiguration.options(of: IncreLoRA.self, in: golden)
        var layer = try LayerCase(golden)
        try replayLayer(&layer, method)
        try replayAllocation(&layer.comparison, golden, method)
        return try layer.result()
    }

    // MARK: Layer

    private static func replayLayer(_ layer: inout LayerCase, _ options: IncreLoRA) throws {
        let golden = layer.golden
        let rank = try golden.config.field("rank_now").count()
        var method = options
        method.targetModules = .list([SingleProjection.path])
        // The rank of the case is that of the first piece and of whole growths, where these give it.
        let growths = max(0, rank - method.loraR) / method.growth
        method.loraR = rank - growths * method.growth
        if options.loraAlpha <= 0 { method.loraAlpha = Double(options.loraR) }
        let graft: IncreLoRAGraft = try layer.graft(method.grafts(for: layer.model, key: RandomKey(seed: 0)))
        let (a, b, e) = (
            try golden.tensor("param.lora_A"), try golden.tensor("param.lora_B"), try golden.tensor("param.lora_E")
        )
        if try a.size(0) > rank { try graft.addReserve(rank: method.growth, e: 0) }
        for _ in 0..<growths {
            try graft.useReserve()
            if try graft.rank < rank || a.size(0) > rank { try graft.addReserve(rank: method.growth, e: 0) }
        }
        var row = 0
        for (index, piece) in graft.pieces.enumerated() {
            let (count, isInUse) = (try piece.e.value.count, index < graft.piecesInUse)
            try piece.a.load(a.narrow(0, row, count))
            try piece.b.load(b.narrow(1, row, count))
            try piece.e.load(e.narrow(0, row, count))
            for factor in [piece.a, piece.b] { try factor.value.setRequiresGrad(isInUse || method.advanceLearn) }
            try piece.e.value.setRequiresGrad(isInUse)
            row += count
        }
        graft.isMeasuring = true
        let x = try golden.tensor("in.x").clone().setRequiresGrad(true)
        let y = try layer.forward(x, ForwardContext(isTraining: true))
        layer.produced("out.y", y)
        try (y * golden.tensor("in.cotangent")).sum().backward()
        if let gradient = try x.grad { layer.produced("grad.in.x", gradient) }
        func gradients(_ member: (IncreLoRAGraft.Piece) -> Variable, dim: Int = 0) throws -> Tensor {
            try .cat(graft.pieces.map { try member($0).value.grad ?? member($0).value.zerosLike() }, dim: dim)
        }
        layer.produced("grad.param.lora_A", try gradients(\.a))
        layer.produced("grad.param.lora_B", try gradients(\.b, dim: 1))
        layer.produced("grad.param.lora_E", try gradients(\.e))
        if let score = try graft.takeScore() { layer.produced("out.score", try Tensor.scalar(score)) }
        layer.produced("out.delta_weight", try graft.delta(dtype: .float32))
        layer.produced("out.merged_weight", try layer.merged().weight)
        let moment = StepMoment(
            step: 0, totalSteps: 1, epoch: 0, key: RandomKey(seed: 0), learningRate: 0,
            trainables: try Trainables([], optimizer: AdamW()), model: layer.model)
        if let penalty = try IncreLoRAGrowth(method, [graft]).penalty(moment) {
            layer.produced("out.orth_loss", try penalty.detach())
        }
    }

    // MARK: Allocation

    /// The allocator over modules of no size worth mentioning, with the case's scores.
    private static func replayAllocation(_ comparison: inout Comparison, _ golden: GoldenCase, _ options: IncreLoRA)
        throws
    {
        let config = golden.config
        let count = try config.field("n_modules").count()
        let total = try config.field("total_step").count()
        let peak = try config.field("learning_rate").double()
        let paths = (0..<count).map { "modules.\($0)" }
        let model = try ProjectionChain.model(
            paths.map { ProjectionChain.Layer(path: $0, weight: try .zeros([2, 2])) })
        var method = options
        method.targetModules = .list(paths)
        let set = try method.grafts(for: model, key: RandomKey(seed: 0))
        let growth = IncreLoRAGrowth(method, set.projections.values.compactMap { $0 as? IncreLoRAGraft })
        let schedule = LearningRateSchedule(
            peak: peak, warmupSteps: try config.field("warmup_steps").count(from: 0), totalSteps: total)
        let variables = set.variables.filter { $0.role == .trainable }
        let trainables = try Trainables(growth.groups(of: variables), optimizer: AdamW(), schedule: schedule)
        let groupCount = try config.field("max_groups").count(from: 0)
        let raw = try golden.tensor("in.raw_scores")
        var rows = Rows()
        for step in 0..<(try raw.size(0)) {
            let before = try growth.grafts.map { try $0.rank }
            let scores = try raw.select(0, step).array(of: Double.self)
            try growth.allocate(scores, at: step, trainables)
            let ranks = try growth.grafts.map { try $0.rank }
            let grown = zip(before, ranks).map { $0 == $1 ? 0.0 : 1.0 }
            rows.add("exp_avg", growth.importance)
            rows.add("unc", growth.uncertainty)
            rows.add("ipt", growth.products)
            rows.add("rank", ranks.map(Double.init))
            rows.add("grown", grown)
            rows.add("threshold", [grown.contains(1) ? growth.threshold ?? .nan : .nan])
            var rates = try trainables.groups.map { group in
                try trainables.rate(of: group, learningRate: schedule.rate(step: step + 1), at: step + 1)
            }
            rates += Array(repeating: .nan, count: max(0, groupCount - rates.count))
            rows.add("group_lr", rates)
        }
        for (name, table) in rows.tables {
            let shape = name == "threshold" ? [table.count] : [table.count, table.first?.count ?? 0]
            comparison.produced("trace.\(name)", try Tensor(table.joined().map(Float.init), shape: shape))
        }
        comparison.produced("trace.finalised_at", try Tensor([Float(growth.finalisedAt ?? -1)]))
    }

    private struct Rows {
        var tables: [String: [[Double]]] = [:]

        mutating func add(_ name: String, _ row: [Double]) { tables[name, default: []].append(row) }
    }
}
