import Torch

/// The blocks of a network between embeddings and head. Methods may change the rows of its token sequence before and
/// between the blocks, watch what each block gives, and put a side network in the place of its output.
public final class Body {
    /// The block of an index: what comes out for `x`.
    public typealias Layer = (_ index: Int, _ x: Tensor, _ input: ModelInput) throws -> Tensor

    /// The path of the backbone's module; of each half in an encoder-decoder.
    public let path: String
    /// Channels of a token.
    public let size: Int
    /// Tokens before those of the input itself: a class token and registers.
    public let leadingTokens: Int
    /// The blocks in their order.
    public let blocks: [Block]
    /// Grafts of the embedded tokens in effect, in the order of their adapters.
    public private(set) var tokenGrafts: [any TokenGraft] = []
    /// The first block that adapters side by side change; the lanes are one until there.
    var lanesBegin = 0
    /// The network that gives the output in the blocks' place.
    public private(set) var side: (any SideNetwork)?

    /// - Parameters:
    ///   - scope: the backbone's place.
    ///   - blocks: the places of the blocks.
    ///   - leadingTokens: tokens before those of the input itself.
    public init(_ scope: Scope, size: Int, blocks: [Scope], leadingTokens: Int = 0) {
        path = scope.path
        self.size = size
        self.leadingTokens = leadingTokens
        self.blocks = blocks.enumerated().map { Block(path: $1.path, index: $0, size: size) }
        scope.builder.register(self)
    }

    /// True when a graft looks at whole rows between the blocks.
    private var needsWholeRows: Bool {
        side != nil || blocks.contains { !$0.grafts.isEmpty }
    }

    /// What the methods make of the embedded tokens [rows, length, size], before positions are added.
    /// - Parameter input: masks, positions and segments, which follow when rows are inserted.
    public func embedded(_ x: Tensor, _ input: inout ModelInput, _ context: ForwardContext) throws -> Tensor {
        context.insertedRows = 0
        return try tokenGrafts.reduce(x) { try $1.embedded($0, &input, at: self, context) }
    }

    /// Runs the blocks. Padding is left out where the input says which positions are tokens, and in the last block all
    /// that nothing is read from, forward and backward, where no graft needs whole rows.
    /// - Parameters:
    ///   - x: what goes into the first block.
    ///   - readsFirst: whether the first position of each row is all that is read of the output.
    ///   - finish: what stands behind the last one, its norm.
    ///   - layer: the block of an index. Its attention splits into heads by the input's `tokens` and `queries`, and what
    ///     it gives are the input's `wanted` positions.
    /// - Returns: [rows, length, size]; [rows, 1, size] where the first alone are read; [lanes, count, size] of the input's
    ///   `wantedPlaces`.
    public func callAsFunction(
        _ x: Tensor, _ input: ModelInput, _ context: ForwardContext, readsFirst: Bool = false,
        finish: (Tensor) throws -> Tensor = { $0 }, layer: @escaping Layer
    ) throws -> Tensor {
        if let taskIDs = input.taskIDs { context.taskIDs = taskIDs }
        guard !needsWholeRows else {
            let y = try sided(x, input, context, finish: finish, layer: layer)
            return try layout(of: input.wantedPlaces, y, context)?.gathered(y) ?? y
        }
        var input = input
        input.tokens = try tokens(of: x, input, context)
        let wanted = try wanted(of: x, input, context, readsFirst: readsFirst)
        let inLast = input.wantedPlaces == nil || context.readsTokensApart ? wanted : nil
        let start = try input.tokens?.gathered(x) ?? x
        let y = try finish(run(start, input, context, wantedInLast: inLast, layer: layer) { _ in })
        if input.wantedPlaces != nil { return try inLast == nil ? wanted?.gathered(y) ?? y : y }
        return try (inLast ?? input.tokens)?.spread(y) ?? y
    }

    /// The output where grafts look at whole rows.
    private func sided(
        _ x: Tensor, _ input: ModelInput, _ context: ForwardContext, finish: (Tensor) throws -> Tensor,
        layer: @escaping Layer
    ) throws -> Tensor {
        guard let side else { return try finish(run(x, input, context, layer: layer) { _ in }) }
        var taps: [Tensor] = []
        func trunk() throws -> Tensor { try finish(run(x, input, context, layer: layer) { taps.append($0) }) }
        let last = side.detachesBody ? try withoutGradients(trunk) : try trunk()
        context.bodyInput = x
        defer { context.bodyInput = nil }
        return try side.output(taps: taps, last: last, input, at: self, context)
    }

