import Foundation
import JSON
import Networks
import Optimization
import Torch

/// The reselection of SpIEL: it watches what else deserves a delta, and exchanges those that stayed small.
final class SpIELReselection: Lifecycle {
    /// Entries of one module whose gradients are added up.
    struct Candidates {
        /// Where they are in the matrix.
        var places: Tensor
        var sum: Tensor
        var squares: Tensor
        /// Micro-batches that were added.
        var samples: Int
    }

    private let method: SpIEL
    private let grafts: [SpIELGraft]
    private let plan: TrainingPlan
    /// True while candidates are watched.
    private var isWatching: Bool
    /// By the names of the modules' values.
    private var candidates: [String: Candidates] = [:]
    /// Deltas that the last reselection was to exchange, by the names of the modules' values.
    private(set) var requests: [String: Int] = [:]

    init(_ method: SpIEL, _ grafts: [SpIELGraft], _ plan: TrainingPlan) {
        self.method = method
        self.grafts = grafts
        self.plan = plan
        isWatching = method.selectionAlgorithm == .rigl
    }

    var optimizer: (any Optimizer)? {
        SpIELOptimizer(
            algorithm: method.selectionAlgorithm, epsilon: method.updateEpsilon, settings: plan.optimizer)
    }

    func groups(of variables: [Variable]) throws -> [ParameterGroup] {
        let own = Set(grafts.map { ObjectIdentifier($0.values) })
        let others = variables.filter { !own.contains(ObjectIdentifier($0)) }
        let deltas = try ParameterGroup(SpIELOptimizer.deltas, grafts.map(\.values))
        return [deltas] + (others.isEmpty ? [] : [try ParameterGroup("modules", others)])
    }

    func stepWillBegin(_ moment: StepMoment) throws {
        for graft in grafts {
            graft.probe.forget()
            graft.isMeasuring = isWatching
        }
    }

    func microBatchDidEnd(_ moment: StepMoment) throws {
        for graft in grafts where graft.isMeasuring {
            if let gradient = try graft.probe.take() { try watch(gradient.reshape([-1]), of: graft) }
        }
    }

    private func watch(_ gradient: Tensor, of graft: SpIELGraft) throws {
        try withoutGradients {
            let name = graft.values.name
            let known = candidates[name]
            let places = try known?.places ?? gradient.abs().largest(graft.values.value.count)
            let now = try gradient.indexSelect(0, places)
            candidates[name] = Candidates(
                places: places, sum: try known.map { try $0.sum + now } ?? now,
                squares: try known.map { try $0.squares + now * now } ?? now * now, samples: (known?.samples ?? 0) + 1)
        }
    }

    /// SM3: the accumulators take the gradients in, and scale them.
    func gradientsReady(_ moment: StepMoment) throws {
        try withoutGradients {
            for graft in grafts {
                guard let (row, column) = graft.accumulators,
                    let gradient = try moment.trainables.gradient(of: graft.values)
                else { continue }
                let places = try graft.places
                let (rows, columns) = try graft.coordinates(of: places)
                let bound = try row.value.indexSelect(0, rows).minimum(column.value.indexSelect(0, columns))
                let u = try bound + gradient * gradient
                // Each place is in the matrix once, so that its maxima are those of the rows' and columns' entries.
                let dense = try Tensor.zeros([graft.sizes.output * graft.sizes.input], device: u.device)
                    .scatter(0, places, u).reshape([graft.sizes.output, graft.sizes.input])
                try row.load(row.value.maximum(dense.amax([1])))
                try column.load(column.value.maximum(dense.amax([0])))
                let scaled = try gradient / (u + method.updateEpsilon).sqrt()
                try moment.trainables.setGradient(of: graft.values, to: scaled)
            }
        }
    }

    func stepDidEnd(_ moment: StepMoment) throws {
        let t = moment.step + 1
        requests = [:]
        if method.selectionAlgorithm == .rigl, (t + 1) % method.reselectionSteps == 0 { isWatching = true }
        guard t % method.reselectionSteps == method.selectionAccumulationSteps else { return }
        try withoutGradients {
            for graft in grafts {
                let count = Int(Double(try graft.values.value.count) * rate(t))
                requests[graft.values.name] = count
                switch method.selectionAlgorithm {
                case .rigl: try exchangeByGradient(graft, count, moment.trainables)
                case .sm3: try exchangeByMomenta(graft, count)
                }
            }
        }
        isWatching = false
        candidates = [:]
    }

    /// The share of deltas to exchange after step t.
    private func rate(_ t: Int) -> Double {
        let progress = Double(t) / Double(max(1, plan.totalSteps))
        switch method.reselectionRatePolicy {
        case .linear:
            return t == method.selectionAccumulationSteps ? 1 : max(0, method.initialReselectionRate * (1 - progress))
        case .cosine: return method.initialReselectionRate * (1 + cos(.pi * progress)) / 2
        }
    }
}

