import Golden
import Networks
import Optimization
import Torch

/// Half fine-tuning: in every round a random half of the matrices of each block stays as it is, and all else is trained.
///
/// Of each category of a block (attention matrices, feed-forward matrices, norms) `freeze_ratio` of the members are
/// frozen. Where that is no whole number, a random share of the blocks freezes one more: of gate, up and down two in
/// ⌊L / 2⌋ blocks and one in the others. Biases follow their matrix. Embedding, head and the last norm train always,
/// unless `train_embed_head` is off. `steps_per_round` begins a new round with a new draw inside one training; weights go
/// on, optimizer state does not.
///
/// A matrix that holds several (a fused query, key and value) is one member of its category: that is ours, where the
/// paper has none. So are the rule for other ratios than one half, and the restart of the optimizer at a new round.
///
/// Source: Hui et al. 2024 (arXiv:2404.18466), section 3.1; levels of selection from its ablation.
public struct HFT: Method, Equatable {
    /// Among which a half is drawn.
    public enum Level: String, Codable, CaseIterable, Sendable {
        /// The members of each category of each block.
        case category
        /// Whole blocks.
        case layer
        /// All members of all blocks together.
        case model
    }

    /// Among which a half is drawn.
    public var level = Level.category
    /// Share that is frozen.
    public var freezeRatio = 0.5
    /// Optimizer steps between two draws; nil for one draw.
    public var stepsPerRound: Int?
    /// Trains what stands outside the blocks.
    public var trainEmbedHead = true

    /// The paper's half.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "hft", summary: "A random half of each block's matrices stays frozen for a round, all else is trained.",
        family: "selective", sites: "whole parameters over time", paper: "Hui et al. 2024, arXiv:2404.18466",
        initContract: .equalsBase, mergeContract: .exact)

    /// Its options.
    public static let options: [MethodOption<HFT>] = [
        .init("level", \.level),
        .init("freeze_ratio", \.freezeRatio),
        .init("steps_per_round", \.stepsPerRound),
        .init("train_embed_head", \.trainEmbedHead),
    ]

    /// Refuses numbers that cannot be.
    public func validate() throws {
        try require(freezeRatio > 0 && freezeRatio < 1, "freeze_ratio must be between 0 and 1, found \(freezeRatio)")
        try require(stepsPerRound ?? 1 > 0, "steps_per_round must be positive, found \(stepsPerRound ?? 0)")
    }

    /// Every parameter, as a copy that is made when it is first trained.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        guard !model.blocks.isEmpty else { throw MethodError.option("hft: the model has no blocks to draw from") }
        var set = GraftSet()
        for parameter in model.parameters.values where try parameter.base.dtype.isFloatingPoint {
            try set.addOnDemand(copyOf: parameter)
        }
        return set
    }

    /// The rounds.
    public func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        HalfTraining(self, HalfMembers(of: model))
    }

    /// The adapter with the base's values where the round of a key froze them: what tells how much of a tuned model's
    /// knowledge sits in one half (Half-Reset).
    /// - Parameter key: of the draw.
    public func halfReset(_ grafts: GraftSet, on model: Model, key: RandomKey) throws -> GraftSet {
        var reset = grafts
        for name in try frozen(HalfMembers(of: model), .drawn(key)) { reset.parameters[name] = nil }
        return reset
    }
}

// MARK: The draw

/// Orders that decide who is frozen: the first of an order are.
struct HalfOrders {
    /// The order of `count` places, by what is put in order.
    let order: (_ purpose: String, _ count: Int) throws -> [Int]

    /// Orders that are a function of a key.
    static func drawn(_ key: RandomKey) -> HalfOrders {
        HalfOrders { purpose, count in
            let ranks = try Tensor.uniform([count], 0, 1, key: key.derived(purpose), dtype: .float64).sorted(0).indices
            return try ranks.array(of: Int64.self).map(Int.init)
        }
    }
}

/// The parameters of a network's blocks, as members of categories.
struct HalfMembers {
    /// One kind of members, block by block; a member is the names of its parameters.
    struct Category {
        let name: String
        let blocks: [[[String]]]
    }

    let categories: [Category]
    let blockCount: Int

    init(of model: Model) {
        let blocks = Array(model.blocks.keys)
        func isOf(_ block: String, _ path: String) -> Bool { path.hasPrefix(block + ".") }
        func matrices(_ block: String, _ roles: Set<Sublayer.Role>) -> [[String]] {
            model.sublayers.values.filter { isOf(block, $0.path) && roles.contains($0.role) }
                .flatMap(\.structure.projections).map { [$0.weight.name] + ($0.bias.map { [$0.name] } ?? []) }
        }
        blockCount = blocks.count
        categories = [
            Category(name: "att", blocks: blocks.map { matrices($0, [.attention, .crossAttention]) }),
            Category(name: "ffn", blocks: blocks.map { matrices($0, [.feedForward]) }),
            Category(
                name: "norm",
                blocks: blocks.map { block in
                    model.norms.values.filter { isOf(block, $0.path) }
                        .map { [$0.weight.name] + ($0.bias.map { [$0.name] } ?? []) }
                }),
        ]
    }

