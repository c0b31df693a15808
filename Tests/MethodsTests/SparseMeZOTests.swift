import Golden
import Networks
import Optimization
import Testing
import Torch

@testable import Methods

@Suite struct SparseMeZOTests {
    /// A training of one linear layer [3, 4] on a batch of 5.
    private struct Course {
        let model: Model
        let set: GraftSet
        let training: ZerothOrderTraining
        let trainables: Trainables
        let rate: Double

        init(
            sparsity: Double, rate: Double = 0.1, mask: SparseMeZO.Mask = .dynamic,
            storage: SparseMeZO.Storage = .weights
        ) throws {
            var method = SparseMeZO()
            (method.sparsity, method.mask, method.storage) = (sparsity, mask, storage)
            model = try SingleProjection.model(
                weight: .normal([3, 4], key: RandomKey(seed: 1)), bias: .normal([3], key: RandomKey(seed: 2)))
            set = try method.grafts(for: model, key: RandomKey(seed: 0))
            try model.add(set, named: "default")
            var plan = TrainingPlan(schedule: LearningRateSchedule(peak: rate, totalSteps: 9), stepsPerEpoch: 3)
            plan.optimizer.weightDecay = 0.01
            let lifecycle = try method.lifecycle(of: set, on: model, plan)
            training = try #require(lifecycle as? ZerothOrderTraining)
            let model = model
            let trained = set.variables.filter { $0.role == .trainable }
            trainables = try Trainables(training.groups(of: trained), optimizer: AdamW()) { try model.refresh() }
            self.rate = rate
        }

        func moment(_ step: Int) -> StepMoment {
            StepMoment(
                step: step, totalSteps: 9, epoch: 0, key: RandomKey(seed: 5).derived(step), learningRate: rate,
                trainables: trainables, model: model)
        }

        func step(_ index: Int) throws {
            let x = try Tensor.normal([5, 4], key: RandomKey(seed: 8))
            let work = ReplayedStep(
                input: ModelInput(pixelValues: x), labels: try Tensor([0, 1, 2, 0, 1]).to(.int64), moment(index))
            _ = try training.step(work)
        }

        func values() throws -> [[Float]] { try set.parameters.values.map { try $0.value.detach().array() } }
    }

    /// The tensors of a file.
    private struct Stored: StoredTensors {
        var tensors: [String: Tensor]
        var names: [String] { Array(tensors.keys) }
        func tensor(_ name: String) throws -> Tensor? { tensors[name] }
    }

    @Test(arguments: [SparseMeZO.Mask.dynamic, .constant, .random])
    func weightsOutsideTheMaskStayBitForBit(_ mask: SparseMeZO.Mask) throws {
        let course = try Course(sparsity: 0.5, mask: mask)
        let before = try course.values()
        let masks: [[Float]] = try course.set.variables.map {
            try #require(try course.training.mask(of: $0, course.moment(0))).array()
        }
        try course.step(0)
        let after = try course.values()
        for (index, chosen) in masks.enumerated() {
            for (place, isChosen) in chosen.enumerated() {
                #expect((before[index][place] == after[index][place]) == (isChosen == 0))
            }
        }
        if mask != .random { #expect(masks[0].reduce(0, +) == 6 && masks[1].reduce(0, +) == 2) }
    }

    @Test func smallWeightsAreTheOnesThatMove() throws {
        let course = try Course(sparsity: 0.75)
        let weight = try #require(course.set.variables.first)
        let magnitudes: [Float] = try weight.value.detach().abs().array()
        let chosen: [Float] = try #require(try course.training.mask(of: weight, course.moment(0))).array()
        let moved = zip(magnitudes, chosen).filter { $1 == 1 }.map(\.0)
        #expect(moved.sorted() == Array(magnitudes.sorted().prefix(3)))
    }

    @Test func aRunIsReplayedFromItsKeysAlone() throws {
        let (first, second) = (try Course(sparsity: 0.5), try Course(sparsity: 0.5))
        for step in 0..<3 { try first.step(step) }
        for step in 0..<3 { try second.step(step) }
        #expect(try first.values() == second.values())
        #expect(first.trainables.groups.allSatisfy { $0.gradients == nil })
    }

    @Test(arguments: [SparseMeZO.Mask.dynamic, .constant, .random])
    func seedsAndProjectedGradientsGiveTheWeightsAgainBitForBit(_ mask: SparseMeZO.Mask) throws {
        let course = try Course(sparsity: 0.5, mask: mask, storage: .log)
        for step in 0..<4 { try course.step(step) }
        let plain = try Course(sparsity: 0.5, mask: mask)
        for step in 0..<4 { try plain.step(step) }
        #expect(try course.values() == plain.values())
        let log = Dictionary(uniqueKeysWithValues: course.set.shared.map { ($0.name, $0.value) })
        #expect(try log.values.reduce(0) { try $0 + $1.count * $1.dtype.size } == 4 * 32)
        #expect(course.set.parameters.values.allSatisfy { $0.packing?.parts(of: [3, 4]).isEmpty == true })

        var method = SparseMeZO()
        (method.sparsity, method.mask, method.storage) = (0.5, mask, .log)
        let base = try Course(sparsity: 0.5).model
        let read = try method.grafts(
            for: base, GraftStart(key: RandomKey(seed: 77), stored: Stored(tensors: log)))
        let values: [[Float]] = try read.parameters.values.map { try $0.value.detach().array() }
        #expect(try values == course.values())
        #expect(try base.parameters.values.allSatisfy { try $0.base.isEqual(to: $0.value) })
    }

    @Test func aLogThatIsNotWholeIsRefused() throws {
        let model = try Course(sparsity: 0.5).model
        var method = SparseMeZO()
        method.storage = .log
        let whole: [String: Tensor] = [
            "zeroth_order.seeds": try .zeros([2], dtype: .int64),
            "zeroth_order.steps": try .zeros([2, 3], dtype: .float64),
        ]
        let broken: [(String, Tensor?)] = [
            ("zeroth_order.seeds", nil), ("zeroth_order.seeds", try .zeros([3], dtype: .int64)),
            ("zeroth_order.seeds", try .zeros([2])), ("zeroth_order.steps", try .zeros([2, 2], dtype: .float64)),
            ("zeroth_order.steps", try .full([2, 3], .nan, dtype: .float64)),
        ]
        for (name, tensor) in broken {
            var tensors = whole
            tensors[name] = tensor
            #expect(throws: MethodError.self) {
                try method.grafts(for: model, GraftStart(key: RandomKey(seed: 0), stored: Stored(tensors: tensors)))
            }
        }
    }

