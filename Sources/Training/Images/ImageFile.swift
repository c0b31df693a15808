import Backbones
import Datasets
import Foundation
import JSON
import Torch

/// Images with their classes in a safetensors file: `pixel_values` [images, channels, height, width], float32 as the
/// network takes them or uint8 to be divided by 255, and `labels` [images], int64. The metadata may hold `label_names`,
/// a JSON list. Other tensors are left alone.
struct ImageFile {
    /// The names of the classes, where the file has them.
    let labelNames: [String]?
    /// Every image with its label, in the file's order.
    let samples: [Sample]
    private let path: String

    /// Reads and checks a file; the pixels themselves are mapped, not held.
    ///
    /// - Parameters:
    ///   - format: the images that the network takes.
    ///   - readsLabels: false for images to be classified, whose labels are not looked at.
    /// - Throws: `ImageDataError`, and what opening the file throws.
    init(_ url: URL, format: ImageFormat, readsLabels: Bool = true) throws {
        let path = url.relativePath
        self.path = path
        guard url.pathExtension.lowercased() == "safetensors" else { throw ImageDataError.notSafetensors(file: path) }
        let file = try SafetensorsFile(url)
        let pixels = try ImageFile.pixels(of: file, path, format)
        let labels = try readsLabels ? ImageFile.labels(of: file, path, images: pixels.size(0)) : nil
        labelNames = try readsLabels ? ImageFile.labelNames(of: file, path) : nil
        let source = PixelSource(pixels)
        samples = try ImageFile.digests(of: file, images: pixels.size(0)).enumerated().map { row, digest in
            let image = ImageReference(source: source, row: row, positions: format.positions)
            return Sample(
                location: SourceLocation(file: path, position: .element(row + 1)),
                content: .image(image, digest: digest), label: labels.map { .integer(Int($0[row])) })
        }
    }

    /// Refuses a file that numbers other classes, where it names them.
    func requireNames(_ expected: [String]) throws {
        guard let labelNames, labelNames != expected else { return }
        throw ImageDataError.otherNames(file: path, found: labelNames, expected: expected)
    }
}

// MARK: Parts

extension ImageFile {
    private static let pixelsName = "pixel_values"
    private static let labelsName = "labels"

    private static func pixels(of file: SafetensorsFile, _ path: String, _ format: ImageFormat) throws -> Tensor {
        let entry = try entry(pixelsName, of: file, path, types: [.f32, .u8], allowed: "F32 or U8")
        guard entry.shape.count == 4 else {
            throw ImageDataError.shape(
                file: path, name: pixelsName, found: entry.shape, expected: "[images, channels, height, width]")
        }
        guard entry.shape[0] > 0 else { throw ImageDataError.empty(file: path) }
        let (found, model) = (Array(entry.shape[1...]), [format.channels, format.height, format.width])
        guard found == model else { throw ImageDataError.size(file: path, found: found, model: model) }
        let pixels = try file.tensor(pixelsName)
        if entry.dtype == .f32 { try requireFinite(pixels, path) }
        return pixels
    }

    /// Looks at some images at a time, so that a file larger than the memory can be checked.
    private static func requireFinite(_ pixels: Tensor, _ path: String) throws {
        let (images, step) = (try pixels.size(0), 256)
        for start in stride(from: 0, to: images, by: step) {
            let part = try pixels.narrow(0, start, min(step, images - start))
            if try part.isAllFinite() { continue }
            let first = try (0..<part.size(0)).first { try !part.select(0, $0).isAllFinite() }
            throw ImageDataError.notFinite(file: path, image: start + (first ?? 0) + 1)
        }
    }

    private static func labels(of file: SafetensorsFile, _ path: String, images: Int) throws -> [Int64] {
        let entry = try entry(labelsName, of: file, path, types: [.i64], allowed: "I64")
        guard entry.shape.count == 1 else {
            throw ImageDataError.shape(file: path, name: labelsName, found: entry.shape, expected: "[images]")
        }
        guard entry.shape[0] == images else {
            throw ImageDataError.count(file: path, labels: entry.shape[0], images: images)
        }
        return try file.tensor(labelsName).array()
    }

    private static func entry(
        _ name: String, of file: SafetensorsFile, _ path: String, types: [SafetensorsDType], allowed: String
    ) throws -> SafetensorsFile.Entry {
        guard file.contains(name) else { throw ImageDataError.missing(file: path, name: name, found: file.names) }
        let entry = try file.header.entry(name)
        guard types.contains(entry.dtype) else {
            throw ImageDataError.type(file: path, name: name, found: entry.dtype.rawValue, allowed: allowed)
        }
        return entry
    }

    private static func labelNames(of file: SafetensorsFile, _ path: String) throws -> [String]? {
        guard let text = file.metadata["label_names"] else { return nil }
        do {
            return try JSON.Node(JSON.parse(text), source: "label_names").elements().map { try $0.string() }
        } catch let error as JSONError {
            throw ImageDataError.labelNames(file: path, problem: "is not a list of texts (\(error))")
        }
    }

    /// A digest of each image's bytes, which tells copies.
    private static func digests(of file: SafetensorsFile, images: Int) throws -> [UInt64] {
        try file.withBytes(of: pixelsName) { bytes in
            let size = bytes.count / images
            return (0..<images).map { row in
                var digest = FNV1a()
                digest.add(UnsafeRawBufferPointer(rebasing: bytes[row * size..<(row + 1) * size]))
                return digest.value
            }
        }
    }
}
