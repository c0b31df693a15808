import Networks
import Testing
import Torch

@testable import Optimization

/// Groups of trainable tensors that come, go, grow and change.
@Suite struct TrainablesTests {
    private func variable(_ name: String, _ shape: [Int] = [2, 3]) throws -> Variable {
        try Variable(name, .normal(shape, key: RandomKey(seed: 5).derived(name)))
    }

    private func numbers(_ variable: Variable) throws -> [Float] { try variable.value.detach().array() }

    /// Steps with gradients that are a function of step and name alone, for the groups that are active.
    private func step(_ trainables: Trainables, _ index: Int, rate: Double = 0.1) throws {
        try trainables.clearGradients()
        for group in trainables.groups where group.isActive {
            for variable in group.variables { try trainables.setGradient(of: variable, to: gradient(variable, index)) }
        }
        try trainables.step(learningRate: rate, at: index)
    }

    private func gradient(_ variable: Variable, _ index: Int) throws -> Tensor {
        try .normal(variable.value.shape, key: RandomKey(seed: 8).derived(variable.name).derived(index))
    }

    @Test func groupsTogetherTakeTheStepsOfOneGroup() throws {
        let one = try ["a", "b", "c"].map { try variable($0) }
        let three = try ["a", "b", "c"].map { try variable($0) }
        let together = try Trainables([ParameterGroup("all", one)], optimizer: AdamW(weightDecay: 0.1))
        let apart = try Trainables(
            three.map { try ParameterGroup($0.name, [$0]) }, optimizer: AdamW(weightDecay: 0.1))
        for index in 0..<4 {
            try step(together, index)
            try step(apart, index)
        }
        for (a, b) in zip(one, three) {
            for (x, y) in zip(try numbers(a), try numbers(b)) { #expect(abs(x - y) < 1e-6) }
        }
    }

    @Test func anInactiveGroupHasNoGradientAndNeitherDecaysNorAges() throws {
        let (on, off) = (try variable("on"), try variable("off"))
        let trainables = try Trainables(
            [ParameterGroup("on", [on]), ParameterGroup("off", [off])], optimizer: AdamW(weightDecay: 0.5))
        try step(trainables, 0)
        let group = try trainables.group("off")
        let before = try numbers(off)
        let moments: [Float] = try trainables.moment("mean", of: off).array()
        try trainables.setActive("off", false)
        try step(trainables, 1)
        #expect(try !off.value.requiresGrad)
        #expect(try off.value.grad == nil)
        #expect(try trainables.gradient(of: off) == nil)
        #expect(group.gradients == nil)
        #expect(try numbers(off) == before)
        #expect(try trainables.moment("mean", of: off).array() == moments)
        #expect(group.clock == 1)
        #expect(throws: OptimizationError.self) {
            try trainables.setGradient(of: off, to: Tensor.zeros([2, 3]))
        }

        // Kept, the state goes on where it was: as a run that only ever saw the steps 0 and 2.
        let reference = try variable("off")
        let plain = try Trainables([ParameterGroup("off", [reference])], optimizer: AdamW(weightDecay: 0.5))
        try step(plain, 0)
        try step(plain, 2)
        try trainables.setActive("off", true)
        try step(trainables, 2)
        #expect(try numbers(off) == numbers(reference))
        #expect(group.clock == 2)
    }

    @Test func aDroppedStateBeginsAnew() throws {
        let weight = try variable("w")
        let trainables = try Trainables([ParameterGroup("g", [weight])], optimizer: AdamW())
        try step(trainables, 0)
        try trainables.setActive("g", false, state: .drop)
        #expect(try trainables.moments(of: weight).isEmpty)
        try trainables.setActive("g", true)
        let fresh = try Variable("w", weight.value.detach().clone())
        let plain = try Trainables([ParameterGroup("g", [fresh])], optimizer: AdamW())
        try step(trainables, 1)
        try step(plain, 1)
        #expect(try numbers(weight) == numbers(fresh))
    }