    /// The tokens of `x`, where they are known and nothing looks at the rest.
    private func tokens(of x: Tensor, _ input: ModelInput, _ context: ForwardContext) throws -> TokenLayout? {
        guard let places = input.tokenPlaces, let mask = input.attentionMask, try mask.rank == 2,
            context.readsTokensApart
        else { return nil }
        // Padding on the left may be asked for, too: it is what stands before a row's first token.
        if let wanted = input.wantedPlaces, !Set(wanted).isSubset(of: places) { return nil }
        let (rows, length) = (try x.size(0) / context.lanes, try x.size(1))
        let inserted = (0..<rows).flatMap { row in
            (0..<context.insertedRows).map { Int64(row * length + $0) }
        }
        let shifted = Body.shifted(places, columns: length - context.insertedRows, by: context.insertedRows)
        return try TokenLayout((inserted + shifted).sorted(), rows: rows, length: length, on: x.device)
    }

    /// The positions that are read of the output, among the input's tokens; nil for all.
    private func wanted(
        of x: Tensor, _ input: ModelInput, _ context: ForwardContext, readsFirst: Bool
    ) throws -> TokenLayout? {
        if let layout = try layout(of: input.wantedPlaces, x, context) {
            return try layout.taken(from: input.tokens, on: x.device)
        }
        guard readsFirst else { return nil }
        let (rows, length) = (try x.size(0) / context.lanes, try x.size(1))
        let first = (0..<rows).map { Int64($0 * length) }
        return try TokenLayout(first, rows: rows, length: length, on: x.device)
            .taken(from: input.tokens, on: x.device).alone(columns: 1)
    }

    /// Places of the batch in rows that grafts may have put others before.
    private func layout(of places: [Int64]?, _ x: Tensor, _ context: ForwardContext) throws -> TokenLayout? {
        guard let places else { return nil }
        let (rows, length) = (try x.size(0) / context.lanes, try x.size(1))
        let shifted = Body.shifted(places, columns: length - context.insertedRows, by: context.insertedRows)
        return try TokenLayout(shifted, rows: rows, length: length, on: x.device)
    }

    /// The flat numbers that places of rows with `columns` have once `count` others stand before each row.
    private static func shifted(_ places: [Int64], columns: Int, by count: Int) -> [Int64] {
        count == 0 ? places : places.map { $0 + ($0 / Int64(columns) + 1) * Int64(count) }
    }

    /// - Parameter wanted: the positions that the last block gives; nil for all.
    private func run(
        _ x: Tensor, _ input: ModelInput, _ context: ForwardContext, wantedInLast wanted: TokenLayout? = nil,
        layer: @escaping Layer, tap: (Tensor) -> Void
    ) throws -> Tensor {
        var (x, input) = (x, input)
        let (whole, lanes) = (input, context.lanes)
        // Below the lowest graft all lanes are the same. Positions of single rows were looked up for all of them.
        let isOne = lanes > 1 && lanesBegin > 0 && input.positionIDs == nil && input.segmentIDs == nil
        if isOne {
            (x, input) = (try Lanes.slice(x, 0, of: lanes), try input.firstLane(of: lanes))
            context.lanes = 1
        }
        defer { context.lanes = lanes }
        for block in blocks {
            if isOne, block.index == lanesBegin {
                (x, input) = (try x.repeatedRows(lanes), whole)
                context.lanes = lanes
            }
            if block.index == blocks.count - 1 { input.wanted = wanted }
            (x, input) = try pass(x, input, through: block, context, layer)
            tap(x)
        }
        return try isOne && lanesBegin >= blocks.count ? x.repeatedRows(lanes) : x
    }

    /// What a block makes of rows and of what belongs to them.
    private func pass(
        _ x: Tensor, _ input: ModelInput, through block: Block, _ context: ForwardContext, _ layer: @escaping Layer
    ) throws -> (x: Tensor, input: ModelInput) {
        func passed() throws -> (x: Tensor, input: ModelInput) {
            var (x, input) = (x, input)
            for graft in block.grafts { x = try graft.entering(x, &input, at: block, context) }
            x = try layer(block.index, x, input)
            for graft in block.grafts.reversed() { x = try graft.leaving(x, &input, at: block, context) }
            return (x, input)
        }
        guard context.gradientCheckpointing else { return try passed() }
        let lanes = context.lanes
        return try gradientCheckpoint {
            // The second time, the context is as the end of the forward has left it.
            let left = context.lanes
            context.lanes = lanes
            defer { context.lanes = left }
            return try passed()
        }
    }

