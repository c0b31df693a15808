import Backbones
import Foundation
import Methods
import Networks
import Torch

/// Writes any adapter that merges as a plain LoRA adapter, for programs that know no other method.
///
/// The change D that the adapter makes of a projection's weight, in matrix form [out, in], becomes its best product of the
/// rank: with D = U diag(s) Vᵀ cut after r singular values, B = U diag(√s) and A = diag(√s) Vᵀ, and a scale of 1. By the
/// theorem of Eckart and Young the Frobenius error is √(Σ s²) of the singular values that were cut off. Parameters that the
/// adapter trained whole stay whole, in `modules_to_save`. What was written is read again and compared with the adapter.
public enum AsLoRA {
    /// Converts the adapter of one folder.
    ///
    /// - Parameters:
    ///   - base: the checkpoint that it belongs to.
    ///   - rank: of each product; clipped to the smaller side of its matrix.
    ///   - output: the folder to be made; it must not exist, or be empty.
    ///   - baseModelPath: where Python finds the base.
    ///   - taskID: the task that is written, of an adapter that routes by it.
    /// - Throws: `AdapterError` for what no LoRA can hold, `NetworkError`, and what reading and writing files throws;
    ///   nothing is left behind.
    public static func write(
        base: URL, adapter: URL, rank: Int, to output: URL, baseModelPath: String? = nil, taskID: Int? = nil
    ) throws -> AsLoRAReport {
        guard rank > 0 else { throw AdapterError.unwritable("the rank must be positive, found \(rank)") }
        return try NewFolder.make(output, apartFrom: [base], within: adapter) { folder in
            try withoutGradients {
                let head = try AdapterFolder.head(of: adapter, for: ModelConfig(folder: base))
                let loaded = try Backbones.load(base, head: head)
                let adapted = try AdapterFolder.load(from: adapter, onto: loaded, checkpoint: base)
                try adapted.requireMergeable(into: loaded)
                if let taskID { try adapted.grafts.choose(task: taskID) }
                let (method, grafts, report) = try converted(adapted, on: loaded.model, rank: rank)
                var provenance = adapted.provenance
                // The factors were not drawn: neither the seed nor the options of the run make them again.
                (provenance.options, provenance.seed, provenance.randomAlgorithm) = (nil, nil, nil)
                try AdapterFolder.write(
                    method, grafts, of: loaded.model, to: folder, provenance: provenance, checkpoint: base,
                    taskType: adapted.config.taskType, baseModelPath: baseModelPath)
                return try report.compared(loaded, with: folder, on: base, head: head)
            }
        }
    }

    private static func converted(
        _ adapted: LoadedAdapter, on model: Model, rank: Int
    ) throws -> (LoRA, GraftSet, AsLoRAReport) {
        if let norm = adapted.grafts.norms.keys.first {
            throw AdapterError.unwritable("the adapter changes the norm \(quoted(norm)), which no LoRA can hold")
        }
        var report = AsLoRAReport()
        var factors: [String: LowRankFactors] = [:]
        for path in adapted.grafts.projections.keys {
            guard let site = model.projections[path] else { continue }
            let delta = try delta(of: site)
            guard try delta.isAllFinite() else { throw NetworkError.notFinite(name: "\(path).weight") }
            guard try delta.abs().amax().item() > 0 else {
                report.unchanged.append(path)
                continue
            }
            let product = try LowRankFactors(delta, rank: rank)
            report.modules.append(
                .init(path: path, rank: product.rank, change: product.norm, error: product.error))
            factors[path] = product
        }
        guard !factors.isEmpty else {
            throw AdapterError.unwritable(
                "the adapter changes no projection, so that there is nothing for LoRA to hold")
        }
        let saved = try changedParameters(adapted.grafts, of: model)
        report.whole = saved.map(\.name)
        let placements = report.modules.map { LoRAPlacement(path: $0.path, rank: $0.rank, alpha: Double($0.rank)) }
        let method = lora(placements, rank: rank, saving: try modules(of: saved, on: model, apartFrom: factors.keys))
        // Every tensor of the set is replaced below or a copy of the base, so that the key draws nothing that stays.
        let grafts = try method.grafts(for: model, at: placements, key: RandomKey(seed: 0))
        for case (let path, let graft as LoRAGraft) in grafts.projections {
            guard let product = factors[path] else { continue }
            try graft.a.load(product.a.reshape(graft.a.value.shape))
            try graft.b.load(product.b.reshape(graft.b.value.shape))
        }
        for variable in saved { try grafts.parameters[variable.name]?.load(variable.value.detach()) }
        return (method, grafts, report)
    }

