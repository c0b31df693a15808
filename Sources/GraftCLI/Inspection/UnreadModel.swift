import Backbones
import Foundation
import Methods
import Networks
import Reporting
import Torch

/// A checkpoint's network whose weights stay on the disk: they are mapped in the type they are stored in, and nothing
/// reads them.
struct UnreadModel {
    let loaded: LoadedModel

    init(folder: URL) throws {
        let files = try CheckpointFiles(folder: folder)
        loaded = try Backbones.load(folder, options: .init(dtype: try StoredTypes(files).main?.tensorType ?? .float32))
    }

    /// Number and share of the parameters that a method trains, or why it trains none.
    func trainable(_ method: any Methods.Method) throws -> String {
        let grafts: GraftSet
        do {
            grafts = try method.grafts(for: loaded.model, key: RandomKey(seed: 0))
        } catch let error as MethodError {
            return "-: \(error)"
        }
        let count = try grafts.variables.filter { $0.role == .trainable }.reduce(0) { $0 + (try $1.value.count) }
        let share = Double(count) / Double(max(1, try loaded.model.parameterCount))
        return "\(Quantity.count(count)) (\(Quantity.percent(share)))"
    }
}

/// The element types of a checkpoint's tensors, from the headers of its files.
struct StoredTypes {
    /// Bytes by type.
    private(set) var bytes: [SafetensorsDType: Int] = [:]
    /// Elements of all tensors.
    private(set) var parameters = 0

    init(_ files: CheckpointFiles) throws {
        for name in files.names { add(try files.entry(name)) }
    }

    init(_ header: SafetensorsHeader) {
        header.entries.forEach { add($0) }
    }

    private mutating func add(_ entry: SafetensorsHeader.Entry) {
        bytes[entry.dtype, default: 0] += entry.byteCount
        parameters += entry.shape.reduce(1, *)
    }

    /// The floating-point type of most bytes.
    var main: SafetensorsDType? {
        bytes.filter { $0.key.tensorType?.isFloatingPoint ?? false }.max {
            ($0.value, $1.key.rawValue) < ($1.value, $0.key.rawValue)
        }?.key
    }

    /// `F32`, or `BF16 (98.5 %), F32 (1.5 %)`.
    var summary: String {
        let total = max(1, bytes.values.reduce(0, +))
        let parts = bytes.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
        if parts.count == 1, let only = parts.first { return only.key.rawValue }
        return parts.map { "\($0.key.rawValue) (\(Quantity.percent(Double($0.value) / Double(total))))" }
            .joined(separator: ", ")
    }
}
