/// The images that a network takes, and what it makes of one.
public struct ImageFormat: Sendable, Equatable {
    /// Colours, or one for grey.
    public let channels: Int
    /// Rows of pixels.
    public let height: Int
    /// Columns of pixels.
    public let width: Int
    /// Tokens of an image: its patches, and those that the network puts before them.
    public let positions: Int

    init(_ patches: PatchEmbedding.Settings, prefix: Int) {
        channels = patches.channels
        height = patches.image.height
        width = patches.image.width
        positions = patches.count + prefix
    }
}
