import Networks
import Torch

/// Keys and values that stand before those of the sequence at every attention of a network, and what they come from.
///
/// Z [count, columns] holds, for each attention in the order of the network, its keys and then its values, each with the
/// heads one after the other: H·hd columns each, for H heads of keys. It is a table of its own, or made of rows T by two
/// linear maps:
///
///     Z = W₂ tanh(W₁ T + b₁) + b₂        T [count, size], W₁ [hidden, size], W₂ [columns, hidden]
///
/// After training the table is computed once and takes the maps' place. Source: Li and Liang 2021 (arXiv:2101.00190,
/// section 4.2 and equation 3 with its reparameterisation).
final class Prefix {
    /// The variable's name of the table, as peft calls it.
    static let tableName = "prompt_embeddings"

    /// Which attentions have a prefix; of a network of one body, all of them have one together.
    enum Reach {
        /// Of an encoder-decoder, the decoder's attention to itself, as in peft.
        case target
        /// Every attention; of an encoder-decoder each kind has a prefix of its own.
        case everyKind
    }

    /// Attentions that share a prefix.
    struct Kind {
        /// What stands before the names of its tensors.
        var name = ""
        /// The path of their body.
        var body: String
        var sites: [AttentionSite]
        /// Attention i reads the table's part 2i modulo their number, as peft hands its table to an encoder-decoder: the
        /// parts of even numbers twice where the number is even, and those of odd numbers never.
        var skipsParts = false
    }

    static func kinds(_ reach: Reach, of model: Model) -> [Kind] {
        let sites = Array(model.attentions.values)
        guard model.bodies.count > 1, let first = model.bodies.keys.first, let last = model.bodies.keys.last else {
            return [Kind(body: model.bodies.keys.first ?? "", sites: sites)]
        }
        let target = sites.filter { !$0.isCross && $0.path.hasPrefix(last + ".") }
        guard reach == .everyKind else { return [Kind(body: last, sites: target, skipsParts: true)] }
        let kinds = [
            Kind(name: "encoder.", body: first, sites: sites.filter { $0.path.hasPrefix(first + ".") }),
            Kind(name: "decoder.", body: last, sites: target),
            Kind(name: "cross.", body: last, sites: sites.filter(\.isCross)),
        ]
        return kinds.filter { !$0.sites.isEmpty }
    }

    /// What the rows come from.
    enum Form {
        case table(Variable)
        case projected(Projected)
    }

    /// T, W₁, b₁, W₂ and b₂.
    struct Projected {
        let tokens: Variable
        let first: (weight: Variable, bias: Variable)
        let second: (weight: Variable, bias: Variable)

        var variables: [Variable] { [tokens, first.weight, first.bias, second.weight, second.bias] }
    }

    /// What a prefix is made by.
    struct Settings {
        /// Rows.
        var count: Int
        /// Width of the maps between; nil for a table.
        var hidden: Int?
        /// Deviation of a drawn table.
        var tableDeviation = 1.0
        /// Whether keys and values start at zero.
        var startsAtZero = false
        /// Dropout of keys and values in training.
        var dropout = 0.0
        /// Which attentions of an encoder-decoder have it.
        var reach = Reach.target
        /// Whether the tokens' positions go on after the prefix's, as if it had been read before them.
        var shiftsPositions = true
    }

    /// What the rows come from.
    private(set) var form: Form
    /// Rows.
    let count: Int
    /// The variable's name of the table.
    let tableName: String
    private let columns: [String: Range<Int>]
    private let dropout: Double
    /// The rows of the forward under way, so that the maps run once for all attentions.
    private var rows: Tensor?

