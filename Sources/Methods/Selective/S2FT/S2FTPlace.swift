import Networks
import Torch

/// One of a layer's projections with units that S2FT can train: heads or channels, as rows or columns of its weight.
struct S2FTPlace {
    /// What the projection is to its branch.
    enum Role: String, CaseIterable {
        case value, output, up, down

        /// Whether units are rows of the weight (its outputs) or columns (its inputs).
        var isUpstream: Bool { self == .value || self == .up }
    }

    /// The branch.
    let sublayer: Sublayer
    /// What the projection is to it.
    let role: Role
    /// The projection.
    let projection: Projection
    /// The first row of the first unit: fused projections have others before.
    let offset: Int
    /// Rows or columns of a unit.
    let unitSize: Int
    /// Units.
    let count: Int
    /// The projection whose inputs are the units' activations, where `activationsPerUnit` inputs belong to each.
    let observed: Projection
    let activationsPerUnit: Int

    /// Every place of a model in its order, values before outputs and up before down.
    static func all(of model: Model, layers: [Int]?) throws -> [S2FTPlace] {
        let sublayers = model.sublayers.values.filter { sublayer in
            guard let layers else { return true }
            return layerIndex(of: sublayer).map(layers.contains) ?? false
        }
        guard !sublayers.isEmpty else {
            throw MethodError.option(
                layers.map { "layers_to_transform: the model has none of the layers \($0)" }
                    ?? "s2ft: this model names no attention and feed-forward branches")
        }
        return sublayers.flatMap(places).filter { $0.projection.isLinear && $0.count > 0 }
    }

    private static func places(of sublayer: Sublayer) -> [S2FTPlace] {
        switch sublayer.structure {
        case .attention(_, _, let value, let output, let heads, let keyHeads, let size):
            return [
                S2FTPlace(
                    sublayer: sublayer, role: .value, projection: value.projection, offset: value.outputs.lowerBound,
                    unitSize: size, count: keyHeads, observed: output, activationsPerUnit: size * heads / keyHeads),
                S2FTPlace(
                    sublayer: sublayer, role: .output, projection: output, offset: 0, unitSize: size, count: heads,
                    observed: output, activationsPerUnit: size),
            ]
        case .feedForward(_, let up, let down):
            return [
                S2FTPlace(
                    sublayer: sublayer, role: .up, projection: up.projection, offset: up.outputs.lowerBound,
                    unitSize: 1, count: up.outputs.count, observed: down, activationsPerUnit: 1),
                S2FTPlace(
                    sublayer: sublayer, role: .down, projection: down, offset: 0, unitSize: 1, count: down.inputSize,
                    observed: down, activationsPerUnit: 1),
            ]
        }
    }

    private static func layerIndex(of sublayer: Sublayer) -> Int? {
        sublayer.path.split(separator: ".").lazy.compactMap { Int($0) }.first
    }

    /// The rows or columns of the weight that belong to units, in the order of the units.
    func entries(of units: [Int]) -> [Int64] {
        units.flatMap { unit in (0..<unitSize).map { Int64(offset + unit * unitSize + $0) } }
    }

    /// The squared length of the part of a matrix [out, in] that belongs to each unit, [count].
    func squares(of matrix: Tensor) throws -> Tensor {
        let wide = try matrix.to(.float32)
        let each = try (wide * wide).sum([role.isUpstream ? 1 : 0])
        return try each.narrow(0, offset, count * unitSize).reshape([count, unitSize]).sum([1])
    }

    /// The units that an adapter's file has for this place; nil for none.
    /// - Throws: `MethodError.stored` for what cannot be indices of units.
    func storedUnits(_ stored: any StoredTensors) throws -> [Int]? {
        let name = "\(projection.path).\(S2FTGraft.indicesName)"
        guard let tensor = try stored.tensor(name) else { return nil }
        guard try tensor.rank == 1, try !tensor.dtype.isFloatingPoint, try (1...count).contains(tensor.count) else {
            throw MethodError.stored(
                "\(name) has shape \(try tensor.shape) in the file, where 1 to \(count) whole numbers belong")
        }
        let units = try tensor.to(.int64).array(of: Int64.self)
        guard Set(units).count == units.count, units.allSatisfy({ (0..<Int64(count)).contains($0) }) else {
            throw MethodError.stored("\(name) must hold different numbers from 0 to \(count - 1)")
        }
        return units.map { Int($0) }
    }
}
