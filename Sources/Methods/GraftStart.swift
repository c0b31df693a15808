import Networks
import Torch

/// What a method makes its grafts from, besides the model.
public struct GraftStart {
    /// Root of the method's random draws.
    public let key: RandomKey
    /// Training examples to look at before the start; nil where there are none, as when an adapter is read.
    public let calibration: (any CalibrationSource)?
    /// The tensors of an adapter that is being read, by variable name: what the data or the training decided comes from
    /// here instead of being computed again. nil for a fresh adapter.
    public let stored: (any StoredTensors)?
    /// How the options spell the network's paths, which the files of older programs call otherwise.
    public let names: (String) -> String
    /// Whether every name and pattern of the options must match something; files of adapters name modules that other
    /// models have.
    public let isStrict: Bool

    /// The start of a fresh adapter, or of one that is read where `stored` is given.
    public init(
        key: RandomKey, calibration: (any CalibrationSource)? = nil, stored: (any StoredTensors)? = nil,
        names: @escaping (String) -> String = { $0 }, isStrict: Bool = true
    ) {
        self.key = key
        self.calibration = calibration
        self.stored = stored
        self.names = names
        self.isStrict = isStrict
    }

    /// Holds a size that the options name against the adapter that is being read, before anything of that size is made;
    /// nothing for a fresh adapter.
    public func requireStored(_ size: Int, of name: String, dimension: Int = 0) throws {
        try stored?.require(size, of: name, dimension: dimension)
    }

    /// The training examples, which `method` cannot start without.
    ///
    /// - Throws: `MethodError.needsCalibration`.
    public func requiredCalibration(_ method: String) throws -> any CalibrationSource {
        guard let calibration else { throw MethodError.needsCalibration(method: method) }
        return calibration
    }
}

/// The tensors of an adapter's file by the names of its variables.
public protocol StoredTensors {
    /// The names in the file.
    var names: [String] { get }
    /// The tensor of a name, nil where the file has none.
    func tensor(_ name: String) throws -> Tensor?
    /// Throws where the file has no tensor of this name, or one of another size in this dimension.
    func require(_ size: Int, of name: String, dimension: Int) throws
}

extension StoredTensors {
    /// Reads the tensor to see its size.
    public func require(_ size: Int, of name: String, dimension: Int) throws {
        guard let shape = try tensor(name)?.shape else { throw MethodError.stored("\(name) is not in the file") }
        guard shape.indices.contains(dimension), shape[dimension] == size else {
            throw MethodError.stored("\(name) has shape \(shape) in the file, where the options say \(size)")
        }
    }
}

/// Training examples that a method may look at before it starts. The model is as the checkpoint left it, without the
/// adapter to be made.
public protocol CalibrationSource {
    /// Runs evaluation-mode forwards over single training examples, without padding.
    ///
    /// - Parameters:
    ///   - projections: the sites to watch.
    ///   - samples: how many examples, from the start of the training order.
    ///   - visit: called for each example and site in forward order with what goes into the site, [1, length, in].
    func observeInputs(
        of projections: [Projection], samples: Int, _ visit: (_ sample: Int, Projection, Tensor) throws -> Void) throws

    /// Runs training-mode forwards and backwards over batches of training examples.
    ///
    /// - Parameters:
    ///   - projections: the sites whose weights' gradients are wanted, in the layout of the weight.
    ///   - samples: how many examples, from the start of the training order.
    ///   - batchSize: examples of a batch; the loss is the batch's mean divided by its size.
    ///   - visit: called for each batch and site.
    func weightGradients(
        of projections: [Projection], samples: Int, batchSize: Int,
        _ visit: (_ batch: Int, Projection, Tensor) throws -> Void) throws

    /// The classes of the examples that `observeInputs` begins with, from the start of the training order; empty where
    /// the task has no classes.
    func classes(samples: Int) throws -> [Int]

    /// Number of training examples.
    var exampleCount: Int { get }
    /// Epochs of the training to come.
    var epochs: Double { get }
    /// Its learning rate.
    var learningRate: Double { get }
    /// Its share of steps that warm up.
    var warmupRatio: Double { get }
}

extension CalibrationSource {
    /// None.
    public func classes(samples: Int) throws -> [Int] { [] }
}
