import JSON
import Networks
import Optimization
import Torch

/// The allocator of IncreLoRA: it smooths the modules' scores and lets those grow that matter most.
final class IncreLoRAGrowth: Lifecycle {
    private let method: IncreLoRA
    let grafts: [IncreLoRAGraft]
    /// I and U of each module.
    private(set) var importance: [Double]
    private(set) var uncertainty: [Double]
    /// The scores of the last backward.
    private var scores: [Double]
    /// The smallest importance that grew in the last allocation; nil before any.
    private(set) var threshold: Double?
    /// The step in which the target was met and the reserves were switched off.
    private(set) var finalisedAt: Int?

    init(_ method: IncreLoRA, _ grafts: [IncreLoRAGraft]) {
        self.method = method
        self.grafts = grafts
        importance = grafts.map { _ in 0 }
        uncertainty = importance
        scores = importance
    }

    /// The total rank at the end.
    var target: Int { method.targetTotalRank ?? method.targetRank * grafts.count }

    /// The total rank in use.
    var total: Int {
        get throws { try grafts.reduce(0) { try $0 + $1.rank } }
    }

    func penalty(_ moment: StepMoment) throws -> Tensor? {
        guard method.regOrthCoef > 0, !grafts.isEmpty else { return nil }
        let factors = try grafts.map { graft in
            let (a, b, _) = try graft.factors()
            return (a: a, b: b)
        }
        return try orthogonality(of: factors) * method.regOrthCoef
    }

    /// Measures while there is something left to allocate.
    func stepWillBegin(_ moment: StepMoment) throws {
        let isMeasuring = try finalisedAt == nil && total < target
        for graft in grafts {
            graft.forgetNotes()
            graft.isMeasuring = isMeasuring
        }
    }

    /// The scores of the last micro-batch count.
    func microBatchDidEnd(_ moment: StepMoment) throws {
        for (index, graft) in grafts.enumerated() where graft.isMeasuring {
            if let score = try graft.takeScore() { scores[index] = score }
        }
    }

    func gradientsReady(_ moment: StepMoment) throws {
        try allocate(scores, at: moment.step, moment.trainables)
    }
}

// MARK: Allocation

extension IncreLoRAGrowth {
    /// What the allocator does with the scores of a step.
    func allocate(_ scores: [Double], at step: Int, _ trainables: Trainables) throws {
        if step == 0 {
            for graft in grafts where graft.reserve == nil { try addReserve(to: graft) }
            if method.advanceLearn {
                try train(grafts.compactMap(\.reserve).flatMap { [$0.a, $0.b] }, "reserve", from: step, trainables)
            }
        }
        guard finalisedAt == nil, try total < target else { return }
        for index in grafts.indices {
            importance[index] = method.beta1 * importance[index] + (1 - method.beta1) * scores[index]
            let deviation = abs(scores[index] - importance[index])
            uncertainty[index] = method.beta2 * uncertainty[index] + (1 - method.beta2) * deviation
        }
        guard step > method.initWarmup, step % method.increInterval == 0 else { return }
        try grow(at: step, trainables)
        let left = try target - total
        if left == 0 || (method.exactBudget && left < method.growth) { try finalise(step) }
    }

    /// The product that decides, module by module.
    var products: [Double] { zip(importance, uncertainty).map { $0 * $1 } }

    private func grow(at step: Int, _ trainables: Trainables) throws {
        let products = products
        let left = try target - total
        let count = min(method.topH, method.exactBudget ? left / method.growth : left, grafts.count)
        guard count > 0 else { return }
        // Equal products in the order of the modules.
        let order = products.indices.sorted { (products[$1], $0) < (products[$0], $1) }
        let least = products[order[count - 1]]
        threshold = least
        let chosen =
            method.exactBudget ? order.prefix(count).sorted() : products.indices.filter { products[$0] >= least }
        var begins: [Variable] = []
        for index in chosen {
            guard let piece = grafts[index].reserve else { continue }
            try grafts[index].useReserve()
            try addReserve(to: grafts[index])
            let factors = method.advanceLearn ? grafts[index].reserve : piece
            begins += [piece.e] + (factors.map { [$0.a, $0.b] } ?? [])
        }
        try train(begins, "growth", from: step, trainables)
    }

    private func addReserve(to graft: IncreLoRAGraft) throws {
        try graft.addReserve(rank: method.growth, e: method.advanceLearn ? 1e-5 : 0)
    }

    /// Lets variables train, by a schedule of their own.
    private func train(_ variables: [Variable], _ name: String, from step: Int, _ trainables: Trainables) throws {
        guard !variables.isEmpty else { return }
        for variable in variables { try variable.value.setRequiresGrad(true) }
        try trainables.add(
            ParameterGroup(
                "\(name).\(step)", variables, rate: method.multiLR ? .ownClock(birth: step) : .scaled(1)))
    }

    /// Switches the reserves off for good.
    private func finalise(_ step: Int) throws {
        finalisedAt = step
        for case let reserve? in grafts.map(\.reserve) { try reserve.e.load(reserve.e.value.zerosLike()) }
    }
}

// MARK: State

extension IncreLoRAGrowth {
    func state() throws -> LifecycleState? {
        LifecycleState(
            values: [
                "importance": .array(importance.map(JSON.double)), "uncertainty": .array(uncertainty.map(JSON.double)),
                "scores": .array(scores.map(JSON.double)),
                "pieces": .array(grafts.map { .int(Int64($0.pieces.count)) }),
                "in_use": .array(grafts.map { .int(Int64($0.piecesInUse)) }),
                "finalised_at": finalisedAt.map { .int(Int64($0)) } ?? .null,
            ])
    }

    func restore(_ state: LifecycleState) throws {
        let values = JSON.Node(state.values)
        func numbers(_ key: String) throws -> [Double] {
            let numbers = try values.field(key).elements().map { try $0.double() }
            guard numbers.count == grafts.count else {
                throw OptimizationError.state(
                    "the checkpoint has \(key) of \(numbers.count) modules of \(grafts.count)")
            }
            return numbers
        }
        (importance, uncertainty) = (try numbers("importance"), try numbers("uncertainty"))
        scores = try numbers("scores")
        let (pieces, inUse) = (try numbers("pieces"), try numbers("in_use"))
        for (index, graft) in grafts.enumerated() {
            try graft.restore(pieces: Int(pieces[index]), inUse: Int(inUse[index]))
        }
        finalisedAt = try values.optional("finalised_at")?.int()
    }
}