    /// All members, block by block.
    var all: [[[String]]] { (0..<blockCount).map { block in categories.flatMap { $0.blocks[block] } } }
}

extension HFT {
    /// The names of the parameters that a round leaves as they are.
    func frozen(_ members: HalfMembers, _ orders: HalfOrders) throws -> Set<String> {
        switch level {
        case .category:
            return Set(try members.categories.flatMap { try frozen($0, orders) })
        case .layer:
            let count = Int((freezeRatio * Double(members.blockCount)).rounded(.down))
            return Set(
                try orders.order("layer", members.blockCount).prefix(count).flatMap { members.all[$0].flatMap { $0 } })
        case .model:
            let all = members.all.flatMap { $0 }
            let count = Int((freezeRatio * Double(all.count)).rounded(.down))
            return Set(try orders.order("model", all.count).prefix(count).flatMap { all[$0] })
        }
    }

    private func frozen(_ category: HalfMembers.Category, _ orders: HalfOrders) throws -> [String] {
        let blocks = category.blocks.count
        let isUneven = category.blocks.contains {
            freezeRatio * Double($0.count) != (freezeRatio * Double($0.count)).rounded()
        }
        let layers = isUneven ? try orders.order("\(category.name)_layer", blocks) : []
        return try category.blocks.enumerated().flatMap { index, members -> [String] in
            let share = freezeRatio * Double(members.count)
            let least = share.rounded(.down)
            // The rest of the share is made up by blocks that freeze one more.
            let more = layers.prefix(Int(((share - least) * Double(blocks)).rounded(.down)))
            let count = Int(least) + (more.contains(index) ? 1 : 0)
            return try orders.order("\(category.name).\(index)", members.count).prefix(count).flatMap { members[$0] }
        }
    }
}

// MARK: Training

/// Switches the groups of the rounds: a group for each parameter of a block, and one for all else.
final class HalfTraining: Lifecycle {
    private let method: HFT
    private let members: HalfMembers
    private let orders: (_ round: Int, RandomKey) -> HalfOrders
    private let weightDecay: Double?
    /// The names of the groups that are switched; other methods may train beside.
    private var switched: [String] = []

    /// - Parameters:
    ///   - orders: nil for orders drawn from the step's key.
    ///   - weightDecay: of every tensor; nil for the optimizer's own rule.
    init(
        _ method: HFT, _ members: HalfMembers, weightDecay: Double? = nil,
        orders: ((_ round: Int, RandomKey) -> HalfOrders)? = nil
    ) {
        self.method = method
        self.members = members
        self.weightDecay = weightDecay
        self.orders = orders ?? { _, key in .drawn(key.derived("hft")) }
    }

    var worksWithoutGradients: Bool { true }

    func groups(of variables: [Variable]) throws -> [ParameterGroup] {
        let inBlocks = Set(members.all.flatMap { $0 }.flatMap { $0 })
        let outside = variables.filter { !inBlocks.contains($0.name) }
        let always =
            method.trainEmbedHead && !outside.isEmpty
            ? [try ParameterGroup("always", outside, weightDecay: weightDecay, isActive: false)] : []
        let groups =
            always
            + (try variables.filter { inBlocks.contains($0.name) }.map {
                try ParameterGroup($0.name, [$0], weightDecay: weightDecay, isActive: false)
            })
        switched = groups.map(\.name)
        return groups
    }

    func stepWillBegin(_ moment: StepMoment) throws {
        let length = method.stepsPerRound ?? moment.totalSteps
        guard moment.step % length == 0 else { return }
        let frozen = try method.frozen(members, orders(moment.step / length, moment.key))
        for name in switched { try moment.trainables.setActive(name, false, state: .drop) }
        for name in switched where !frozen.contains(name) { try moment.trainables.setActive(name, true) }
    }
}

// MARK: Golden cases

extension HFT {
    /// Rounds of AdamW with given gradients over the parameters of a decoder.
    public static let replays = [GoldenReplay("hft", body: trace)]

