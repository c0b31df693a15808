/// Images that somebody holds as tensors. This floor has none: its examples name a row, and whoever makes the network's
/// input asks the source for it.
public protocol ImageSource: AnyObject, Sendable {}

/// One image of a source.
public struct ImageReference: Sendable, Equatable {
    /// Who holds the pixels.
    public let source: any ImageSource
    /// The image's row there.
    public let row: Int
    /// The tokens that a network makes of it.
    public let positions: Int

    /// Names an image.
    public init(source: any ImageSource, row: Int, positions: Int) {
        self.source = source
        self.row = row
        self.positions = positions
    }

    /// The same row of the same source.
    public static func == (left: Self, right: Self) -> Bool {
        left.source === right.source && left.row == right.row && left.positions == right.positions
    }
}