    /// What the grafts of a projection change of its weight, in matrix form.
    private static func delta(of site: Projection) throws -> Tensor {
        if case .convolution(let shape) = site.kind, shape.groups > 1 {
            throw AdapterError.unwritable(
                "the adapter changes the grouped convolution \(quoted(site.path)), which no LoRA can hold")
        }
        let merged = try site.mergedTensors(computedIn: .float32)
        if let bias = site.bias, let changed = merged.bias, try !changed.isEqual(to: bias.base.to(.float32)) {
            throw AdapterError.unwritable(
                "the adapter changes the bias of \(quoted(site.path)) beside its weight, which no LoRA can hold")
        }
        return try site.matrix(merged.weight.detach() - site.weight.base.to(.float32))
    }

    /// The parameters that the adapter brings whole and that differ from the base's.
    private static func changedParameters(_ grafts: GraftSet, of model: Model) throws -> [Variable] {
        try grafts.parameters.values.filter { variable in
            guard let parameter = model.parameters[variable.name] else { return false }
            if parameter.isNew { return true }
            return try !variable.value.detach().to(.float32).isEqual(to: parameter.base.to(.float32))
        }
    }

    /// The modules that hold these parameters; none may be one that has a product.
    private static func modules(
        of saved: [Variable], on model: Model, apartFrom adapted: some Collection<String>
    ) throws -> [String] {
        var modules: [String] = []
        for variable in saved {
            let module = variable.name.split(separator: ".").dropLast().joined(separator: ".")
            let holds = adapted.first { path in
                guard let site = model.projections[path] else { return false }
                return path == module || path.hasPrefix(module + ".") || site.weight.name == variable.name
            }
            guard !module.isEmpty, holds == nil else {
                throw AdapterError.unwritable(
                    "the adapter changes \(quoted(variable.name)) whole beside \(quoted(holds ?? "projections")), which "
                        + "modules_to_save cannot hold")
            }
            if !modules.contains(module) { modules.append(module) }
        }
        return modules
    }

    private static func lora(_ placements: [LoRAPlacement], rank: Int, saving modules: [String]) -> LoRA {
        var method = LoRA()
        (method.r, method.loraAlpha) = (rank, Double(rank))
        method.targetModules = .list(placements.map(\.path))
        for clipped in placements where clipped.rank != rank {
            method.rankPattern.entries.append(.init(key: clipped.path, value: clipped.rank))
            method.alphaPattern.entries.append(.init(key: clipped.path, value: clipped.alpha))
        }
        method.modulesToSave = modules
        return method
    }
}

/// The best product B A of a rank for a matrix.
private struct LowRankFactors {
    /// Columns of B and rows of A.
    let rank: Int
    /// [r, in].
    let a: Tensor
    /// [out, r].
    let b: Tensor
    /// Frobenius norm of the matrix.
    let norm: Double
    /// Frobenius norm of what the product lacks, measured on the factors as they are stored.
    let error: Double

    init(_ matrix: Tensor, rank limit: Int) throws {
        let (u, s, vT) = try matrix.svd()
        rank = min(limit, try s.size(0))
        let roots = try s.narrow(0, 0, rank).sqrt()
        a = try (vT.narrow(0, 0, rank) * roots.unsqueeze(1)).contiguous()
        b = try (u.narrow(1, 0, rank) * roots.unsqueeze(0)).contiguous()
        let wide = try matrix.to(.float64)
        norm = try wide.norm().item()
        error = try (wide - b.to(.float64).matmul(a.to(.float64))).norm().item()
    }
}

extension AsLoRAReport {
    /// The report with the outputs of the written adapter held against those of the one it stands for.
    fileprivate func compared(
        _ adapted: LoadedModel, with folder: URL, on base: URL, head: Head?
    ) throws -> AsLoRAReport {
        let probes = try ProbeBatches(adapted)
        let expected = try probes.outputs(of: adapted.model)
        let loaded = try Backbones.load(base, head: head)
        try AdapterFolder.load(from: folder, onto: loaded, checkpoint: base)
        let deviation = try OutputDeviation(
            expected: expected, found: probes.outputs(of: loaded.model), of: "the written adapter")
        var report = self
        (report.absoluteDeviation, report.outputScale) = (deviation.absolute, deviation.scale)
        report.probes = deviation.probes
        return report
    }
}