    private static func trace(_ golden: GoldenCase) throws -> CaseResult {
        let config = golden.config
        var method = try MethodConfiguration.options(of: HFT.self, in: golden)
        let (rounds, length) = (try config.field("rounds").int(), try config.field("steps_per_round").int())
        method.stepsPerRound = length
        let model = try CaseDecoder.model(golden)
        let set = try method.grafts(for: model, key: RandomKey(seed: 0))
        let betas = try config.field("betas").elements().map { try $0.double() }
        guard betas.count == 2 else { throw TorchError.invalid("betas has \(betas.count) values, expected 2") }
        let training = HalfTraining(
            method, HalfMembers(of: model), weightDecay: try config.field("weight_decay").double()
        ) { round, _ in
            HalfOrders { purpose, _ in
                let parts = purpose.split(separator: ".").map(String.init)
                // Cases of whole layers or matrices may have one order a round, without a name of its own.
                let names = ["\(parts[0])_perm", "perm", "matrix_perm", "block_perm"].map { "in.round\(round).\($0)" }
                guard var order = try golden.first(of: names)?.tensor else {
                    throw GoldenError.unread("it has no order \(names[0])")
                }
                if parts.count == 2, let block = Int(parts[1]) { order = try order.select(0, block) }
                return try order.array(of: Int64.self).map(Int.init)
            }
        }
        let trainables = try Trainables(
            training.groups(of: set.variables),
            optimizer: AdamW(beta1: betas[0], beta2: betas[1], epsilon: try config.field("eps").double()))
        let rate = try config.field("lr").double()
        let names = set.variables.map { ($0, String($0.name.dropLast(".weight".count))) }.sorted { $0.1 < $1.1 }
        var comparison = Comparison(golden)
        for step in 0..<(rounds * length) {
            try training.stepWillBegin(
                StepMoment(
                    step: step, totalSteps: rounds * length, epoch: 0, key: RandomKey(seed: 0), learningRate: rate,
                    trainables: trainables, model: model))
            try trainables.clearGradients()
            let trained = names.map { trainables.group(of: $0.0)?.isActive ?? false }
            for (variable, name) in names where trainables.group(of: variable)?.isActive ?? false {
                try trainables.setGradient(of: variable, to: golden.tensor("in.step\(step).grad.\(name)"))
            }
            try trainables.step(learningRate: rate, at: step)
            guard (step + 1) % length == 0 else { continue }
            let round = step / length
            comparison.produced("step\(round).trainable", try Tensor(trained.map { Int64($0 ? 1 : 0) }))
            for (variable, name) in names {
                comparison.produced("step\(round).weight.\(name)", try variable.value.detach().clone())
            }
        }
        return try comparison.result()
    }
}

/// The parameters of the case's decoder at the sites where a decoder has them; gradients are given, so nothing runs.
private final class CaseDecoder: Network {
    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        throw NetworkError.unsupported("the case's decoder has parameters and no forward")
    }

    static func model(_ golden: GoldenCase) throws -> Model {
        let tensors = try golden.tensors(below: "param.")
        let weights = Dictionary(tensors.map { ("\($0.key).weight", $0.value) }, uniquingKeysWith: { a, _ in a })
        let (config, builder) = (golden.config, NetworkBuilder(source: TensorWeights(weights)))
        let hidden = try config.field("hidden").int()
        let (root, vocabulary) = (builder.root, try config.field("vocab").int())
        let places = (0..<(try config.field("layers").int())).map { root("layers")($0) }
        _ = try Projection.embedding(root("embed"), count: vocabulary, size: hidden)
        for place in places {
            func linear(_ name: String) throws -> Projection {
                guard let shape = try weights["\(place.path).\(name).weight"]?.shape, shape.count == 2 else {
                    throw TorchError.invalid("the case has no matrix param.\(place.path).\(name)")
                }
                return try .linear(place(name), input: shape[1], output: shape[0], bias: false)
            }
            let (query, key, value) = (try linear("q_proj"), try linear("k_proj"), try linear("v_proj"))
            _ = Sublayer(
                place, .attention, size: hidden,
                placement: .before(try .rms(place("input_norm"), size: hidden, eps: 1e-6)),
                structure: .attention(
                    query: ProjectionSlice(query), key: ProjectionSlice(key), value: ProjectionSlice(value),
                    output: try linear("o_proj"), heads: 1, keyHeads: 1, headSize: query.outputSize))
            _ = Sublayer(
                place, .feedForward, size: hidden,
                placement: .before(try .rms(place("post_attn_norm"), size: hidden, eps: 1e-6)),
                structure: .feedForward(
                    gate: ProjectionSlice(try linear("gate_proj")), up: ProjectionSlice(try linear("up_proj")),
                    down: try linear("down_proj")))
        }
        _ = try Projection.linear(root("lm_head"), input: hidden, output: vocabulary, bias: false)
        _ = try Norm.rms(root("norm"), size: hidden, eps: 1e-6)
        _ = Body(root("layers"), size: hidden, blocks: places)
        return Model(CaseDecoder(), builder)
    }
}
