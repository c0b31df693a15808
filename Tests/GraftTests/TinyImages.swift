import Foundation
import Graft
import JSON

/// A vision transformer of a few thousand random weights and images that it can learn, in a temporary folder that goes
/// when the value does.
final class TinyImages {
    /// Everything is below this folder.
    let root: URL
    /// The checkpoint: `config.json` and `model.safetensors`.
    var model: URL { root.appendingPathComponent("model") }

    /// Grey images of 4 × 6 pixels.
    static let config: JSON = [
        "model_type": "vit", "architectures": ["ViTForImageClassification"], "hidden_size": 16,
        "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "image_size": [4, 6],
        "patch_size": 2, "num_channels": 1, "hidden_dropout_prob": 0.1,
    ]

    /// - Parameters:
    ///   - hasWeights: without, there is a configuration alone.
    ///   - isBare: the checkpoint of a backbone without a head.
    init(hasWeights: Bool = true, isBare: Bool = false) throws {
        root = FileManager.default.temporaryDirectory.appendingPathComponent("graft-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: model, withIntermediateDirectories: true)
        var config = Self.config
        if isBare, case .object(var object) = config {
            object["architectures"] = ["ViTModel"]
            config = .object(object)
        }
        try Data(config.serialized(.pretty).utf8).write(to: model.appendingPathComponent("config.json"))
        guard hasWeights else { return }
        let network = try Backbones.random(ModelConfig(config), head: .features, options: .init(seed: 7)).model
        try SafetensorsWriter.write(
            // Matrices as large as trained ones: with smaller ones no image would look different from another.
            network.parameters.values.map { ($0.fileName, try $0.base.rank == 2 ? $0.base * 6 : $0.base) },
            metadata: ["format": "pt"], to: model.appendingPathComponent("model.safetensors"))
    }

    deinit { try? FileManager.default.removeItem(at: root) }

    /// A path below the temporary folder.
    func path(_ name: String) -> String { root.appendingPathComponent(name).path }

    /// The shade of a pixel: each class has a bright half of its own, each image a pattern of its own.
    static func shade(_ image: Int, _ pixel: Int) -> Float {
        let isBright = (pixel % 6 < 3) == (image % 2 == 0)
        return (isBright ? 0.7 : 0.1) + Float((image * 7 + pixel * 5) % 41) / 160
    }

    /// The pixels of an image.
    static func pixels(_ image: Int) -> [Float] { (0..<24).map { shade(image, $0) } }

    /// Writes images of two classes in turn, each image another.
    @discardableResult
    func images(
        _ count: Int = 40, offset: Int = 0, to name: String = "rows.safetensors", names: String? = nil
    ) throws -> String {
        let rows = offset..<offset + count
        let pixels = rows.flatMap(Self.pixels)
        return try write(
            [
                ("pixel_values", Tensor(pixels, shape: [count, 1, 4, 6])),
                ("labels", Tensor(rows.map { Int64($0 % 2) })),
            ], to: name, names: names)
    }

    /// Writes tensors as a file of images.
    @discardableResult
    func write(_ tensors: [(String, Tensor)], to name: String, names: String? = nil) throws -> String {
        try SafetensorsWriter.write(
            tensors, metadata: names.map { ["label_names": $0] } ?? [:], to: root.appendingPathComponent(name))
        return path(name)
    }

    /// A classification of 40 images that takes 5 steps an epoch.
    func classification(_ output: String, method: any Methods.Method = LoRA()) throws -> TrainingConfiguration {
        var configuration = TrainingConfiguration(
            model: model.path, data: try images(), task: .imageClassification, method: method,
            outputDirectory: path(output))
        configuration.training.learningRate = 5e-3
        return configuration
    }

    /// The bytes of a run's adapter.
    func adapter(_ output: String) throws -> Data {
        try Data(contentsOf: root.appendingPathComponent(output).appendingPathComponent(AdapterFolder.weightsName))
    }
}