    @Test func whatIsNeverActiveIsNeverCopied() throws {
        let base = try Tensor.normal([4, 4], key: RandomKey(seed: 1))
        let weight = try Variable("w", base)
        let tensor = weight.value
        let trainables = try Trainables([ParameterGroup("g", [weight], isActive: false)], optimizer: AdamW())
        #expect(weight.value.isSame(as: tensor))
        #expect(try !weight.value.requiresGrad)
        #expect(try trainables.group("g").values == nil)
        #expect((trainables.count, trainables.activeCount) == (16, 0))
        let before: [Float] = try base.array()
        try trainables.setActive("g", true)
        try step(trainables, 0)
        #expect(try numbers(weight) != before)
        #expect(try base.array() == before, "the base's own tensor must not change")
    }

    @Test func modelsAreToldWhenTensorsWereReplaced() throws {
        let weight = try variable("w")
        var calls = 0
        let trainables = try Trainables(
            [ParameterGroup("g", [weight], isActive: false)], optimizer: AdamW(), onReplaced: { calls += 1 })
        #expect(calls == 1)
        try trainables.setActive("g", true)
        #expect(calls == 2)
        try trainables.setActive("g", false)
        try trainables.setActive("g", true)
        #expect(calls == 2, "the buffer stays")
        try trainables.replace(weight, with: Tensor.zeros([3, 3]), moments: .extended)
        #expect(calls == 3)
    }

    @Test func aGroupThatComesWithinAStepWaitsForTheNext() throws {
        let (old, new) = (try variable("old"), try variable("new"))
        let trainables = try Trainables([ParameterGroup("old", [old])], optimizer: AdamW(weightDecay: 0.5))
        try trainables.clearGradients()
        try trainables.setGradient(of: old, to: gradient(old, 0))
        try trainables.add(ParameterGroup("new", [new]))
        let before = try numbers(new)
        try trainables.step(learningRate: 0.1)
        #expect(try numbers(new) == before)
        #expect(try trainables.group("new").clock == 0)
        try step(trainables, 1)
        #expect(try numbers(new) != before)
        #expect(try trainables.group("old").clock == 2)
    }

    @Test func aRemovedGroupStaysAsItIs() throws {
        let (a, b) = (try variable("a"), try variable("b"))
        let trainables = try Trainables([ParameterGroup("a", [a]), ParameterGroup("b", [b])], optimizer: AdamW())
        try step(trainables, 0)
        try trainables.remove("b")
        let before = try numbers(b)
        try step(trainables, 1)
        #expect(try numbers(b) == before)
        #expect(trainables.count == 6)
        #expect(throws: OptimizationError.self) { try trainables.remove("b") }
    }

    @Test func ownRatesAndClocks() throws {
        let schedule = LearningRateSchedule(shape: .linear, peak: 0.001, warmupSteps: 5, totalSteps: 30)
        let (a, b, c) = (try variable("a"), try variable("b"), try variable("c"))
        let trainables = try Trainables(
            [
                ParameterGroup("scaled", [a], rate: .scaled(3)), ParameterGroup("fixed", [b], rate: .fixed(7)),
                ParameterGroup("born", [c], rate: .ownClock(birth: 6)),
            ], optimizer: AdamW(), schedule: schedule)
        func rate(_ name: String, _ step: Int) throws -> Double {
            try trainables.rate(of: trainables.group(name), learningRate: schedule.rate(step: step), at: step)
        }
        #expect(try rate("scaled", 2) == 3 * schedule.rate(step: 2))
        #expect(try rate("fixed", 2) == 7)
        // Born after step 6: zero at step 7, then the warm-up of 5 steps, then a fall over the 23 steps that were left.
        #expect(try rate("born", 7) == 0)
        #expect(abs(try rate("born", 9) - 0.001 * 2 / 5) < 1e-15)
        #expect(abs(try rate("born", 20) - 0.001 * Double(23 - 13) / Double(23 - 5)) < 1e-15)
        #expect(try rate("born", 30) == 0)
    }

