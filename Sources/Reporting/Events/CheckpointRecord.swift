/// A checkpoint that is completely on disk.
public struct CheckpointRecord: Sendable, Hashable {
    /// The checkpoint's folder.
    public var path: String
    /// Optimizer steps that it holds.
    public var step: Int
    /// Bytes on disk.
    public var bytes: Int
    /// Seconds that writing it took.
    public var seconds: Double

    /// The name of a checkpoint's folder within the run's.
    public static func folderName(step: Int) -> String { "checkpoint-\(step)" }

    /// Records a checkpoint.
    public init(path: String, step: Int, bytes: Int, seconds: Double) {
        self.path = path
        self.step = step
        self.bytes = bytes
        self.seconds = seconds
    }
}
