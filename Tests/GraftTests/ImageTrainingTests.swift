import Datasets
import Foundation
import Graft
import JSON
import Testing

@testable import Training

@Suite struct ImageTrainingTests {
    private func format() throws -> ImageFormat {
        try #require(try Backbones.imageFormat(ModelConfig(TinyImages.config)))
    }

    @Test func theConfigurationTellsWhatImagesTheModelTakes() throws {
        let format = try format()
        #expect(format.channels == 1 && format.height == 4 && format.width == 6)
        // Six patches and the class token.
        #expect(format.positions == 7)
        #expect(try Backbones.imageFormat(ModelConfig(["model_type": "bert", "vocab_size": 9])) == nil)
    }

    @Test func aBatchHasThePixelsAndLabelsOfItsRows() async throws {
        let tiny = try TinyImages()
        var configuration = try tiny.classification("run")
        configuration.training.perDeviceTrainBatchSize = 7
        let session = try await TrainingSession.prepare(configuration)
        var seen: [Int] = []
        var batches = session.loader.batches(from: BatchPosition(epoch: 3))
        while let batch = try batches.nextBatch() {
            let pixels = try #require(try batch.modelInput(on: .cpu).pixelValues)
            #expect(try pixels.shape == [batch.rows, 1, 4, 6])
            let rows = batch.exampleIndices
            let found: [Float] = try pixels.array()
            let expected = rows.flatMap(TinyImages.pixels)
            #expect(found == expected)
            #expect(batch.targets == .classes(rows.map { Int64($0 % 2) }))
            seen += rows
        }
        #expect(seen != Array(0..<40))
        #expect(seen.sorted() == Array(0..<40))
    }

    @Test func bytesAreSharesOf255() throws {
        let tiny = try TinyImages()
        let bytes = (0..<48).map { UInt8($0 * 5) }
        let file = try tiny.write(
            [("pixel_values", Tensor(bytes, shape: [2, 1, 4, 6])), ("labels", Tensor([1, 0] as [Int64]))],
            to: "bytes.safetensors")
        let samples = try ImageFile(URL(fileURLWithPath: file), format: format()).samples
        let references = samples.compactMap { if case .image(let image, _) = $0.content { image } else { nil } }
        let second = try PixelSource.pixels([references[1]])
        let (found, expected): ([Float], [Float]) = (try second.array(), bytes[24...].map { Float($0) / 255 })
        #expect(found == expected)
        let labels: [RawLabel?] = [.integer(1), .integer(0)]
        #expect(samples.map(\.label) == labels)
    }

    @Test func theLossFallsAndTheAdapterComesBackFromItsFolder() async throws {
        let tiny = try TinyImages()
        var configuration = try tiny.classification("run")
        configuration.data.testFile = try tiny.images(12, offset: 100, to: "test.safetensors")
        configuration.data.labelNames = ["left", "right"]
        configuration.training.numTrainEpochs = 8
        configuration.training.learningRate = 1e-2
        configuration.training.linearProbe = true
        let observed = try await observe(configuration)
        #expect(observed.losses.halve)
        #expect(observed.summary?.metrics["accuracy"] == 1)
        #expect(observed.summary?.baselines.map(\.name) == ["linear_probe"])
        // Seven tokens of each of eight images.
        #expect(observed.steps.first?.tokens == 56)

        let adapter = URL(fileURLWithPath: configuration.outputDirectory)
        let text = try String(contentsOf: adapter.appendingPathComponent("adapter_config.json"), encoding: .utf8)
        #expect(try JSON.Node(JSON.parse(text)).field("task_type").isNull)
        let model = try TrainedModel(folder: tiny.model, adapter: adapter)
        #expect(model.task == .imageClassification)
        #expect(model.labels == ["left", "right"])
        let test = URL(fileURLWithPath: tiny.path("test.safetensors"))
        let again = try await model.evaluate(test, batchSize: 5)
        #expect(again.metrics["accuracy"] == 1)
        let loss = try #require(observed.summary?.metrics["loss"])
        #expect(abs((again.metrics["loss"] ?? 0) - loss) < 1e-5)
        var predictions: [Prediction] = []
        try await model.predict(test, batchSize: 5) { predictions.append($0) }
        #expect(predictions.map(\.label) == (0..<12).map { $0 % 2 == 0 ? "left" : "right" })
        await #expect { _ = try await model.predictions(for: ["a text"]) } throws: { "\($0)".contains("--data") }
    }

    @Test func aBackboneWithoutAHeadGetsOneThatComesBack() async throws {
        let tiny = try TinyImages(isBare: true)
        var configuration = try tiny.classification("run")
        configuration.training.maxSteps = 2
        let observed = try await observe(configuration)
        let model = try TrainedModel(folder: tiny.model, adapter: URL(fileURLWithPath: configuration.outputDirectory))
        let again = try await model.evaluate(URL(fileURLWithPath: tiny.path("rows.safetensors")))
        #expect(model.labels == ["0", "1"])
        #expect(again.metrics["loss"]?.isFinite == true)
        #expect(observed.warnings.allSatisfy { $0.code != "random_frozen" })
    }

