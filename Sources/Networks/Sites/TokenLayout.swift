import Torch

/// Some positions of a batch: its tokens without the padding, or those that are read after the last block. Layers compute
/// these alone, one after the other in one row; attention alone looks at where they stand in their rows.
public struct TokenLayout {
    /// Rows of the rectangle that they stand in, for one lane.
    let rows: Int
    /// Its columns.
    let length: Int
    /// How many positions a lane has where these are taken from.
    private let sourceCount: Int
    /// [count] their numbers there.
    private let sources: Tensor
    /// [count] their numbers in the rectangle, row by row; nil where they are all of it.
    private let places: Tensor?

    /// - Parameter places: flat numbers in the rectangle, each once.
    init(_ places: [Int64], rows: Int, length: Int, on device: Device) throws {
        (self.rows, self.length, sourceCount) = (rows, length, rows * length)
        sources = try Tensor(places).to(device, nonBlocking: true)
        self.places = sources
    }

    private init(rows: Int, length: Int, sourceCount: Int, sources: Tensor, places: Tensor?) {
        (self.rows, self.length, self.sourceCount) = (rows, length, sourceCount)
        (self.sources, self.places) = (sources, places)
    }

    /// These places, taken from what `tokens` holds, all of them among its places.
    func taken(from tokens: TokenLayout?, on device: Device) throws -> TokenLayout {
        guard let tokens, let inner = tokens.places, let places else { return self }
        // Where each place of the rectangle is found among the tokens.
        let count = try inner.size(0)
        let numbers = try Tensor.zeros([rows * length], dtype: .int64, device: device)
            .indexAdd(0, inner, Tensor.arange(to: Double(count), device: device).to(.int64))
        return TokenLayout(
            rows: rows, length: length, sourceCount: count, sources: try numbers.indexSelect(0, places),
            places: places)
    }

    /// The same positions as a rectangle of their own, of so many columns; each row must have that many.
    func alone(columns: Int) -> TokenLayout {
        TokenLayout(rows: rows, length: columns, sourceCount: sourceCount, sources: sources, places: nil)
    }

    /// These positions of `x`.
    /// - Parameter x: what they are taken from, [lanes · rows, length, size] or [lanes, source count, size].
    /// - Returns: [lanes, count, size], or the whole rectangle where these are all of it.
    public func gathered(_ x: Tensor) throws -> Tensor {
        let size = try x.size(-1)
        let own = try x.reshape([-1, sourceCount, size]).indexSelect(1, sources)
        return try places == nil ? own.reshape([-1, length, size]) : own
    }

    /// These positions of the rectangle that they stand in.
    /// - Parameter x: [lanes · rows, length, size].
    /// - Returns: as `gathered`.
    func collected(_ x: Tensor) throws -> Tensor {
        try places.map { try x.reshape([-1, rows * length, x.size(-1)]).indexSelect(1, $0) } ?? x
    }

    /// The rows that these positions stand in, with zeros at the others.
    /// - Parameter x: as `gathered` gives it.
    /// - Returns: [lanes · rows, length, size].
    public func spread(_ x: Tensor) throws -> Tensor {
        guard let places else { return x }
        let (lanes, size) = (try x.size(0), try x.size(-1))
        return try Tensor.zeros([lanes, rows * length, size], dtype: x.dtype, device: x.device)
            .indexAdd(1, places, x).reshape([lanes * rows, length, size])
    }
}

extension Tensor {
    /// What a projection made of some positions, as heads of the rows that these stand in: [rows, heads, length, head].
    /// - Parameter layout: of the positions; nil where this is [rows, length, heads · head].
    public func splitHeads(_ heads: Int, on layout: TokenLayout? = nil) throws -> Tensor {
        let rectangle = try layout?.spread(self) ?? self
        let (rows, length) = (try rectangle.size(0), try rectangle.size(1))
        return try rectangle.reshape([rows, length, heads, -1]).transpose(1, 2)
    }
}