    /// - Throws: `MethodError` where the model has no attention, or an adapter that is read does not fit.
    init(_ settings: Settings, _ kind: Kind, _ start: GraftStart) throws {
        let sites = kind.sites
        let tableName = kind.name + Prefix.tableName
        self.tableName = tableName
        guard let size = sites.first?.size else {
            throw MethodError.option("the model has no attention that keys and values could be put before")
        }
        var parts: [Range<Int>] = []
        for site in sites {
            let start = parts.last?.upperBound ?? 0
            parts.append(start..<(start + 2 * site.keyHeads * site.headSize))
        }
        let total = parts.last?.upperBound ?? 0
        var columns: [String: Range<Int>] = [:]
        for (index, site) in sites.enumerated() {
            columns[site.path] = parts[kind.skipsParts ? 2 * index % sites.count : index]
        }
        self.columns = columns
        (count, dropout) = (settings.count, settings.dropout)
        // The file of a finished training has the table, whatever it was made of.
        let hasTable = start.stored.map { $0.names.contains(tableName) } ?? (settings.hidden == nil)
        if let hidden = settings.hidden, !hasTable {
            try start.requireStored(settings.count, of: kind.name + "prefix.tokens")
            try start.requireStored(hidden, of: kind.name + "prefix.fc1.weight")
            form = .projected(
                try Prefix.projected(settings, kind.name, hidden: hidden, size: size, columns: total, start))
        } else {
            try start.requireStored(settings.count, of: tableName)
            let table =
                try settings.startsAtZero
                ? Tensor.zeros([settings.count, total])
                : Tensor.normal(
                    [settings.count, total], std: settings.tableDeviation, key: start.key.derived(tableName))
            form = .table(try Variable(tableName, table))
        }
    }

    /// Rows from N(0, 1), and maps as torch's linear layers start.
    private static func projected(
        _ settings: Settings, _ kind: String, hidden: Int, size: Int, columns: Int, _ start: GraftStart
    ) throws -> Projected {
        func uniform(_ name: String, _ shape: [Int], fanIn: Int) throws -> Variable {
            let bound = 1 / Double(max(1, fanIn)).squareRoot()
            return try Variable(name, Tensor.uniform(shape, -bound, bound, key: start.key.derived(name)))
        }
        func last(_ name: String, _ shape: [Int]) throws -> Variable {
            guard settings.startsAtZero else { return try uniform(name, shape, fanIn: hidden) }
            return try Variable(name, Tensor.zeros(shape))
        }
        let key = start.key.derived(kind + "prefix.tokens")
        return Projected(
            tokens: try Variable(kind + "prefix.tokens", Tensor.normal([settings.count, size], std: 1, key: key)),
            first: (
                try uniform(kind + "prefix.fc1.weight", [hidden, size], fanIn: size),
                try uniform(kind + "prefix.fc1.bias", [hidden], fanIn: size)
            ),
            second: (
                try last(kind + "prefix.fc2.weight", [columns, hidden]), try last(kind + "prefix.fc2.bias", [columns])
            ))
    }

    var variables: [Variable] {
        switch form {
        case .table(let table): [table]
        case .projected(let maps): maps.variables
        }
    }

    /// Z as it is now.
    func table() throws -> Tensor {
        switch form {
        case .table(let table): return table.value
        case .projected(let maps):
            return try maps.tokens.value.linear(maps.first.weight.value, maps.first.bias.value).tanh()
                .linear(maps.second.weight.value, maps.second.bias.value)
        }
    }

    /// Computes the rows of the forward that begins.
    func begin() throws {
        rows = try table()
    }

    /// Puts the table in the place of what it was made from.
    func finish() throws {
        guard case .projected = form else { return }
        form = .table(try Variable(tableName, withoutGradients { try table() }))
        rows = nil
    }

    /// Keys and values of an attention, [1, key heads, count, head].
    func keysAndValues(at site: AttentionSite, _ context: ForwardContext) throws -> (keys: Tensor, values: Tensor) {
        guard let range = columns[site.path] else {
            throw NetworkError.input("the prefix has no keys for \(site.path)")
        }
        let all = try (rows ?? table()).narrow(1, range.lowerBound, range.count)
        let dropped = try context.dropout(all, dropout, at: "\(site.path).prefix")
        let heads = try dropped.reshape([count, 2, site.keyHeads, site.headSize]).permute([1, 2, 0, 3])
        return (try heads.select(0, 0).unsqueeze(0), try heads.select(0, 1).unsqueeze(0))
    }
}
