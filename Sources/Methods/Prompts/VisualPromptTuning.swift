import Golden
import Networks
import Torch

/// Visual prompt tuning: trained tokens stand between the class token and the patches of a vision transformer.
///
///     block 0 sees [class; drop(proj E₀); patches]             E₀ = `prompt` [1, P, p]
///     block i sees [class; drop(proj Eᵢ); what the patches became]    Eᵢ = row i − 1 of `deep_prompts` [K − 1, P, p]
///
/// Shallow prompts travel on through all blocks; with `deep` each of the first K blocks gets its own, which overwrite
/// the former ones. proj is the identity, or a linear map [size, p] where `project` names another width. No positions
/// are added to prompts.
///
/// Source: Jia et al. 2022 (arXiv:2203.12119), section 3.2 and the ablations of section 4.3; names and starts as in the
/// authors' release. There `reverse_deep` overwrites the first patches where prompts first appear; here they are put in.
public struct VisualPromptTuning: SavesModules, Equatable {
    /// P.
    public var numTokens = 5
    /// Gives every block prompts of its own.
    public var deep = false
    /// K; nil for all blocks.
    public var numDeepLayers: Int?
    /// Takes the prompts out again behind the first K blocks.
    public var noexpand = false
    /// Prompts the last K blocks instead of the first.
    public var reverseDeep = false
    /// Every prompted block gets the prompts of the first.
    public var deepShared = false
    /// p; -1 for the network's own width.
    public var project = -1
    /// Dropout of prompts in training.
    public var dropout = 0.0
    /// Modules that are trained and stored whole, such as a new head.
    public var modulesToSave: [String] = []

    /// Five shallow prompts.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "vpt", summary: "Trained tokens between the class token and the patches, once or before every block.",
        family: "prompts", sites: "token sequence of blocks", paper: "Jia et al. 2022, arXiv:2203.12119",
        initContract: .differs, mergeContract: .never)

    /// Its options.
    public static let options: [MethodOption<VisualPromptTuning>] = [
        .init("num_tokens", \.numTokens),
        .init("deep", \.deep),
        .init("num_deep_layers", \.numDeepLayers),
        .init("noexpand", \.noexpand),
        .init("reverse_deep", \.reverseDeep),
        .init("deep_shared", \.deepShared),
        .init("project", \.project),
        .init("dropout", \.dropout),
        .modulesToSave,
    ]

    private func validate(blocks: Int) throws {
        try require(numTokens > 0, "num_tokens must be positive, found \(numTokens)")
        try require(project == -1 || project > 0, "project must be -1 or a width, found \(project)")
        try require((0..<1).contains(dropout), "dropout must be from 0 up to 1, found \(dropout)")
        for (name, isSet) in [
            ("num_deep_layers", numDeepLayers != nil), ("noexpand", noexpand), ("reverse_deep", reverseDeep),
            ("deep_shared", deepShared),
        ] where isSet {
            try require(deep, "\(name): needs deep beside it")
        }
        if let count = numDeepLayers {
            try require(
                (1...blocks).contains(count), "num_deep_layers must be from 1 to the \(blocks) blocks, found \(count)")
        }
        try require(!noexpand || !reverseDeep, "noexpand: prompts of the last blocks have no blocks behind them")
    }
}

// MARK: Grafts

extension VisualPromptTuning {
    /// Prompts at the blocks that change them, and copies of the modules that are saved.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        guard model.bodies.count == 1, let body = model.bodies.values.first, body.leadingTokens > 0 else {
            throw MethodError.option("vpt needs a vision transformer with a class token")
        }
        try validate(blocks: body.blocks.count)
        let prompted = promptedBlocks(of: body.blocks.count)
        let table = try PromptTable(self, rows: prompted.count, model: model, size: body.size, key: start.key)
        var set = GraftSet()
        for (place, index) in prompted.enumerated() {
            set.blocks[body.blocks[index].path] = VisualPromptGraft(
                table, row: deepShared ? 0 : place, action: place == 0 ? .insert : .overwrite, at: body.leadingTokens)
        }
        if noexpand, let end = prompted.last, end + 1 < body.blocks.count {
            set.blocks[body.blocks[end + 1].path] = VisualPromptGraft(
                table, row: 0, action: .remove, at: body.leadingTokens)
        }
        try set.addModules(modulesToSave, of: model)
        return set
    }

    /// The blocks that get prompts, in their order.
    private func promptedBlocks(of count: Int) -> Range<Int> {
        guard deep else { return 0..<1 }
        let chosen = numDeepLayers ?? count
        return reverseDeep ? (count - chosen)..<count : 0..<chosen
    }
}

/// The prompts of all blocks.
private final class PromptTable {
    let prompt: Variable
    let deepPrompts: Variable?
    let projection: (weight: Variable, bias: Variable)?
    let dropout: Double