    /// Sets the grafts in effect; an empty list leaves the base alone.
    func setGrafts(tokens: [any TokenGraft], side: (any SideNetwork)?) {
        tokenGrafts = tokens
        self.side = side
        lanesBegin = 0
    }
}

/// One block of a body: where a method may change the token sequence on its way in and out.
public final class Block {
    /// The path of the block's module.
    public let path: String
    /// Its place in the body, from 0.
    public let index: Int
    /// Channels of a token.
    public let size: Int
    /// Grafts in effect, in the order of their adapters.
    public private(set) var grafts: [any BlockGraft] = []

    init(path: String, index: Int, size: Int) {
        self.path = path
        self.index = index
        self.size = size
    }

    /// Sets the grafts in effect; an empty list leaves the base alone.
    func setGrafts(_ grafts: [any BlockGraft]) {
        self.grafts = grafts
    }
}

/// What a method puts at the entry and exit of a block.
public protocol BlockGraft: SiteGraft {
    /// The rows that go into the block in the place of `x` [rows, length, size]; masks and segments follow in `input`.
    func entering(_ x: Tensor, _ input: inout ModelInput, at block: Block, _ context: ForwardContext) throws -> Tensor

    /// The rows that the block gives in the place of `x`.
    func leaving(_ x: Tensor, _ input: inout ModelInput, at block: Block, _ context: ForwardContext) throws -> Tensor
}

extension BlockGraft {
    /// The rows themselves.
    public func entering(
        _ x: Tensor, _ input: inout ModelInput, at block: Block, _ context: ForwardContext
    ) throws -> Tensor { x }

    /// The rows themselves.
    public func leaving(
        _ x: Tensor, _ input: inout ModelInput, at block: Block, _ context: ForwardContext
    ) throws -> Tensor { x }
}

/// What a method makes of the embedded tokens before positions are added.
public protocol TokenGraft: SiteGraft {
    /// The embedded tokens in the place of `x` [rows, length, size].
    func embedded(_ x: Tensor, _ input: inout ModelInput, at body: Body, _ context: ForwardContext) throws -> Tensor
}

extension TokenGraft {
    /// Puts rows before the embedded tokens of a text: the attention mask covers them, they are of segment type 0, and
    /// positions run over the whole length. In generation they stand before the first call's tokens alone.
    /// - Parameter prompt: [count, size].
    /// - Throws: `NetworkError` for packed rows, where a prompt would belong to the first example only.
    public func inserting(
        _ prompt: Tensor, before x: Tensor, _ input: inout ModelInput, _ context: ForwardContext
    ) throws -> Tensor {
        guard input.segmentIDs == nil else {
            throw NetworkError.input("packed rows cannot take prompt tokens: use batching length_grouped or random")
        }
        let (rows, count) = (try x.size(0), try prompt.size(0))
        let device = try x.device
        if let mask = input.attentionMask {
            let ones = try Tensor.ones([rows, count], dtype: mask.dtype, device: device)
            guard try mask.rank == 2 else {
                throw NetworkError.input("prompt tokens need an attention_mask of [rows, length]")
            }
            input.attentionMask = try Tensor.cat([ones, mask], dim: 1)
        }
        if let cache = context.cache, cache.length > 0 { return x }
        if let types = input.tokenTypeIDs {
            let zeros = try Tensor.zeros([rows, count], dtype: types.dtype, device: device)
            input.tokenTypeIDs = try Tensor.cat([zeros, types], dim: 1)
        }
        input.positionIDs = nil
        context.insertedRows += count
        return try Tensor.cat([prompt.to(x.dtype).unsqueeze(0).expand([rows, -1, -1]), x], dim: 1)
    }
}

/// A network beside a body that gives the output in its place.
public protocol SideNetwork: SiteGraft {
    /// True when nothing flows back into the body: it runs without gradients.
    var detachesBody: Bool { get }

    /// The output in the body's place.
    /// - Parameters:
    ///   - taps: what each block gave, [rows, length, size]; what went into the first is `context.bodyInput`.
    ///   - last: what the body would give, after its last norm.
    func output(taps: [Tensor], last: Tensor, _ input: ModelInput, at body: Body, _ context: ForwardContext) throws
        -> Tensor
}
