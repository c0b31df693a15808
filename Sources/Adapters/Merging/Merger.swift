import Backbones
import Files
import Foundation
import JSON
import Methods
import Networks
import Torch

/// Folds an adapter into its base and writes the result as a checkpoint of its own, with a proof that it computes the
/// same.
///
/// The checkpoint is walked file by file and tensor by tensor; beside the adapter, one tensor is in memory at a time, and
/// what the adapter does not change is copied by the system. Each changed tensor is computed in fp32 and rounded once to
/// the type it is stored in. The proof then streams both models through the memory in fp32, one after the other, and
/// compares their outputs on pseudo-random inputs. Everything is written to a temporary
/// folder beside the output, which gets its name only when the proof has held: the source is never touched, and a failed
/// merge leaves nothing.
///
/// A weight that the base shares between embedding and head stays shared where the adapter trained it whole for both. Where
/// grafts act on one of the two or differently on both, they are parted, and `tie_word_embeddings` becomes false: Python's
/// `merge_and_unload` changes both instead, and then computes something else than the adapter did.
public struct Merger {
    /// What can be chosen.
    public struct Options: Sendable {
        /// The largest deviation of an output that is accepted, as a share of the largest output; nil for the default of
        /// the checkpoint's type (1e-3 for fp32, 1e-2 for fp16, 5e-2 for bf16).
        public var bound: Double?
        /// The names of the classes of a head that the adapter brings; nil for those that the adapter names.
        public var labels: [String]?
        /// Merges although the adapter was made for other weights.
        public var allowsOtherBase = false
        /// The task that is merged, of an adapter that routes by it.
        public var taskID: Int?

        /// The defaults.
        public init() {}
    }

    /// How far a merge is.
    public enum Progress: Sendable, Equatable {
        /// So many tensors are written.
        case tensors(done: Int, of: Int)
        /// The proof is running.
        case proving
    }

    private let base: URL
    private let adapter: URL
    private let options: Options
    private let progress: (Progress) throws -> Void

    /// Merges the adapter of one folder into the checkpoint of another.
    ///
    /// - Parameters:
    ///   - output: the folder to be made; it must not exist, or be empty.
    ///   - progress: called as the merge goes on; throwing ends it.
    /// - Throws: `AdapterError`, `NetworkError`, and what reading and writing files throws; nothing is left behind.
    public static func merge(
        base: URL, adapter: URL, to output: URL, options: Options = Options(),
        progress: @escaping (Progress) throws -> Void = { _ in }
    ) throws -> MergeReport {
        try NewFolder.make(output, apartFrom: [base], within: adapter) { folder in
            try Merger(base: base, adapter: adapter, options: options, progress: progress).write(to: folder)
        }
    }

    private func write(to folder: URL) throws -> MergeReport {
        let config = try ModelConfig(folder: base)
        let head = try AdapterFolder.head(of: adapter, for: config)
        var report = try writeCheckpoint(to: folder, head: head)
        try progress(.proving)
        try prove(folder, head: head, &report)
        try AtomicFile.write(
            report.json.serializedBytes(.pretty), to: folder.appendingPathComponent(MergeReport.fileName))
        return report
    }

    private func writeCheckpoint(to folder: URL, head: Head?) throws -> MergeReport {
        let files = try CheckpointFiles(folder: base)
        let (dtype, widest) = try storedTypes(files)
        // The weights stay in the files; where types are mixed, the widest loses nothing.
        let loaded = try Backbones.load(base, head: head, options: .init(dtype: widest, streams: true))
        let adapted = try AdapterFolder.load(
            from: adapter, onto: loaded, checkpoint: base, allowsOtherBase: options.allowsOtherBase)
        try adapted.requireMergeable(into: loaded)
        if let task = options.taskID { try adapted.grafts.choose(task: task) }

        let plan = try MergePlan(files, model: loaded.model, dtype: dtype)
        var report = MergeReport(dtype: "\(dtype)", bound: options.bound ?? dtype.mergeBound)
        report.arithmeticError = try arithmeticError(loaded.model)
        (report.tensors, report.added, report.untied) = (plan.tensorCount, plan.added, plan.untied)
        report.baseDigest = adapted.provenance.baseDigest
        report.adapterDigest = try Digest.file(adapted.folder.appendingPathComponent(AdapterFolder.weightsName))
        try write(plan, files, to: folder, &report)
        try writeConfig(loaded, plan, labels: options.labels ?? adapted.provenance.labels, to: folder)
        try CompanionFiles.copy(from: base, to: folder)
        return report
    }

    /// The type that most of the checkpoint's numbers are stored in, and the widest among them.
    private func storedTypes(_ files: CheckpointFiles) throws -> (main: DType, widest: DType) {
        var bytes: [DType: Int] = [:]
        for name in files.names {
            let entry = try files.entry(name)
            guard let type = entry.dtype.tensorType else {
                throw SafetensorsError.unsupported(file: try files.file(of: name).path, name: name, dtype: entry.dtype)
            }
            if type.isFloatingPoint { bytes[type, default: 0] += entry.byteCount }
        }
        let main = bytes.max { $0.value < $1.value }?.key ?? .float32
        let areMixed = bytes.count > 1
        return (main, areMixed ? (bytes[.float64] == nil ? .float32 : .float64) : main)
    }
}

// MARK: Writing

