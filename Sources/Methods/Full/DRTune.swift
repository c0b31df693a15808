import JSON
import Networks
import Optimization
import Torch

/// Fine-tuning of the whole model whose classifier must also classify what the untouched model sees. Features of both are
/// kept in queues; those of the untouched model are first rotated as a whole, and shifted class by class, to where the
/// trained model's features are now.
///
///     P = unit(pre_queue), Q = unit(down_queue), f the batch's features, s = mean ‖f_i‖
///     every rotation_every-th batch of an epoch:  P ← R (P − p̄),  R = V Uᵀ of the SVD of (P − p̄)ᵀ(Q − q̄), det R = 1
///     per class c with queue rows I:              P_I ← P_I + Σ_I softmax_I(Q · unit(W_c)) Q − mean_I P
///     P ← s · unit(P)
///     loss = mean cross entropy of head([f; P]) against [labels; label_queue]
///
/// Then the batch's f, its features without the adapter, and its labels enter the queues [queue_size, D]. Nothing of the
/// calibration is differentiated: the encoder learns from the batch's rows alone, the head W [C, D] from all. The queues
/// are filled before the first step from the untouched model, with the rows that the training begins with. Features are
/// what goes into the last linear layer. With `queue_size: 0` it is plain fine-tuning.
///
/// All parameters are stored whole and merge exactly. The released settings: SGD, momentum 0.9, decay 1e-4, a rate of 0.01
/// and 33 times as much for the head, 100 epochs; there queues are 2048 long and the rate falls once an epoch.
///
/// Source: Zhou et al. 2023 (arXiv:2308.12058), section 3, and the released code: it counts rotations within the epoch and
/// centres the rotated features at the origin. A class with one row is a set of one, and pushing wraps, where that fails.
public struct DRTune: SavesModules, Equatable {
    /// Rows of each queue, K.
    public var queueSize = 2048
    /// Batches between two rotations.
    public var rotationEvery = 10
    /// How many times the run's learning rate the head has.
    public var headRateFactor = 33.0
    /// Modules that are trained and stored whole: all are.
    public var modulesToSave: [String] = []

    /// The released configuration.
    public init() {}

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "dr-tune", summary: "Full fine-tuning whose head also classifies the pretrained model's features.",
        family: "full", sites: "whole parameters, loss", paper: "Zhou et al. 2023, arXiv:2308.12058",
        initContract: .equalsBase, mergeContract: .exact)

    /// Its options.
    public static let options: [MethodOption<DRTune>] = [
        .init("queue_size", \.queueSize),
        .init("rotation_every", \.rotationEvery),
        .init("head_rate_factor", \.headRateFactor),
        .modulesToSave,
    ]

    /// Refuses numbers that cannot be.
    public func validate() throws {
        guard (0...(1 << 24)).contains(queueSize) else {
            throw MethodError.option("queue_size: must be from 0 to \(1 << 24), found \(queueSize)")
        }
        guard rotationEvery > 0 else {
            throw MethodError.option("rotation_every: must be at least 1, found \(rotationEvery)")
        }
        guard headRateFactor >= 0, headRateFactor.isFinite else {
            throw MethodError.option("head_rate_factor: must not be negative, found \(headRateFactor)")
        }
    }

    /// Copies of all parameters, and the queues.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        let head = try head(of: model)
        var set = GraftSet()
        for parameter in model.parameters.values where try parameter.base.dtype.isFloatingPoint {
            try set.add(copyOf: parameter)
        }
        if queueSize > 0, start.stored == nil {
            let queues = try FeatureQueues(size: queueSize, width: head.inputSize)
            if let calibration = start.calibration { try fill(queues, calibration, head) }
            set.shared = queues.variables
        }
        return set
    }

    /// The linear layer that gives the scores.
    private func head(of model: Model) throws -> Projection {
        let heads = model.projections.values.filter { $0.isLinear && $0.isOutputHead }
        guard let head = heads.last, !(model.network is any CausalLanguageNetwork) else {
            throw MethodError.option("dr-tune: needs a model that classifies by a linear layer")
        }
        return head
    }

    /// Fills the queues from the untouched model; where there are fewer examples than rows, they repeat.
    private func fill(_ queues: FeatureQueues, _ calibration: any CalibrationSource, _ head: Projection) throws {
        var features: [Tensor] = []
        try calibration.observeInputs(of: [head], samples: queueSize) { _, _, x in
            features.append(try x.reshape([-1, head.inputSize]).detach().clone())
        }
        let classes = try calibration.classes(samples: queueSize)
        guard !features.isEmpty, features.count == classes.count, try features.allSatisfy({ try $0.size(0) == 1 })
        else {
            throw MethodError.option(
                "dr-tune: needs rows with one class each, and a head that reads one feature of each")
        }
        let places = (0..<queueSize).map { Int64($0 % features.count) }
        let rows = try Tensor.cat(features).indexSelect(0, Tensor(places))
        try queues.down.load(rows)
        try queues.pre.load(rows)
        try queues.labels.load(Tensor(places.map { Int64(classes[Int($0)]) }))
    }

    /// The loss, and the two rates.
    public func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        DistributionRegularization(self, FeatureQueues(grafts.shared), head: try head(of: model))
    }
}