    @Test func anOwnClockNeedsASchedule() throws {
        let trainables = try Trainables(
            [ParameterGroup("g", [variable("w")], rate: .ownClock(birth: 0))], optimizer: AdamW())
        #expect(throws: OptimizationError.self) { try step(trainables, 0) }
    }

    @Test func theDecayOfAGroupIsThatOfAllItsTensors() throws {
        let vector = try variable("vector", [4])
        let exempt = try variable("exempt", [4])
        let trainables = try Trainables(
            [ParameterGroup("own", [vector], weightDecay: 0.5), ParameterGroup("plain", [exempt])],
            optimizer: SGD(weightDecay: 0.5))
        let (before, other) = (try numbers(vector), try numbers(exempt))
        try trainables.clearGradients()
        try trainables.step(learningRate: 0.1)
        for (a, b) in zip(try numbers(vector), before) { #expect(abs(a - b * 0.95) < 1e-6) }
        #expect(try numbers(exempt) == other)
    }

    @Test func clippingSeesAllActiveGroups() throws {
        let (a, b, c) = (try variable("a", [1]), try variable("b", [1]), try variable("c", [1]))
        let trainables = try Trainables(
            [ParameterGroup("a", [a]), ParameterGroup("b", [b]), ParameterGroup("c", [c])], optimizer: SGD())
        try trainables.setActive("c", false)
        try trainables.clearGradients()
        try trainables.setGradient(of: a, to: Tensor([Float(3)]))
        try trainables.setGradient(of: b, to: Tensor([Float(-4)]))
        #expect(abs(try trainables.clip(maxNorm: 0) - 5) < 1e-6)
        #expect(try trainables.gradient(of: a)?.item() == 3)
        #expect(abs(try trainables.clip(maxNorm: 1) - 5) < 1e-6)
        #expect(abs((try trainables.gradient(of: a)?.item() ?? 0) - 0.6) < 1e-5)
        #expect(abs((try trainables.gradient(of: b)?.item() ?? 0) + 0.8) < 1e-5)
        try trainables.setGradient(of: b, to: Tensor([Float.nan]))
        #expect(try !trainables.clip(maxNorm: 1).isFinite)
        #expect(try trainables.firstNotFinite() == "b")
    }

    @Test func theNormOfMillionsOfGradientsIsExact() throws {
        let count = 3_000_001
        let long = try variable("long", [count])
        let trainables = try Trainables([ParameterGroup("long", [long])], optimizer: SGD())
        try trainables.clearGradients()
        try trainables.setGradient(of: long, to: .normal([count], key: RandomKey(seed: 3)))
        let values: [Float] = try trainables.gradient(of: long)?.array() ?? []
        let exact = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        #expect(abs(try trainables.clip(maxNorm: 0) / exact - 1) < 1e-6)
    }

    @Test func backwardAddsToTheBuffer() throws {
        let weight = try variable("w")
        let trainables = try Trainables([ParameterGroup("g", [weight])], optimizer: AdamW())
        try trainables.clearGradients()
        for _ in 0..<2 { try (weight.value * 3).sum().backward() }
        #expect(try trainables.gradient(of: weight)?.array() == [Float](repeating: 6, count: 6))
    }

    @Test func groupsThatCannotBeAreRefused() throws {
        let (a, frozen) = (try variable("a"), try Variable("f", Tensor.zeros([1]), role: .frozen))
        #expect(throws: OptimizationError.self) { try ParameterGroup("g", [frozen]) }
        #expect(throws: OptimizationError.self) {
            try Trainables([ParameterGroup("x", [a]), ParameterGroup("y", [a])], optimizer: AdamW())
        }
        #expect(throws: OptimizationError.self) {
            try Trainables([ParameterGroup("x", [a]), ParameterGroup("x", [])], optimizer: AdamW())
        }
        let trainables = try Trainables([ParameterGroup("x", [a])], optimizer: AdamW())
        #expect(throws: OptimizationError.self) { try trainables.setActive("y", true) }
        #expect(throws: (any Error).self) { try trainables.setGradient(of: a, to: Tensor.zeros([3, 2])) }
    }
}
