import Networks
import Torch

/// The steps of a zeroth-order training, from which its weights are made again: seed and projected gradient, and what the
/// step was scaled with. 32 bytes a step, however large the model.
struct ZerothOrderLog {
    /// What one step did.
    struct Step: Equatable {
        /// Root of the step's draws.
        let key: RandomKey
        /// g, the slope along the direction.
        let projectedGradient: Double
        /// η at that step.
        let learningRate: Double
        /// λ.
        let weightDecay: Double
    }

    private static let (seedsName, numbersName) = ("zeroth_order.seeds", "zeroth_order.steps")
    /// Steps that a file may hold: more than anybody trains, and few enough to read.
    private static let maximumSteps = 1 << 24

    /// [steps] the keys' integers, int64.
    let seeds: Variable
    /// [steps, 3] projected gradient, learning rate and decay, fp64.
    let numbers: Variable

    /// A log without steps.
    init() throws {
        seeds = try Variable(ZerothOrderLog.seedsName, .zeros([0], dtype: .int64), role: .frozen)
        numbers = try Variable(ZerothOrderLog.numbersName, .zeros([0, 3], dtype: .float64), role: .frozen)
    }

    /// The log among an adapter's variables; nil where there is none.
    init?(among variables: [Variable]) {
        func named(_ name: String) -> Variable? { variables.first { $0.name == name } }
        guard let seeds = named(ZerothOrderLog.seedsName), let numbers = named(ZerothOrderLog.numbersName) else {
            return nil
        }
        (self.seeds, self.numbers) = (seeds, numbers)
    }

    /// The log of an adapter that is read.
    /// - Throws: `MethodError.stored` where it is not there or not whole.
    init(_ stored: any StoredTensors) throws {
        guard let seeds = try stored.tensor(ZerothOrderLog.seedsName),
            let numbers = try stored.tensor(ZerothOrderLog.numbersName)
        else {
            throw MethodError.stored("\(ZerothOrderLog.seedsName) or \(ZerothOrderLog.numbersName) is not in the file")
        }
        let (shape, count) = (try seeds.shape, try seeds.count)
        guard shape == [count], try numbers.shape == [count, 3], count <= ZerothOrderLog.maximumSteps,
            try seeds.dtype == .int64, try numbers.dtype == .float64
        else {
            throw MethodError.stored(
                "\(ZerothOrderLog.seedsName) and \(ZerothOrderLog.numbersName) have shapes \(shape) and "
                    + "\(try numbers.shape), expected int64 [steps] and fp64 [steps, 3]")
        }
        guard try count == 0 || numbers.isAllFinite() else {
            throw MethodError.stored("\(ZerothOrderLog.numbersName) has numbers that are not finite")
        }
        self.seeds = try Variable(ZerothOrderLog.seedsName, seeds.clone(), role: .frozen)
        self.numbers = try Variable(ZerothOrderLog.numbersName, numbers.clone(), role: .frozen)
    }

    /// Adds a step.
    func append(_ step: Step) throws {
        let row = [step.projectedGradient, step.learningRate, step.weightDecay]
        try withoutGradients {
            try seeds.replace(with: .cat([seeds.value, Tensor([Int64(step.key.integer)]).to(seeds.value.device)]))
            try numbers.replace(
                with: .cat([numbers.value, Tensor(row, shape: [1, 3]).to(numbers.value.device)]))
        }
    }

    /// The steps in their order.
    var steps: [Step] {
        get throws {
            let keys = try seeds.value.array(of: Int64.self)
            let rows = try numbers.value.array(of: Double.self)
            return keys.enumerated().map { index, key in
                Step(
                    key: RandomKey(integer: Int(key)), projectedGradient: rows[index * 3],
                    learningRate: rows[index * 3 + 1], weightDecay: rows[index * 3 + 2])
            }
        }
    }
}

/// How a weight that the log makes again is held in a file: not at all.
final class ReplayedTensor: TensorPacking {
    /// The weight, once the log was replayed.
    var value: Tensor?

    func parts(of shape: [Int]) -> [(name: String, shape: [Int], dtype: DType)] { [] }

    func packed(_ tensor: Tensor) throws -> [Tensor] { [] }

    func unpacked(_ parts: [Tensor], shape: [Int]) throws -> Tensor {
        guard let value else { throw MethodError.stored("a weight was asked for before its steps were taken again") }
        return value
    }
}
