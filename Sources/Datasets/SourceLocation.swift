/// A place in a data file, as messages show it: `train.csv:12`.
public struct SourceLocation: Hashable, Sendable, CustomStringConvertible {
    /// How a place inside the file is counted.
    public enum Position: Hashable, Sendable {
        /// The file as a whole.
        case whole
        /// A line, counted from 1.
        case line(Int)
        /// An element of a top-level array, counted from 1.
        case element(Int)
    }

    /// The file's path as the user gave it.
    public let file: String
    /// The place inside the file.
    public let position: Position

    /// Names a place.
    public init(file: String, position: Position = .whole) {
        self.file = file
        self.position = position
    }

    /// The place in the customary short form.
    public var description: String {
        switch position {
        case .whole: file
        case .line(let number): "\(file):\(number)"
        case .element(let number): "\(file), element \(number)"
        }
    }
}
