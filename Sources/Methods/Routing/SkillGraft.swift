import Foundation
import Networks
import Torch

/// The skills of one projection and its router: see `MultiHeadRouting`.
final class SkillGraft: ProjectionGraft, TaskRoutedGraft {
    static let logitsName = "poly_router.module_logits"

    /// A: [splits, skills, in / splits, r].
    let a: Variable
    /// B: [splits, skills, r, out / splits].
    let b: Variable
    /// Z: [tasks, splits · skills].
    let logits: Variable
    /// Uniform draws of a shape for a step's gates.
    var uniform: (ForwardContext, [Int]) throws -> Tensor
    /// The task of rows without a number.
    var chosenTask: Int?
    private let method: MultiHeadRouting
    private let path: String

    /// - Parameters:
    ///   - inventory: skills to start from.
    ///   - key: of the random draws of this projection.
    init(
        _ method: MultiHeadRouting, at site: Projection, inventory: (a: Tensor, b: Tensor)?, key: RandomKey
    ) throws {
        self.method = method
        path = site.path
        let (splits, skills, rank) = (method.nSplits, method.trainedSkills, method.r)
        let (input, output) = (site.inputSize / splits, site.outputSize / splits)
        func drawn(_ shape: [Int], fanIn: Int, _ name: String) throws -> Tensor {
            let bound = 1 / Double(fanIn).squareRoot()
            return try .uniform(shape, -bound, bound, key: key.derived(name))
        }
        let shapeB = [splits, skills, rank, output]
        let (startA, startB) =
            try inventory ?? (
                drawn([splits, skills, input, rank], fanIn: input, "A"),
                method.initWeights ? .zeros(shapeB) : drawn(shapeB, fanIn: rank, "B")
            )
        let trainsSkills = method.finetuneType != .z
        a = try Variable("\(path).poly_lora_A", startA, role: trainsSkills ? .trainable : .frozen)
        b = try Variable("\(path).poly_lora_B", startB, role: trainsSkills ? .trainable : .frozen)
        // One skill has the weight 1 whatever its logit.
        let routes = method.finetuneType != .mu
        let shapeZ = [method.nTasks, splits * skills]
        logits = try Variable(
            "\(path).\(SkillGraft.logitsName)",
            routes ? .uniform(shapeZ, -1e-3, 1e-3, key: key.derived("Z")) : .zeros(shapeZ),
            role: routes ? .trainable : .frozen)
        let noise = "\(path).router"
        uniform = { context, shape in try .uniform(shape, 0, 1, key: context.key.derived(noise)) }
    }

    var variables: [Variable] { [a, b, logits] }

    var taskCount: Int { method.nTasks }

    /// What the product is multiplied with.
    var scaling: Double { method.loraAlpha / Double(method.r) }
}

// MARK: Forward

