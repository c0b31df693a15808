import JSON
import Networks

/// Height and width of an image, a patch or a grid.
struct Extent: Equatable {
    var height: Int
    var width: Int

    /// Rows times columns.
    var area: Int { height * width }

    /// How many whole tiles of a size fit.
    func tiled(by tile: Extent) -> Extent {
        Extent(height: height / tile.height, width: width / tile.width)
    }
}

extension ModelConfig {
    /// A probability of dropping, from 0 to 1.
    func rate(_ key: String, default value: Double) throws -> Double {
        guard let node = try optional(key) else { return value }
        let rate = try node.double()
        guard (0...1).contains(rate) else { throw node.mismatch("a rate from 0 to 1", found: "\(rate)") }
        return rate
    }

    /// A number above zero, as the epsilon of a norm.
    func positive(_ key: String, default value: Double) throws -> Double {
        guard let node = try optional(key) else { return value }
        let number = try node.double()
        guard number > 0, number.isFinite else { throw node.mismatch("a number above 0", found: "\(number)") }
        return number
    }

    /// A height and a width, or one number for both.
    func extent(_ key: String, default value: Extent) throws -> Extent {
        try optional(key).map { try Extent($0) } ?? value
    }
}

extension Extent {
    /// Sizes that images have; larger ones are mistakes, and their products would not fit.
    private static let sizes = 1...1 << 16

    init(_ node: JSON.Node) throws {
        guard case .array = node.value else {
            let side = try node.int(in: Extent.sizes)
            self.init(height: side, width: side)
            return
        }
        let sides = try node.elements()
        guard sides.count == 2 else { throw node.mismatch("a height and a width", found: "\(sides.count) numbers") }
        self.init(height: try sides[0].int(in: Extent.sizes), width: try sides[1].int(in: Extent.sizes))
    }
}