// MARK: Exchange

extension SpIELReselection {
    /// The slots of the smallest deltas, the smallest first.
    private func smallest(_ count: Int, of values: [Float]) -> [Int] {
        Array(values.indices.sorted { (abs(values[$0]), $0) < (abs(values[$1]), $1) }.prefix(count))
    }

    private func exchangeByGradient(_ graft: SpIELGraft, _ count: Int, _ trainables: Trainables) throws {
        guard count > 0, let watched = candidates[graft.values.name] else { return }
        var (values, indices) = (
            try graft.values.value.detach().array(of: Float.self), try graft.indices.value.array(of: Int64.self)
        )
        let outgoing = smallest(count, of: values)
        let leaving = Set(outgoing.map { indices[$0] })
        let active = Set(indices)
        let (places, sums) = (try watched.places.array(of: Int64.self), try watched.sum.array(of: Float.self))
        let eligible = places.indices.filter { leaving.contains(places[$0]) || !active.contains(places[$0]) }
        let incoming = eligible.sorted { (-abs(sums[$0]), places[$0]) < (-abs(sums[$1]), places[$1]) }.prefix(count)
        let coming = Set(incoming.map { places[$0] })
        let squares = try watched.squares.array(of: Float.self)
        let moments = try ["mean", "square", "updates"].map { try trainables.moment($0, of: graft.values) }
        var entries = try moments.map { try $0.array(of: Float.self) }
        let age = Double(watched.samples) / Double(max(1, plan.accumulation))
        let first = (1 - Foundation.pow(plan.optimizer.beta1, age)) / Double(watched.samples)
        let second = (1 - Foundation.pow(plan.optimizer.beta2, age)) / Double(watched.samples)
        for (slot, candidate) in zip(
            outgoing.filter { !coming.contains(indices[$0]) }, incoming.filter { !leaving.contains(places[$0]) })
        {
            (indices[slot], values[slot]) = (places[candidate], 0)
            entries[0][slot] = Float(Double(sums[candidate]) * first)
            entries[1][slot] = Float(Double(squares[candidate]) * second)
            entries[2][slot] = Float(age - 1)
        }
        try graft.values.load(Tensor(values))
        try graft.indices.load(Tensor(indices))
        for (moment, entry) in zip(moments, entries) { try moment.copyInPlace(Tensor(entry)) }
    }

    private func exchangeByMomenta(_ graft: SpIELGraft, _ count: Int) throws {
        guard let (row, column) = graft.accumulators else { return }
        var (values, indices) = (
            try graft.values.value.detach().array(of: Float.self), try graft.indices.value.array(of: Int64.self)
        )
        let free = graft.sizes.input * graft.sizes.output - indices.count
        let outgoing = smallest(min(count, free), of: values)
        guard !outgoing.isEmpty else { return }
        let products = try (row.value.unsqueeze(1) * column.value.unsqueeze(0)).reshape([-1])
        let taken = try graft.values.value.detach().zerosLike() - 1
        let incoming = try products.scatter(0, graft.places, taken).largest(outgoing.count).array(of: Int64.self)
        for (slot, place) in zip(outgoing, incoming) { (indices[slot], values[slot]) = (place, 0) }
        try graft.values.load(Tensor(values))
        try graft.indices.load(Tensor(indices))
    }
}

extension Tensor {
    /// Places of the largest elements of a vector, in ascending order; of equal ones the first are taken.
    fileprivate func largest(_ count: Int) throws -> Tensor {
        let least = try topK(count).values.amin()
        let above = try gt(least).nonzero().reshape([-1])
        let equal = try eq(least).nonzero().reshape([-1])
        return try .cat([above, equal.narrow(0, 0, count - above.count)]).sorted(0).values
    }
}

// MARK: State

extension SpIELReselection {
    func state() throws -> LifecycleState? {
        var state = LifecycleState()
        var samples = JSON.Object()
        for (name, watched) in candidates.sorted(by: { $0.key < $1.key }) {
            samples[name] = .int(Int64(watched.samples))
            state.tensors["places.\(name)"] = watched.places
            state.tensors["sum.\(name)"] = watched.sum
            state.tensors["squares.\(name)"] = watched.squares
        }
        state.values = ["is_watching": .bool(isWatching), "samples": .object(samples)]
        return state
    }

    func restore(_ state: LifecycleState) throws {
        let values = JSON.Node(state.values)
        isWatching = try values.field("is_watching").bool()
        candidates = [:]
        for (name, samples) in try values.field("samples").members() {
            candidates[name] = Candidates(
                places: try state.tensor("places.\(name)"), sum: try state.tensor("sum.\(name)"),
                squares: try state.tensor("squares.\(name)"), samples: try samples.int())
        }
    }
}
