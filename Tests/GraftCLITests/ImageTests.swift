import Foundation
import JSON
import Testing
import Torch

@Suite struct ImageTests {
    private static let config: JSON = [
        "model_type": "vit", "architectures": ["ViTForImageClassification"], "hidden_size": 16,
        "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "image_size": 4, "patch_size": 2,
        "num_channels": 1,
    ]

    /// Images of two classes in turn: bright above, or bright below.
    private static func write(_ count: Int, to url: URL) throws {
        func pixel(_ image: Int, _ place: Int) -> UInt8 {
            let isBright = (place < 8) == (image % 2 == 0)
            return (isBright ? 200 : 20) + UInt8((image * 3 + place) % 17)
        }
        let pixels: [UInt8] = (0..<count).flatMap { image in (0..<16).map { pixel(image, $0) } }
        try SafetensorsWriter.write(
            [
                ("pixel_values", Tensor(pixels, shape: [count, 1, 4, 4])),
                ("labels", Tensor((0..<count).map { Int64($0 % 2) })),
            ], metadata: ["label_names": #"["above", "below"]"#], to: url)
    }

    @Test func aNewModelIsAdaptedMeasuredUsedAndMerged() throws {
        try TemporaryFolder.with { folder in
            let model = folder.appendingPathComponent("model")
            try FileManager.default.createDirectory(at: model, withIntermediateDirectories: true)
            try Data(Self.config.serialized().utf8).write(to: model.appendingPathComponent("config.json"))
            try Self.write(32, to: folder.appendingPathComponent("rows.safetensors"))
            func graft(_ arguments: String...) throws -> Program.Outcome { try Program.run(arguments, in: folder) }

            let trained = try graft(
                "train", "--model", "model", "--data", "rows.safetensors", "--task", "image-classification", "--rank",
                "4", "--target-modules", "all-linear", "--learning-rate", "0.02", "--epochs", "6", "--output", "run",
                "--set", "from_scratch=true")
            #expect(trained.status == 0, "\(trained.errors)")
            #expect(trained.errors.contains("warning: from_scratch is set, but the method leaves"))
            #expect(trained.output.contains("graft merge --model run/base --adapter run"))
            #expect(trained.output.contains("graft predict --model run/base --adapter run --data rows.safetensors"))

            let source = ["--model", "run/base", "--adapter", "run", "--data", "rows.safetensors"]
            let measured = try Program.run(["eval"] + source + ["--json"], in: folder)
            #expect(try JSON.Node(JSON.parse(measured.output)).field("accuracy").double() > 0.9)
            let predicted = try Program.run(["predict"] + source + ["--batch-size", "5"], in: folder)
            let labels = try predicted.lines.map { try JSON.Node(JSON.parse($0)).field("label").string() }
            #expect(labels.count == 32)
            #expect(Set(labels) == ["above", "below"])
            let right = labels.indices.count { labels[$0] == ($0 % 2 == 0 ? "above" : "below") }
            #expect(right > 28)

            let merged = try graft("merge", "--model", "run/base", "--adapter", "run", "--output", "merged")
            #expect(merged.status == 0, "\(merged.errors)")
            let again = try graft("eval", "--model", "merged", "--data", "rows.safetensors", "--json")
            let (first, second) = try (
                JSON.Node(JSON.parse(measured.output)).field("loss").double(),
                JSON.Node(JSON.parse(again.output)).field("loss").double()
            )
            #expect(abs(first - second) < 1e-4)

            let refused = try graft(
                "predict", "--model", "run/base", "--adapter", "run", "--text", "a picture of something")
            #expect(refused.status == 1)
            #expect(refused.errors.contains("--data"))
        }
    }
}