    init(_ method: VisualPromptTuning, rows: Int, model: Model, size: Int, key: RandomKey) throws {
        let width = method.project == -1 ? size : method.project
        // 3·side² in the paper: the numbers of a patch.
        let patch = model.projections.values.compactMap { projection -> Int? in
            guard case .convolution(let shape) = projection.kind else { return nil }
            return shape.input * shape.kernel.reduce(1, *)
        }.first
        let bound = (6 / Double((patch ?? size) + width)).squareRoot()
        func drawn(_ name: String, _ count: Int) throws -> Variable {
            try Variable(
                name, Tensor.uniform([count, method.numTokens, width], -bound, bound, key: key.derived(name)))
        }
        prompt = try drawn("prompt", 1)
        deepPrompts = try rows > 1 && !method.deepShared ? drawn("deep_prompts", rows - 1) : nil
        dropout = method.dropout
        guard method.project != -1 else {
            projection = nil
            return
        }
        let names = ("prompt_proj.weight", "prompt_proj.bias")
        let limit = 1 / Double(width).squareRoot()
        projection = (
            try Variable(
                names.0, Tensor.normal([size, width], std: (2 / Double(size)).squareRoot(), key: key.derived(names.0))),
            try Variable(names.1, Tensor.uniform([size], -limit, limit, key: key.derived(names.1)))
        )
    }

    var variables: [Variable] {
        [prompt, deepPrompts, projection?.weight, projection?.bias].compactMap { $0 }
    }

    /// The prompts of a row for a batch, [rows, P, size].
    func prompts(_ row: Int, rows: Int, at block: Block, _ context: ForwardContext) throws -> Tensor {
        var x = prompt.value
        if row > 0, let deepPrompts { x = try deepPrompts.value.narrow(0, row - 1, 1) }
        if let projection { x = try x.linear(projection.weight.value, projection.bias.value) }
        // The mask differs from example to example.
        return try context.dropout(x.expand([rows, -1, -1]), dropout, at: block.path + ".prompts")
    }
}

/// What one block does to the prompts.
private final class VisualPromptGraft: BlockGraft {
    enum Action {
        case insert
        case overwrite
        case remove
    }

    private let table: PromptTable
    private let row: Int
    private let action: Action
    private let place: Int

    /// - Parameter place: of the first prompt in the sequence.
    init(_ table: PromptTable, row: Int, action: Action, at place: Int) {
        self.table = table
        self.row = row
        self.action = action
        self.place = place
    }

    var variables: [Variable] { table.variables }

    func entering(
        _ x: Tensor, _ input: inout ModelInput, at block: Block, _ context: ForwardContext
    ) throws -> Tensor {
        let count = try table.prompt.value.size(1)
        let kept = place + (action == .insert ? 0 : count)
        let (first, rest) = (try x.narrow(1, 0, place), try x.narrow(1, kept, x.size(1) - kept))
        if action == .remove { return try Tensor.cat([first, rest], dim: 1) }
        let prompts = try table.prompts(row, rows: x.size(0), at: block, context).to(x.dtype)
        return try Tensor.cat([first, prompts, rest], dim: 1)
    }
}

// MARK: Golden cases

extension VisualPromptTuning {
    /// Blocks of a vision transformer with prompts, forwards and backwards.
    public static let replays = [GoldenReplay("vpt", body: replay)]

    private static func replay(_ golden: GoldenCase) throws -> CaseResult {
        let config = golden.config
        var method = VisualPromptTuning()
        method.numTokens = try config.field("num_tokens").int()
        method.deep = try config.field("deep").bool()
        if let count = try config.optional("num_deep_layers"), !count.isNull { method.numDeepLayers = try count.int() }
        method.noexpand = try config.optional("noexpand")?.bool() ?? false
        method.reverseDeep = try config.optional("reverse_deep")?.bool() ?? false
        method.deepShared = try config.optional("deep_shared")?.bool() ?? false
        method.project = try config.optional("project")?.int() ?? -1
        let model = try VisionBlocks.model(golden)
        let set = try method.grafts(for: model, key: RandomKey(seed: 0))
        try model.add(set, named: "default")
        for variable in set.variables { try variable.load(golden.tensor("param." + variable.name)) }
        let x = try golden.tensor("in.x").clone().setRequiresGrad(true)
        let y = try model(ModelInput(pixelValues: x)).lastHiddenState
        var comparison = Comparison(golden)
        comparison.produced("out.y", y)
        try (y * golden.tensor("in.cotangent")).sum().backward()
        for (name, tensor) in set.variables.map({ ($0.name, $0.value) }) + [("x", x)] {
            if let gradient = try tensor.grad { comparison.produced("grad." + name, gradient) }
        }
        return try comparison.result()
    }
}
