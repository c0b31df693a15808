import JSON

extension Forecast {
    /// The forecast as it stands in `run.json`.
    public var json: JSON {
        [
            "examples": JSON(examples), "tokens": JSON(tokens), "truncated_share": JSON(finite: truncatedShare),
            "padding_share": JSON(finite: paddingShare), "labelled_share": JSON(finite: labelledShare),
            "lengths": [
                "minimum": JSON(lengths.minimum), "median": JSON(lengths.median), "p95": JSON(lengths.p95),
                "maximum": JSON(lengths.maximum),
            ],
            "trainable_parameters": JSON(trainableParameters), "total_parameters": JSON(totalParameters),
            "memory_bytes": JSON(memoryBytes),
            "memory_parts": .array(memoryParts.map { ["name": .string($0.name), "bytes": JSON($0.bytes)] }),
            "batches_per_epoch": JSON(batchesPerEpoch), "steps": JSON(steps),
        ]
    }

    /// Reads a forecast.
    ///
    /// - Throws: `JSONError` naming the place that is missing or of another kind.
    public init(_ node: JSON.Node) throws {
        let lengths = try node.field("lengths")
        self.init(
            examples: try node.field("examples").count(), tokens: try node.field("tokens").count(),
            truncatedShare: try node.field("truncated_share").finiteOrNaN(),
            paddingShare: try node.field("padding_share").finiteOrNaN(),
            labelledShare: try node.field("labelled_share").finiteOrNaN(),
            lengths: LengthQuantiles(
                minimum: try lengths.field("minimum").count(), median: try lengths.field("median").count(),
                p95: try lengths.field("p95").count(), maximum: try lengths.field("maximum").count()),
            trainableParameters: try node.field("trainable_parameters").count(),
            totalParameters: try node.field("total_parameters").count(),
            memoryParts: try node.field("memory_parts").elements().map {
                MemoryPart(name: try $0.field("name").string(), bytes: try $0.field("bytes").count())
            },
            batchesPerEpoch: try node.field("batches_per_epoch").count(), steps: try node.field("steps").count())
    }
}
