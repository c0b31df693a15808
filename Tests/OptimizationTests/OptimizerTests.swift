import Foundation
import Networks
import Optimization
import Testing
import Torch

/// The engine's fused kernels on the flat buffer against the papers' equations in plain Swift.
@Suite struct OptimizerTests {
    /// One tensor in plain numbers.
    private struct Reference {
        var values: [Double]
        var decays: Bool
        var mean: [Double]
        var square: [Double]

        init(_ values: [Float], decays: Bool) {
            self.values = values.map(Double.init)
            self.decays = decays
            mean = values.map { _ in 0 }
            square = mean
        }
    }

    private let shapes: [(name: String, shape: [Int], decays: Bool)] = [
        ("a.weight", [2, 3], true), ("a.bias", [3], false), ("b.weight", [3, 2], true), ("norm", [2], false),
        ("b.lora_B.bias", [1, 2], false),
    ]

    private func gradient(_ name: String, step: Int, count: Int) throws -> [Float] {
        try Tensor.normal([count], key: RandomKey(seed: 9).derived(name).derived(step)).array()
    }

    /// Takes three steps with both, with a rate that changes, and compares all values after each.
    private func compare(
        _ optimizer: any Optimizer, _ update: (inout Reference, [Double], Double, Int) -> Void
    ) throws {
        var references: [Reference] = []
        var variables: [Variable] = []
        for (name, shape, decays) in shapes {
            let start = try Tensor.normal(shape, key: RandomKey(seed: 3).derived(name))
            references.append(Reference(try start.array(), decays: decays))
            variables.append(try Variable(name, start))
        }
        let trainables = try Trainables([ParameterGroup("all", variables)], optimizer: optimizer)
        for step in 1...3 {
            let rate = 0.1 / Double(step)
            try trainables.clearGradients()
            for (index, variable) in variables.enumerated() {
                let count = references[index].values.count
                let gradient = try gradient(variable.name, step: step, count: count)
                // A loss whose gradient is exactly that.
                try (variable.value * Tensor(gradient, shape: variable.value.shape)).sum().backward()
                update(&references[index], gradient.map(Double.init), rate, step)
            }
            try trainables.step(learningRate: rate)
            for (reference, variable) in zip(references, variables) {
                let found: [Float] = try variable.value.detach().array()
                for (a, b) in zip(found, reference.values) {
                    #expect(abs(Double(a) - b) < 2e-6, "\(variable.name) at step \(step)")
                }
            }
        }
    }

    @Test(arguments: [0, 0.1])
    func adamWIsTheAlgorithmOfThePaper(weightDecay: Double) throws {
        let adamW = AdamW(beta1: 0.8, beta2: 0.95, epsilon: 1e-3, weightDecay: weightDecay)
        try compare(adamW) { reference, gradient, rate, step in
            let decay = reference.decays ? weightDecay : 0
            for i in gradient.indices {
                reference.mean[i] = 0.8 * reference.mean[i] + 0.2 * gradient[i]
                reference.square[i] = 0.95 * reference.square[i] + 0.05 * gradient[i] * gradient[i]
                let mean = reference.mean[i] / (1 - pow(0.8, Double(step)))
                let square = reference.square[i] / (1 - pow(0.95, Double(step)))
                reference.values[i] -= rate * decay * reference.values[i]
                reference.values[i] -= rate * mean / (square.squareRoot() + 1e-3)
            }
        }
    }

    @Test(arguments: [0, 0.9])
    func sgdAddsMomentumAndDecay(momentum: Double) throws {
        try compare(SGD(momentum: momentum, weightDecay: 0.2)) { reference, gradient, rate, step in
            for i in gradient.indices {
                let slope = gradient[i] + (reference.decays ? 0.2 : 0) * reference.values[i]
                reference.mean[i] = step == 1 ? slope : momentum * reference.mean[i] + slope
                reference.values[i] -= rate * (momentum == 0 ? slope : reference.mean[i])
            }
        }
    }

    @Test func theBufferKeepsValuesShapesAndOrder() throws {
        let variables = try shapes.map {
            try Variable($0.name, .normal($0.shape, key: RandomKey(seed: 1).derived($0.name)))
        }
        let before: [[Float]] = try variables.map { try $0.value.detach().array() }
        let trainables = try Trainables([ParameterGroup("all", variables)], optimizer: AdamW())
        #expect(trainables.count == 6 + 3 + 6 + 2 + 2)
        let values = try #require(try trainables.group("all").values)
        #expect(try values.array() == before.flatMap { $0 })
        for (variable, (_, shape, _)) in zip(variables, shapes) {
            #expect(try variable.value.shape == shape)
            #expect(try variable.value.requiresGrad)
        }
    }
}
