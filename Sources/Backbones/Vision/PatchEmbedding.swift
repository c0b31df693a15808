import Networks
import Torch

/// Cuts images into patches and makes a vector of each: a convolution whose step is its kernel.
final class PatchEmbedding {
    /// What the convolution takes.
    struct Settings {
        var image: Extent
        var patch: Extent
        var channels: Int

        /// Patches of an image.
        var count: Int { image.tiled(by: patch).area }

        /// - Throws: when not a single patch fits.
        init(image: Extent, patch: Extent, channels: Int) throws {
            self.image = image
            self.patch = patch
            self.channels = channels
            guard count > 0 else {
                throw NetworkError.unsupported(
                    "config.json: no patch of \(patch.height) × \(patch.width) fits into an image of "
                        + "\(image.height) × \(image.width)")
            }
        }
    }

    private let projection: Projection
    private let settings: Settings

    /// - Parameters:
    ///   - scope: the convolution's own place.
    ///   - width: size of a patch's vector.
    init(_ scope: Scope, _ settings: Settings, width: Int, bias: Bool = true) throws {
        self.settings = settings
        let kernel = [settings.patch.height, settings.patch.width]
        projection = try .convolution(
            scope, .init(input: settings.channels, output: width, kernel: kernel, stride: kernel), bias: bias)
    }

    /// Images [rows, channels, height, width] as [rows, patches, width], the patches row by row.
    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> Tensor {
        let pixels = try input.requiredPixels()
        let (shape, image) = (try pixels.shape, settings.image)
        guard shape.count == 4, Array(shape[1...]) == [settings.channels, image.height, image.width] else {
            throw NetworkError.input(
                "pixel_values have the shape \(shape), the model takes images of \(settings.channels) channels and "
                    + "\(image.height) × \(image.width) pixels")
        }
        let maps = try projection(pixels.to(projection.inputType), context)
        return try maps.reshape([shape[0], maps.size(1), -1]).transpose(1, 2)
    }
}