extension SkillGraft {
    func adding(
        to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor {
        let weights = try mixingWeights(context)
        let (count, rows) = (try weights.size(0), try x.size(0))
        guard count == rows || count == 1 else {
            throw NetworkError.input("\(path) got \(rows) rows, and the numbers of the tasks of \(count)")
        }
        let (mixedA, mixedB) = try mixed(weights)
        let dtype = try mixedA.dtype
        let change = try x.to(dtype).reshape([rows, -1, site.inputSize]).matmul(mixedA).matmul(mixedB) * scaling
        return try output + change.reshape(output.shape).to(output.dtype)
    }

    /// w of each row [rows, splits, skills]; of one row where there is one task, or one skill.
    func mixingWeights(_ context: ForwardContext) throws -> Tensor {
        let splits = method.nSplits
        if method.finetuneType == .mu {
            return try .ones([1, splits, 1], dtype: a.value.dtype, device: a.value.device)
        }
        let tasks = try taskIDs(context)
        let z = try logits.value.indexSelect(0, tasks)
        guard context.isTraining, method.relaxedBernoulli else { return try normalized(z.sigmoid()) }
        // Away from 0 and 1 by what fp32 can tell apart.
        let limit = Double(Float.ulpOfOne)
        let u = try uniform(context, z.shape).reshape(z.shape).clamp(limit, 1 - limit).to(z.device)
        let odds = try u.log() - (-u + 1).log()
        return try normalized(((z + odds) / method.temperature).sigmoid())
    }

    /// The weights of each task without draws [tasks, splits, skills].
    func taskWeights() throws -> Tensor { try normalized(logits.value.sigmoid()) }

    private func normalized(_ gates: Tensor) throws -> Tensor {
        let heads = try gates.reshape([gates.size(0), method.nSplits, method.trainedSkills])
        return try heads / (heads.sum([2], keepDim: true) + 1e-12)
    }

    private func taskIDs(_ context: ForwardContext) throws -> Tensor {
        guard let tasks = context.taskIDs else {
            guard let task = onlyTask else {
                throw NetworkError.input(
                    "mhr mixes by the task of a row, and there are \(method.nTasks): name the column of its number "
                        + "with task_column, or one task for all rows with task_id")
            }
            return try .full([1], Double(task), device: logits.value.device).to(.int64)
        }
        let (low, high) = (try tasks.amin().item(), try tasks.amax().item())
        guard low >= 0, high < Double(method.nTasks) else {
            throw NetworkError.input(
                "a row has the task \(Int(low < 0 ? low : high)), and n_tasks is \(method.nTasks)")
        }
        return tasks
    }

    /// A [rows, in, r] and B [rows, r, out] of weights [rows, splits, skills].
    func mixed(_ weights: Tensor) throws -> (a: Tensor, b: Tensor) {
        let rows = try weights.size(0)
        // Heads first: each mixes its own skills.
        let w = try weights.permute([1, 0, 2])
        let (shapeA, shapeB) = (try a.value.shape, try b.value.shape)
        let mixedA = try w.matmul(a.value.reshape([shapeA[0], shapeA[1], -1]))
            .reshape([shapeA[0], rows, shapeA[2], shapeA[3]]).permute([1, 0, 2, 3])
            .reshape([rows, shapeA[0] * shapeA[2], shapeA[3]])
        let mixedB = try w.matmul(b.value.reshape([shapeB[0], shapeB[1], -1]))
            .reshape([shapeB[0], rows, shapeB[2], shapeB[3]]).permute([1, 2, 0, 3])
            .reshape([rows, shapeB[2], shapeB[0] * shapeB[3]])
        return (mixedA, mixedB)
    }
}

// MARK: Merge

extension SkillGraft {
    func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        guard let task = onlyTask else {
            throw MethodError.unmergeable(
                "\(path) computes differently for each of \(method.nTasks) tasks: name one of them with task_id")
        }
        return (try merged(weight: weight, task: task, at: site), bias)
    }

    /// The one that was chosen, or the only one there is.
    private var onlyTask: Int? { chosenTask ?? (method.nTasks == 1 ? 0 : nil) }

    /// The weight of one task: W₀ + s (A B)ᵀ.
    func merged(weight: Tensor, task: Int, at site: Projection) throws -> Tensor {
        try withoutGradients {
            let (a, b) = try mixed(taskWeights().narrow(0, task, 1))
            let dtype = try weight.dtype
            return try weight + site.layout(a.select(0, 0).to(dtype).matmul(b.select(0, 0).to(dtype)).t() * scaling)
        }
    }
}

/// The skills that another run has left in its adapter's file.
struct SkillInventory {
    private let file: SafetensorsFile
    private let name: String

    /// - Throws: `MethodError.option` where the file cannot be read.
    init(_ path: String) throws {
        name = path
        do {
            file = try SafetensorsFile(URL(fileURLWithPath: path))
        } catch {
            throw MethodError.option("inventory: \(error)")
        }
    }

    /// Copies of A and B of a layer as a method wants them: all skills, or their mean.
    func factors(_ method: MultiHeadRouting, at site: Projection) throws -> (a: Tensor, b: Tensor) {
        let (splits, skills) = (method.nSplits, method.nSkills)
        let (a, b) = (
            try tensor("\(site.path).poly_lora_A", [splits, skills, site.inputSize / splits, method.r]),
            try tensor("\(site.path).poly_lora_B", [splits, skills, method.r, site.outputSize / splits])
        )
        guard method.finetuneType == .mu else { return (try a.clone(), try b.clone()) }
        return try SkillInventory.mean(a, b)
    }

    /// The mean of the skills, as one.
    static func mean(_ a: Tensor, _ b: Tensor) throws -> (a: Tensor, b: Tensor) {
        (try a.mean([1], keepDim: true), try b.mean([1], keepDim: true))
    }

    private func tensor(_ path: String, _ shape: [Int]) throws -> Tensor {
        guard let key = [path, "base_model.model." + path].first(where: file.contains) else {
            throw MethodError.option("inventory: \(name) has no skills for `\(path)`")
        }
        let tensor = try file.tensor(key)
        guard try tensor.shape == shape, try tensor.isAllFinite() else {
            throw MethodError.option(
                "inventory: `\(key)` has shape \(try tensor.shape) or is not finite; the options want \(shape)")
        }
        return try tensor.to(.float32)
    }
}
