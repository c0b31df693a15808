import Foundation
import JSON
import Methods
import Networks
import Testing
import Torch

@Suite struct FourierFTTests {
    private func method(_ count: Int, seed: Int = 777, _ change: (inout FourierFT) -> Void = { _ in }) -> FourierFT {
        var method = FourierFT()
        method.nFrequency = count
        method.randomLocSeed = seed
        method.targetModules = .list(["layer"])
        change(&method)
        return method
    }

    /// ΔW as merging gives it.
    private func delta(_ method: FourierFT, _ model: Model, spectrum: [Float]? = nil) throws -> [[Double]] {
        let set = try method.grafts(for: model, key: RandomKey(seed: 1))
        let graft = try #require(set.projections["layer"] as? FourierFTGraft)
        if let spectrum { try graft.spectrum.load(Tensor(spectrum)) }
        let site = try #require(model.projections["layer"])
        let zero = try site.weight.base.zerosLike()
        let merged: [Double] = try graft.merged(weight: zero, bias: nil, at: site).weight.to(.float64).array()
        return stride(from: 0, to: merged.count, by: site.inputSize).map { Array(merged[$0..<$0 + site.inputSize]) }
    }

    /// The first entries of torch's `randperm(24)` after `manual_seed`.
    @Test(arguments: [(777, [23, 2, 19, 17, 1]), (5, [11, 8, 13, 6, 10])])
    func theChangeIsASumOfCosinesAtTorchsPositions(seed: Int, positions: [Int]) throws {
        let (rows, columns) = (6, 4)
        let model = try LinearPair.single(input: columns, output: rows)
        let spectrum: [Float] = [0.7, -1.2, 0.3, 2.0, -0.4]
        let found = try delta(method(5, seed: seed), model, spectrum: spectrum)
        for u in 0..<rows {
            for v in 0..<columns {
                let sum = zip(positions, spectrum).reduce(0.0) { sum, term in
                    let (p, q) = (term.0 / columns, term.0 % columns)
                    let turns = Double(p * u) / Double(rows) + Double(q * v) / Double(columns)
                    return sum + Double(term.1) * cos(2 * .pi * turns)
                }
                #expect(abs(found[u][v] - 150 / 24 * sum) < 1e-5)
            }
        }
    }

    /// Alone it joins the weight, beside another graft it does not: the outputs are the same, and so are the gradients.
    @Test func besideAnotherGraftItComputesWhatItDoesAlone() throws {
        func run(beside: Bool) throws -> (output: Tensor, gradient: Tensor) {
            let model = try LinearPair.single(input: 4, output: 6)
            let set = try method(9, seed: 5).grafts(for: model, key: RandomKey(seed: 0))
            try model.add(set, named: "default")
            if beside {
                // A fresh LoRA changes nothing.
                var lora = LoRA()
                lora.targetModules = .list(["layer"])
                try model.add(lora.grafts(for: model, key: RandomKey(seed: 1)), named: "other")
            }
            let output = try LinearPair.singleOutput(model)
            try (output * output).sum().backward()
            return (try output.detach(), try #require(try set.variables.first?.value.grad))
        }
        let (alone, together) = (try run(beside: false), try run(beside: true))
        #expect(try alone.output.difference(together.output) < 1e-4)
        let scale = try alone.gradient.abs().amax().item()
        #expect(try alone.gradient.difference(together.gradient) < 1e-5 * scale)
    }

    @Test func everyEntryMayTrainAndMergingComputesTheSame() throws {
        let model = try LinearPair.single(input: 4, output: 6)
        let base = try LinearPair.singleOutput(model)
        let set = try method(24, seed: 5).grafts(for: model, key: RandomKey(seed: 0))
        try model.add(set, named: "default")
        let adapted = try LinearPair.singleOutput(model)
        #expect(try adapted.difference(base) > 1)
        try (adapted * adapted).sum().backward()
        let gradient = try #require(try set.variables.first?.value.grad)
        #expect(try gradient.shape == [24] && gradient.isAllFinite())
        try model.merge()
        #expect(try LinearPair.singleOutput(model).difference(adapted) < 1e-4)
    }

    @Test func aZeroStartIsTheBase() throws {
        let model = try LinearPair.single(input: 4, output: 6)
        let base = try LinearPair.singleOutput(model)
        let zeros = method(8) { $0.initWeights = true }
        try model.add(zeros.grafts(for: model, key: RandomKey(seed: 0)), named: "default")
        #expect(try LinearPair.singleOutput(model).isEqual(to: base))
    }

    @Test func anotherShapeHasOtherPositions() throws {
        let ones: [Float] = [1]
        let small = try delta(method(1), LinearPair.single(input: 4, output: 6), spectrum: ones)
        let large = try delta(method(1), LinearPair.single(input: 5, output: 6), spectrum: ones)
        // Entry 23 of 24 is row 5, column 3; entry 5 of 30 is row 1, column 0: constant along the columns.
        #expect(abs(small[0][0] - small[0][1]) > 1)
        #expect(abs(large[0][0] - large[0][1]) < 1e-6)
    }

    @Test func numbersMayDifferByModuleAndMustFit() throws {
        let model = try LinearPair.model()
        var method = FourierFT()
        method.targetModules = .list(LinearPair.paths)
        method.nFrequency = 7
        method.nFrequencyPattern = ["second": 32]
        let set = try method.grafts(for: model, key: RandomKey(seed: 0))
        #expect(try set.variables.map { try $0.value.count } == [7, 32])
        method.nFrequencyPattern = ["second": 33]
        let tooMany = #expect(throws: MethodError.self) { try method.grafts(for: model, key: RandomKey(seed: 0)) }
        #expect(tooMany.map { "\($0)" } == "n_frequency: 33 is above the 32 entries of second's weight")
        method.nFrequencyPattern = ["third": 1]
        #expect(throws: MethodError.self) { try method.grafts(for: model, key: RandomKey(seed: 0)) }
    }
}
