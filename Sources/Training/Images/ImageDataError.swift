import Support

/// What can be wrong with images to learn from.
public enum ImageDataError: Error, Equatable, Sendable {
    /// The model reads no images.
    case noImages(model: String)
    /// A file of another kind.
    case notSafetensors(file: String)
    /// A tensor that must be there is not.
    case missing(file: String, name: String, found: [String])
    /// A tensor of a type that is not read.
    case type(file: String, name: String, found: String, allowed: String)
    /// A tensor of a shape that is not that of images or labels.
    case shape(file: String, name: String, found: [Int], expected: String)
    /// Images of another size than the model's: channels, height, width.
    case size(file: String, found: [Int], model: [Int])
    /// No images at all.
    case empty(file: String)
    /// Another number of labels than images.
    case count(file: String, labels: Int, images: Int)
    /// A pixel that is no number. Images count from 1.
    case notFinite(file: String, image: Int)
    /// Names of classes that cannot be read.
    case labelNames(file: String, problem: String)
    /// Names of classes that are not those of the training.
    case otherNames(file: String, found: [String], expected: [String])
}

extension ImageDataError: CustomStringConvertible {
    /// One sentence: the file, what is wrong, what to do.
    public var description: String { shortened(message: sentence) }

    private var sentence: String {
        switch self {
        case .noImages(let model):
            "\(model): config.json is not of a model that reads images; task image-classification needs one, such as a ViT"
        case .notSafetensors(let file):
            "\(file): images are read from a .safetensors file with the tensors pixel_values and labels"
        case .missing(let file, let name, let found):
            "\(file) has no tensor `\(name)`; it has "
                + (found.isEmpty ? "none" : found.prefix(5).map { "`\($0)`" }.joined(separator: ", "))
        case .type(let file, let name, let found, let allowed):
            "\(file): `\(name)` is of type \(found); it must be \(allowed)"
        case .shape(let file, let name, let found, let expected):
            "\(file): `\(name)` has the shape \(found); it must be \(expected)"
        case .size(let file, let found, let model):
            "\(file): the images have \(Self.size(found)), the model's config.json asks for \(Self.size(model)); resize "
                + "the images or name another model"
        case .empty(let file): "\(file) has no images"
        case .count(let file, let labels, let images):
            "\(file) has \(labels) labels for \(images) images; each image needs one"
        case .notFinite(let file, let image):
            "\(file): image \(image) holds a pixel that is NaN or infinite"
        case .labelNames(let file, let problem):
            "\(file): label_names of the metadata \(problem); write a JSON list of texts, one for each class"
        case .otherNames(let file, let found, let expected):
            "\(file) names the classes \(Self.list(found)), but \(Self.list(expected)) are expected: the labels' numbers "
                + "would not mean the same"
        }
    }

    private static func size(_ size: [Int]) -> String {
        size.count == 3 ? "\(size[0]) channels of \(size[1]) × \(size[2]) pixels" : "\(size)"
    }

    private static func list(_ names: [String]) -> String {
        names.prefix(5).map { "`\($0)`" }.joined(separator: ", ") + (names.count > 5 ? ", …" : "")
    }
}