    @Test func accumulatedBatchesAreOneBatch() async throws {
        let tiny = try TinyImages()
        var together = try tiny.classification("together")
        together.training.maxSteps = 4
        together.data.batching = .random
        // Dropout is drawn for each forward.
        let config = try JSON.Node(contentsOf: tiny.model.appendingPathComponent("config.json")).object()
        var plain = config
        plain["hidden_dropout_prob"] = 0.0
        try Data(JSON.object(plain).serialized().utf8).write(to: tiny.model.appendingPathComponent("config.json"))
        var single = together
        single.outputDirectory = tiny.path("single")
        single.training.perDeviceTrainBatchSize = 2
        single.training.gradientAccumulationSteps = 4
        let (expected, found) = (try await observe(together), try await observe(single))
        for (step, reference) in zip(found.losses, expected.losses) { #expect(abs(step - reference) < 1e-5) }
        #expect(found.losses.count == 4)
    }

    @Test func aRunThatWasInterruptedEndsAsOneThatWasNot() async throws {
        let tiny = try TinyImages()
        var configuration = try tiny.classification("run")
        configuration.training.numTrainEpochs = 2
        configuration.training.gradientAccumulationSteps = 2
        configuration.training.perDeviceTrainBatchSize = 4
        configuration.data.validationSplit = 0.2
        try await expectExactResume(configuration)
    }

    @Test func heldOutImagesAreNotLearnt() async throws {
        let tiny = try TinyImages()
        var configuration = try tiny.classification("run")
        // Every image twice: copies stay on one side.
        let pixels = (0..<40).flatMap { TinyImages.pixels($0 / 2) }
        configuration.data.trainFile = try tiny.write(
            [
                ("pixel_values", Tensor(pixels, shape: [40, 1, 4, 6])),
                ("labels", Tensor((0..<40).map { Int64($0 / 2 % 2) })),
            ], to: "twice.safetensors")
        configuration.data.validationSplit = 0.3
        let data = try PreparedData.readImages(configuration, model: ModelConfig(TinyImages.config))
        func rows(_ set: EncodedDataset?) -> Set<Int> { Set(set?.examples.compactMap { $0.image?.row } ?? []) }
        let (training, held) = (rows(data.training), rows(data.validation))
        #expect(!held.isEmpty && training.isDisjoint(with: held) && training.union(held) == Set(0..<40))
        #expect(held.allSatisfy { held.contains($0 ^ 1) })
        #expect(data.warnings.contains { if case .repeatedRows = $0 { true } else { false } })
    }
}

// MARK: What is refused before any training

extension ImageTrainingTests {
    struct Fault: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let says: [String]
        let apply: @Sendable (TinyImages, inout TrainingConfiguration) throws -> Void

        init(
            _ name: String, says: String...,
            apply: @escaping @Sendable (TinyImages, inout TrainingConfiguration) throws -> Void
        ) {
            (testDescription, self.says, self.apply) = (name, says, apply)
        }
    }

    private static func write(
        _ tiny: TinyImages, _ configuration: inout TrainingConfiguration, names: String? = nil,
        pixels: [Int]? = [4, 1, 4, 6], labels: [Int64]? = [0, 1, 0, 1]
    ) throws {
        var tensors: [(String, Tensor)] = []
        if let pixels { tensors.append(("pixel_values", try Tensor.full(pixels, 0.5))) }
        if let labels { tensors.append(("labels", try Tensor(labels))) }
        configuration.data.trainFile = try tiny.write(tensors, to: "bad.safetensors", names: names)
    }

