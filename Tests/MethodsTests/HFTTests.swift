import Networks
import Optimization
import TestModels
import Testing
import Torch

@testable import Methods

@Suite struct HFTTests {
    private static func members(of name: String) throws -> HalfMembers {
        HalfMembers(of: try TinyModels.make(name).model)
    }

    /// The frozen members of a category, block by block.
    private static func counts(_ category: HalfMembers.Category, _ frozen: Set<String>) -> [Int] {
        category.blocks.map { $0.filter { frozen.contains($0[0]) }.count }
    }

    @Test func ofEachCategoryHalfIsFrozenAndTheOddMatricesAreSharedAmongTheBlocks() throws {
        let members = try Self.members(of: "llama")
        for seed in 0..<8 {
            let frozen = try HFT().frozen(members, .drawn(RandomKey(seed: seed)))
            let counts = members.categories.map { Self.counts($0, frozen) }
            #expect(counts[0] == [2, 2])
            #expect(counts[1].sorted() == [1, 2])
            #expect(counts[2] == [1, 1])
        }
    }

    @Test func biasesFollowTheirMatrix() throws {
        let frozen = try HFT().frozen(Self.members(of: "bert"), .drawn(RandomKey(seed: 3)))
        for name in frozen where name.hasSuffix(".bias") {
            #expect(frozen.contains(String(name.dropLast("bias".count)) + "weight"))
        }
        #expect(frozen.contains { $0.hasSuffix(".bias") })
    }

    @Test(arguments: [HFT.Level.category, .layer, .model]) func drawsAreAFunctionOfTheirKey(_ level: HFT.Level) throws {
        var method = HFT()
        method.level = level
        let members = try Self.members(of: "llama")
        let draws = try (0..<12).map { try method.frozen(members, .drawn(RandomKey(seed: $0))) }
        #expect(try draws[5] == method.frozen(members, .drawn(RandomKey(seed: 5))))
        #expect(Set(draws).count > 1)
        #expect(draws.allSatisfy { !$0.isEmpty })
    }

    @Test func aRoundTrainsExactlyWhatIsNotFrozen() throws {
        let loaded = try TinyModels.make("llama")
        var method = HFT()
        method.stepsPerRound = 2
        let set = try method.grafts(for: loaded.model, key: RandomKey(seed: 1))
        let members = HalfMembers(of: loaded.model)
        let training = HalfTraining(method, members)
        let trainables = try Trainables(training.groups(of: set.variables), optimizer: AdamW(weightDecay: 0.1))
        for step in 0..<2 {
            let moment = StepMoment(
                step: step, totalSteps: 2, epoch: 0, key: RandomKey(seed: 7), learningRate: 0.1,
                trainables: trainables, model: loaded.model)
            try training.stepWillBegin(moment)
            try trainables.clearGradients()
            for group in trainables.groups where group.isActive {
                for variable in group.variables {
                    try trainables.setGradient(of: variable, to: Tensor.ones(variable.value.shape))
                }
            }
            try trainables.step(learningRate: 0.1, at: step)
        }
        let frozen = try method.frozen(members, .drawn(RandomKey(seed: 7).derived("hft")))
        for variable in set.variables {
            let base = try #require(loaded.model.parameters[variable.name]).base
            #expect(try variable.value.isEqual(to: base) == frozen.contains(variable.name), "\(variable.name)")
            // A frozen matrix has neither a copy nor moments.
            #expect(try trainables.moments(of: variable).isEmpty == frozen.contains(variable.name))
        }
    }

    @Test func halfResetTakesTheFrozenHalfFromTheBase() throws {
        let loaded = try TinyModels.make("llama")
        let tuned = try HFT().grafts(for: loaded.model, key: RandomKey(seed: 1))
        for variable in tuned.variables { try variable.replace(with: variable.value + 1) }
        let key = RandomKey(seed: 4)
        let reset = try HFT().halfReset(tuned, on: loaded.model, key: key)
        let frozen = try HFT().frozen(HalfMembers(of: loaded.model), .drawn(key))
        try loaded.model.add(reset, named: "reset")
        for (name, parameter) in loaded.model.parameters {
            #expect(try parameter.value.isEqual(to: parameter.base) == frozen.contains(name))
        }
    }

    @Test func wrongOptionsAreRefusedByName() throws {
        #expect { try method(["freeze_ratio": 1.5], as: HFT.self) } throws: { "\($0)".contains("freeze_ratio") }
        #expect { try method(["steps_per_round": 0], as: HFT.self) } throws: { "\($0)".contains("steps_per_round") }
        #expect { try method(["level": "half"], as: HFT.self) } throws: { "\($0)".contains("level") }
    }
}