    @Test func aWeightIsCopiedOnceAndOnlyForTheTraining() throws {
        let model = try SingleProjection.model(weight: .normal([3, 4], key: RandomKey(seed: 1)), bias: nil)
        let set = try SparseMeZO().grafts(for: model, key: RandomKey(seed: 0))
        let (variable, base) = (
            try #require(set.parameters.values.first), try #require(model.parameters.values.first).base
        )
        #expect(try variable.value.sharesMemory(with: base))
        _ = try Trainables([ParameterGroup("all", set.variables)], optimizer: AdamW())
        #expect(try !variable.value.sharesMemory(with: base) && variable.value.isEqual(to: base))
    }

    @Test func thePerturbationIsTakenBack() throws {
        let course = try Course(sparsity: 0, rate: 0)
        let before = try course.values().flatMap { $0 }
        try course.step(0)
        let after = try course.values().flatMap { $0 }
        #expect(zip(before, after).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    @Test(arguments: [DType.float32, .float64])
    func thresholdsAreOrderStatisticsTiesIncluded(_ dtype: DType) throws {
        let numbers = try Tensor.normal([999], key: RandomKey(seed: 4), dtype: dtype)
        let tensor = try Tensor.cat([numbers, numbers.narrow(0, 0, 300), Tensor.zeros([5], dtype: dtype)])
        let sorted: [Double] = try tensor.to(.float64).abs().sorted(0).values.array()
        let magnitudes = try Magnitudes(tensor)
        for rank in [1, 5, 6, 7, 300, 900, 1303, 1304] { #expect(try magnitudes.smallest(rank) == sorted[rank - 1]) }
    }

    @Test func thresholdsOfLargeTensorsAreTheSame() throws {
        let count = Magnitudes.sortable + 4321
        let numbers = try Tensor.normal([count], key: RandomKey(seed: 6))
        let ties = try Tensor.where(numbers.abs().lt(0.5), .full([1], 0.25), numbers)
        // A sample of every 16th element sees nothing of the rest.
        let place = try Tensor.arange(to: Double(count)).to(.float32)
        let uneven = try Tensor.where((place / 16 - (place / 16).floor()).eq(0), numbers * 100, numbers)
        for tensor in [numbers, ties, uneven] {
            let magnitudes = try Magnitudes(tensor)
            let sorted: [Float] = try tensor.abs().sorted(0).values.array()
            for rank in [1, count / 4, count / 2, count - 5000, count] {
                #expect(try magnitudes.smallest(rank) == Double(sorted[rank - 1]))
            }
        }
    }

    @Test func numbersThatCannotBeAreRefused() throws {
        for (option, value) in [("zo_eps", "0"), ("sparsity", "1"), ("sparsity", "-0.1")] {
            let error = #expect(throws: MethodError.self) {
                try MethodConfiguration(.init(.parse("{\"name\": \"sparse-mezo\", \"\(option)\": \(value)}")))
            }
            #expect(error.map { "\($0)".hasPrefix(option) } == true)
        }
    }
}