    static let faults: [Fault] = [
        Fault("no pixels", says: "bad.safetensors", "`pixel_values`", "`labels`") { try write($0, &$1, pixels: nil) },
        Fault("no labels", says: "bad.safetensors", "no tensor `labels`") { try write($0, &$1, labels: nil) },
        Fault("no channels", says: "[4, 4, 6]", "[images, channels, height, width]") {
            try write($0, &$1, pixels: [4, 4, 6])
        },
        Fault("no images", says: "no images") { try write($0, &$1, pixels: [0, 1, 4, 6], labels: []) },
        Fault("other channels", says: "3 channels of 4 × 6", "1 channels of 4 × 6") {
            try write($0, &$1, pixels: [4, 3, 4, 6])
        },
        Fault("height and width exchanged", says: "6 × 4", "4 × 6") { try write($0, &$1, pixels: [4, 1, 6, 4]) },
        Fault("too few labels", says: "3 labels for 4 images") { try write($0, &$1, labels: [0, 1, 0]) },
        Fault("labels of two dimensions", says: "`labels`", "[2, 2]") { tiny, configuration in
            configuration.data.trainFile = try tiny.write(
                [
                    ("pixel_values", .zeros([4, 1, 4, 6])),
                    ("labels", Tensor([0, 1, 0, 1] as [Int64], shape: [2, 2])),
                ], to: "bad.safetensors")
        },
        Fault("labels that are fractions", says: "`labels`", "F32", "I64") { tiny, configuration in
            configuration.data.trainFile = try tiny.write(
                [("pixel_values", .zeros([4, 1, 4, 6])), ("labels", .zeros([4]))], to: "bad.safetensors")
        },
        Fault("pixels of double precision", says: "`pixel_values`", "F64", "F32 or U8") { tiny, configuration in
            configuration.data.trainFile = try tiny.write(
                [
                    ("pixel_values", .zeros([4, 1, 4, 6], dtype: .float64)),
                    ("labels", Tensor([0, 1, 0, 1] as [Int64])),
                ], to: "bad.safetensors")
        },
        Fault("a pixel that is no number", says: "image 3", "NaN") { tiny, configuration in
            var pixels = [Float](repeating: 0, count: 96)
            pixels[2 * 24 + 5] = .nan
            configuration.data.trainFile = try tiny.write(
                [("pixel_values", Tensor(pixels, shape: [4, 1, 4, 6])), ("labels", Tensor([0, 1, 0, 1] as [Int64]))],
                to: "bad.safetensors")
        },
        Fault("a label below zero", says: "bad.safetensors, element 2", "-1") {
            try write($0, &$1, labels: [0, -1, 0, 1])
        },
        Fault("a label beyond num_labels", says: "element 4", "the label 3 is outside 0..<3") {
            try write($0, &$1, labels: [0, 1, 0, 3])
            $1.data.numLabels = 3
        },
        Fault("a label beyond the names", says: "element 4", "outside 0..<2") {
            try write($0, &$1, names: #"["5", "6"]"#, labels: [0, 1, 0, 2])
        },
        Fault("a gap among the labels", says: "1 never occurs") { try write($0, &$1, labels: [0, 2, 0, 2]) },
        Fault("one class alone", says: "\"6\"", "at least two") {
            try write($0, &$1, names: #"["5", "6"]"#, labels: [1, 1, 1, 1])
        },
        Fault("names that are no list", says: "label_names", "JSON list") { try write($0, &$1, names: "5, 6") },
        Fault("names of numbers", says: "label_names", "JSON list") { try write($0, &$1, names: "[5, 6]") },
        Fault("a name twice", says: "label_names", "twice") { try write($0, &$1, names: #"["5", "5"]"#) },
        Fault("other names in the validation file", says: "valid.safetensors", "`6`", "`7`") { tiny, configuration in
            try write(tiny, &configuration, names: #"["5", "6"]"#)
            configuration.data.validationFile = try tiny.images(4, to: "valid.safetensors", names: #"["5", "7"]"#)
        },
        Fault("a validation label beyond the classes", says: "valid.safetensors, element 1", "outside 0..<2") {
            tiny, configuration in
            configuration.data.validationFile = try tiny.write(
                [("pixel_values", .zeros([1, 1, 4, 6])), ("labels", Tensor([2] as [Int64]))], to: "valid.safetensors")
        },
        Fault("rows of text", says: "rows.jsonl", "safetensors") { $1.data.trainFile = $0.path("rows.jsonl") },
        Fault("a file that is not there", says: "nowhere.safetensors") {
            $1.data.trainFile = $0.path("nowhere.safetensors")
        },
        Fault("a column", says: "label_column", "image-classification") { $1.data.labelColumn = "label" },
        Fault("a length", says: "max_length", "image-classification") { $1.data.maxLength = 64 },
        Fault("packing", says: "batching") { $1.data.batching = .packing },
        Fault("a checkpoint without weights", says: "no weights", "from_scratch: true") { tiny, _ in
            try FileManager.default.removeItem(at: tiny.model.appendingPathComponent("model.safetensors"))
        },
        Fault("a model of texts", says: "reads images") { tiny, _ in
            let config: JSON = ["model_type": "bert", "vocab_size": 9]
            try Data(config.serialized().utf8).write(to: tiny.model.appendingPathComponent("config.json"))
        },
    ]

    @Test(arguments: faults)
    func whatCannotBeLearntFromIsOneSentenceBeforeTraining(_ fault: Fault) async throws {
        let tiny = try TinyImages()
        var configuration = try tiny.classification("run")
        try fault.apply(tiny, &configuration)
        do {
            _ = try await TrainingRun(configuration)
            Issue.record("accepted")
        } catch {
            for part in fault.says { #expect("\(error)".contains(part), "\(error)") }
            #expect(!"\(error)".contains("\n"))
        }
        #expect(!FileManager.default.fileExists(atPath: configuration.outputDirectory))
    }

    @Test func otherImagesAreNotMeasured() async throws {
        let tiny = try TinyImages()
        var configuration = try tiny.classification("run")
        configuration.data.labelNames = ["left", "right"]
        configuration.training.maxSteps = 1
        _ = try await observe(configuration)
        let model = try TrainedModel(folder: tiny.model, adapter: URL(fileURLWithPath: configuration.outputDirectory))
        let other = try tiny.images(4, to: "other.safetensors", names: #"["up", "down"]"#)
        await #expect(throws: ImageDataError.self) { _ = try await model.evaluate(URL(fileURLWithPath: other)) }
    }
}
