import Golden
import Networks
import Torch

/// Two linear layers after each other with weights that never change: `first` 5 → 8 with a bias, `second` 8 → 4.
enum LinearPair {
    static let paths = ["first", "second"]

    static func model() throws -> Model {
        let key = RandomKey(seed: 21)
        return try ProjectionChain.model([
            .init(
                path: "first", weight: .normal([8, 5], key: key.derived(0)), bias: .normal([8], key: key.derived(1))),
            .init(path: "second", weight: .normal([4, 8], key: key.derived(2))),
        ])
    }

    static func input(rows: Int = 6) throws -> Tensor { try .normal([rows, 5], key: RandomKey(seed: 3)) }

    static func output(_ model: Model, rows: Int = 6) throws -> Tensor {
        try model(ModelInput(pixelValues: input(rows: rows))).lastHiddenState
    }

    /// One layer of another shape, without a bias.
    static func single(input: Int, output: Int) throws -> Model {
        try SingleProjection.model(weight: .normal([output, input], key: RandomKey(seed: 22)), bias: nil)
    }

    static func singleOutput(_ model: Model) throws -> Tensor {
        let size = model.projections[SingleProjection.path]?.inputSize ?? 1
        return try model(ModelInput(pixelValues: .normal([3, size], key: RandomKey(seed: 4)))).lastHiddenState
    }
}

extension GraftSet {
    /// Moves everything that trains, so that no part of the adapter does nothing.
    func perturb(by scale: Double = 0.5) throws {
        for variable in variables where variable.role == .trainable {
            let noise = try Tensor.normal(variable.value.shape, key: RandomKey(seed: 8).derived(variable.name))
            try variable.load(variable.value.detach() + noise * scale)
        }
    }
}

extension Tensor {
    /// The largest difference of two tensors.
    func difference(_ other: Tensor) throws -> Double { try (detach() - other.detach()).abs().amax().item() }
}
