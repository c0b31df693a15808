import Datasets
import Networks
import Torch

/// The pixels of a file of images; they stay there until a batch asks for them.
final class PixelSource: ImageSource {
    private let pixels: Tensor

    /// - Parameter pixels: [images, channels, height, width].
    init(_ pixels: Tensor) {
        self.pixels = pixels
    }

    /// The images as one tensor [images, channels, height, width] of float32: bytes as shares of 255, numbers as they are.
    ///
    /// - Throws: `NetworkError.input` where the images are not of one source with pixels.
    static func pixels(_ images: [ImageReference]) throws -> Tensor {
        guard let source = images.first?.source as? PixelSource, images.allSatisfy({ $0.source === source }) else {
            throw NetworkError.input("the images of a batch must be of one file")
        }
        let rows = try source.pixels.indexSelect(0, Tensor(images.map { Int64($0.row) }))
        return try rows.dtype == .uint8 ? rows.to(.float32) / 255 : rows
    }
}
