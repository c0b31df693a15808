import JSON

extension JSON {
    /// A count.
    init(_ count: Int) { self = .int(Int64(count)) }

    /// A number; `null` where it is not finite, because JSON has no word for that.
    init(finite number: Double) { self = number.isFinite ? .double(number) : .null }
}

extension JSON.Node {
    /// The number here; NaN where it is `null`.
    func finiteOrNaN() throws -> Double { isNull ? .nan : try double() }

    /// The count here: an integer from 0 to 2^53, the largest that every JSON reader keeps.
    func count() throws -> Int { try int(in: 0...1 << 53) }
}