extension Merger {
    private func write(
        _ plan: MergePlan, _ files: CheckpointFiles, to folder: URL, _ report: inout MergeReport
    ) throws {
        var (done, changed, rounding) = (0, 0, 0.0)
        for shard in plan.shards {
            let sources = Dictionary(
                shard.outputs.map { ($0.name, $0.source) }, uniquingKeysWith: { first, _ in first })
            let items = shard.outputs.map { SafetensorsWriter.Item(name: $0.name, dtype: $0.dtype, shape: $0.shape) }
            let writer = try SafetensorsWriter(items, metadata: shard.metadata)
            try writer.write(to: folder.appendingPathComponent(shard.url.lastPathComponent)) { item in
                try progress(.tensors(done: done, of: plan.tensorCount))
                done += 1
                guard let source = sources[item.name] else {
                    throw SafetensorsError.unwritable(name: item.name, problem: "it was not planned")
                }
                if case .copy(let name) = source {
                    // Bytes that are no truth values are found when they are read.
                    return item.dtype == .bool ? .tensor(try files.tensor(name)) : .stored(try files.stored(name))
                }
                changed += 1
                let rounded = try RoundedTensor(MergePlan.value(of: source), to: item.dtype, name: item.name)
                rounding = max(rounding, rounded.error)
                return .tensor(rounded.tensor)
            }
        }
        try progress(.tensors(done: done, of: plan.tensorCount))
        (report.changed, report.roundingError) = (changed, rounding)
        let isSingle = files.files.map(\.lastPathComponent) == ["model.safetensors"]
        if !isSingle { try writeIndex(plan, to: folder) }
    }

    private func writeIndex(_ plan: MergePlan, to folder: URL) throws {
        var places: [(String, JSON)] = []
        var bytes = 0
        for shard in plan.shards {
            for output in shard.outputs {
                places.append((output.name, .string(shard.url.lastPathComponent)))
                bytes += output.shape.reduce(output.dtype.size, *)
            }
        }
        let index: JSON = [
            "metadata": ["total_size": .int(Int64(bytes))],
            "weight_map": .object(JSON.Object(places.sorted { $0.0 < $1.0 }.map { (key: $0.0, value: $0.1) })),
        ]
        try AtomicFile.write(
            index.serializedBytes(.pretty), to: folder.appendingPathComponent("model.safetensors.index.json"))
    }

    private func writeConfig(_ loaded: LoadedModel, _ plan: MergePlan, labels: [String]?, to folder: URL) throws {
        var config = MergedConfig(loaded.config)
        if !plan.untied.isEmpty { config.untie() }
        try config.set(loaded.head, isNew: !loaded.newParameters.isEmpty, labels: labels, config: loaded.config)
        try AtomicFile.write(
            JSON.object(config.object).serializedBytes(.pretty), to: folder.appendingPathComponent("config.json"))
    }
}

// MARK: Proof

extension Merger {
    /// Compares fp32 with fp64 on a few of the adapted weights: on small ones where there are, which take as many steps.
    private func arithmeticError(_ model: Model) throws -> Double {
        let sized = try model.projections.values.filter { !$0.grafts.isEmpty }.map { ($0, try $0.weight.base.count) }
        let smallest = sized.map(\.1).min() ?? 0
        let adapted = sized.filter { $0.1 <= max(smallest, 1 << 20) }.map(\.0)
        let step = max(1, adapted.count / 3)
        return try stride(from: 0, to: adapted.count, by: step).prefix(3).reduce(0) { worst, index in
            defer { try? adapted[index].weight.releaseStreamed() }
            let single = try adapted[index].mergedTensors(computedIn: .float32).weight.detach().to(.float64)
            let double = try adapted[index].mergedTensors(computedIn: .float64).weight.detach()
            return max(worst, try single.deviation(from: double))
        }
    }

    private func prove(_ folder: URL, head: Head?, _ report: inout MergeReport) throws {
        let (probes, expected) = try withoutGradients {
            let loaded = try Backbones.load(base, head: head, options: .init(streams: true))
            let adapted = try AdapterFolder.load(from: adapter, onto: loaded, allowsOtherBase: true)
            if let task = options.taskID { try adapted.grafts.choose(task: task) }
            let probes = try ProbeBatches(loaded)
            return (probes, try probes.outputs(of: loaded.model))
        }
        let found = try probes.outputs(of: Backbones.load(folder, options: .init(streams: true)).model)
        let deviation = try OutputDeviation(expected: expected, found: found, of: "the merged model")
        report.probes = deviation.probes
        (report.absoluteDeviation, report.outputScale) = (deviation.absolute, deviation.scale)
        report.relativeDeviation = deviation.relative
        guard report.relativeDeviation <= report.bound else {
            throw AdapterError.deviation(relative: report.relativeDeviation, bound: report.bound)
        }
    }
}

extension MergePlan {
    /// The numbers of a tensor that is not the base's, in the type they are computed in.
    fileprivate static func value(of source: Source) throws -> Tensor {
        switch source {
        case .copy(let name): throw SafetensorsError.unwritable(name: name, problem: "it is the base's")
        case .weight(let site):
            try withoutGradients {
                defer { try? site.weight.releaseStreamed() }
                return try site.mergedTensors(computedIn: .float32).weight
            }
        case .bias(let site):
            try withoutGradients {
                defer { try? site.weight.releaseStreamed() }
                let merged = try site.mergedTensors(computedIn: .float32)
                return merged.bias ?? merged.weight
            }
        case .normWeight(let norm): try withoutGradients { try norm.mergedTensors(computedIn: .float32).weight }
        case .normBias(let norm):
            try withoutGradients {
                let merged = try norm.mergedTensors(computedIn: .float32)
                return merged.bias ?? merged.weight
            }
        case .parameter(let parameter): parameter.value
        }
    }
}

extension DType {
    /// The largest deviation of outputs, as a share of their scale, that rounding to this type explains.
    fileprivate var mergeBound: Double {
        switch self {
        case .float16: 1e-2
        case .bfloat16: 5e-2
        default: 1e-3
        }
    }
}
