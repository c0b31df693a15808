import Backbones
import Datasets
import Foundation

extension PreparedData {
    /// Reads and checks all files of images. Nothing is trained, so every fault of the data shows here.
    ///
    /// - Throws: `ImageDataError`, `DatasetError`, and what opening the files throws.
    static func readImages(_ configuration: TrainingConfiguration, model: ModelConfig) throws -> PreparedData {
        guard let format = try Backbones.imageFormat(model) else {
            throw ImageDataError.noImages(model: configuration.model)
        }
        let options = configuration.data
        try options.requireNoTextOptions()
        func file(_ path: String) throws -> ImageFile { try ImageFile(URL(fileURLWithPath: path), format: format) }
        let training = try file(options.trainFile)
        let (validation, test) = (try options.validationFile.map(file), try options.testFile.map(file))
        var parts = try DatasetParts(
            training: SampleSet(samples: training.samples),
            validation: validation.map { SampleSet(samples: $0.samples) },
            test: test.map { SampleSet(samples: $0.samples) },
            holdingOut: options.validationSplit > 0 ? options.validationSplit : nil,
            seed: UInt64(bitPattern: Int64(configuration.training.seed)))
        parts.limit(training: options.maxTrainSamples, evaluation: options.maxEvalSamples)

        let labels = try options.imageLabels(parts, named: training.labelNames, model)
        if training.labelNames != nil { for file in [validation, test] { try file?.requireNames(labels.names) } }
        func encoded(_ set: SampleSet) throws -> EncodedDataset {
            try set.samples.encodedImages(classes: labels.count)
        }
        let rows = try encoded(parts.training)
        try parts.training.samples.requireSeveralClasses(labels)
        let statistics = DatasetStatistics(rows, classes: labels.count)
        let evaluationSamples = (parts.validation?.samples ?? []) + (parts.test?.samples ?? [])
        let duplicates = DuplicateCounts(training: parts.training.samples, evaluation: evaluationSamples)
        return PreparedData(
            training: rows, validation: try parts.validation.map(encoded), test: try parts.test.map(encoded),
            labels: labels, padID: nil, limit: format.positions, statistics: statistics,
            warnings: DatasetWarning.warnings(
                statistics, limit: format.positions, duplicates: duplicates, evaluationRows: evaluationSamples.count))
    }
}

extension DataOptions {
    /// Refuses options that images have no use for, as a key that nothing reads.
    fileprivate func requireNoTextOptions() throws {
        let standard = DataOptions()
        let isSet: [(CodingKeys, Bool)] = [
            (.textColumn, textColumn != nil), (.textPairColumn, textPairColumn != nil),
            (.labelColumn, labelColumn != nil), (.promptColumn, promptColumn != standard.promptColumn),
            (.completionColumn, completionColumn != standard.completionColumn),
            (.messagesColumn, messagesColumn != standard.messagesColumn), (.chatFormat, chatFormat != nil),
            (.maxLength, maxLength != nil), (.truncation, truncation != standard.truncation),
        ]
        guard let key = isSet.first(where: \.1)?.0 else { return }
        throw TrainingError.option("\(key.rawValue): task image-classification has no texts; remove it")
    }

    /// The classes: the user's names, those of the training file, the model's own where it was made for them, or the
    /// numbers that occur.
    fileprivate func imageLabels(_ parts: DatasetParts, named names: [String]?, _ model: ModelConfig) throws
        -> LabelVocabulary
    {
        let known = try labelNames ?? names ?? (numLabels == nil ? model.meaningfulLabelNames : nil)
        guard let known else { return try LabelVocabulary(learnedFrom: parts.training.samples, count: numLabels) }
        if let numLabels, numLabels != known.count {
            throw DatasetError.labelCount(found: known.count, expected: numLabels)
        }
        return try LabelVocabulary(names: known)
    }
}

extension [Sample] {
    /// Images as examples.
    ///
    /// - Parameter classes: how many there are; nil for images whose labels are not asked for.
    /// - Throws: `DatasetError.labelOutOfRange` with the place of the image.
    func encodedImages(classes: Int?) throws(DatasetError) -> EncodedDataset {
        var examples: [Example] = []
        for sample in self {
            guard case .image(let image, _) = sample.content else { throw .mixedTargets }
            guard let classes else {
                examples.append(Example(image: image, target: .none))
                continue
            }
            guard case .integer(let label)? = sample.label else { throw .mixedTargets }
            guard label >= 0, label < classes else {
                throw .labelOutOfRange(sample.location, label: label, count: classes)
            }
            examples.append(Example(image: image, target: .classIndex(Int32(label))))
        }
        return EncodedDataset(examples: examples)
    }

    /// Refuses images that are all of one class. Here a label is always the class's number, whatever its name.
    fileprivate func requireSeveralClasses(_ labels: LabelVocabulary) throws(DatasetError) {
        guard let first = first?.label, allSatisfy({ $0.label == first }) else { return }
        var name = first.text
        if case .integer(let index) = first, labels.names.indices.contains(index) { name = labels.names[index] }
        throw .oneLabelOnly(label: name, examples: count)
    }
}
