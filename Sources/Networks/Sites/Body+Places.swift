import Torch

/// Where the positions of a batch stand in the rows that go through a body: grafts may have put others before each row.
struct Rectangle {
    /// Rows of one lane.
    let rows: Int
    /// Columns, those of inserted positions among them.
    let length: Int
    /// Positions before those of the batch in each row.
    let inserted: Int

    /// - Parameter x: [lanes · rows, length, size].
    init(_ x: Tensor, _ context: ForwardContext) throws {
        (rows, length, inserted) = (try x.size(0) / context.lanes, try x.size(1), context.insertedRows)
    }

    /// The flat numbers here of places of the batch.
    func places(_ batch: [Int64]) -> [Int64] {
        guard inserted > 0 else { return batch }
        let columns = Int64(length - inserted)
        return batch.map { $0 + ($0 / columns + 1) * Int64(inserted) }
    }

    /// The first `columns` of each row.
    func starts(_ columns: Int) -> [Int64] {
        (0..<rows).flatMap { row in (0..<columns).map { Int64(row * length + $0) } }
    }
}

extension Body {
    /// The places that are read of the output; nil for all.
    func readPlaces(of rectangle: Rectangle, _ input: ModelInput, readsFirst: Bool) -> [Int64]? {
        input.wantedPlaces.map(rectangle.places) ?? (readsFirst ? rectangle.starts(1) : nil)
    }

    /// The tokens of `x`, where they are known and nothing looks at the rest.
    func tokens(of x: Tensor, _ input: ModelInput, read: [Int64]?, _ context: ForwardContext) throws -> TokenLayout? {
        guard let known = input.tokenPlaces, let mask = input.attentionMask, try mask.rank == 2,
            context.readsTokensApart
        else { return nil }
        let rectangle = try Rectangle(x, context)
        let places = (rectangle.starts(rectangle.inserted) + rectangle.places(known)).sorted()
        // Padding on the left may be read, too: it is what stands first, or before a row's first token.
        if let read, !Set(read).isSubset(of: places) { return nil }
        return try layout(places, of: x, context)
    }

    /// Some places of `x`.
    func layout(_ places: [Int64], of x: Tensor, _ context: ForwardContext) throws -> TokenLayout {
        let rectangle = try Rectangle(x, context)
        return try TokenLayout(places, rows: rectangle.rows, length: rectangle.length, on: x.device)
    }
}
