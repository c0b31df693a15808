import Torch

/// What a forward needs besides tensors that flow: the mode, the random streams, and what is computed once per batch.
/// Nothing in a network is global; whatever a layer or a graft conditions on is read here.
public final class ForwardContext {
    /// Dropout and the like act only in training.
    public let isTraining: Bool
    /// The root of this step's random streams.
    public let key: RandomKey
    /// Keys and values of earlier positions, for generation.
    public let cache: KeyValueCache?
    /// True when only the scores are asked for: a network may then leave out last hidden states that no score comes from.
    public let scoresOnly: Bool
    /// True when blocks keep what goes into them and no more, and are run again in the backward.
    public let gradientCheckpointing: Bool
    /// How many adapters act side by side, each on a block of the rows of its own; 1 for all on all rows.
    public internal(set) var lanes = 1
    /// What `ofOneLane` has made.
    var laneContext: ForwardContext?
    /// Rows that grafts put before the tokens of the batch; outputs have them too.
    public internal(set) var insertedRows = 0
    /// What went into the first block of the body whose side network is running, [rows, length, size]; nil elsewhere.
    public internal(set) var bodyInput: Tensor?
    /// [rows] number of the task of each row, for grafts that route by it.
    public var taskIDs: Tensor?
    /// Called with what goes into each projection, for methods that look at activations.
    public var observer: ((Projection, Tensor) throws -> Void)?
    /// Which keys each query may see, shared by all layers of the batch.
    public internal(set) var masks = AttentionMasks()
    /// The same for attention to another sequence, whose padding is another.
    public internal(set) var crossMasks = AttentionMasks()

    /// The last that `shared` has made for each owner.
    var sharedTensors: [SharedTensor] = []

    /// A context for one forward.
    public init(
        isTraining: Bool = false, key: RandomKey = RandomKey(seed: 0), cache: KeyValueCache? = nil,
        scoresOnly: Bool = false, gradientCheckpointing: Bool = false, lanes: Int = 1
    ) {
        self.lanes = lanes
        self.gradientCheckpointing = gradientCheckpointing
        self.isTraining = isTraining
        self.key = key
        self.cache = cache
        self.scoresOnly = scoresOnly
    }

    /// Whether nothing that acts on this forward looks at whole rows in a layer: no cache of earlier tokens, no route by
    /// the row's task, no observer.
    var readsTokensApart: Bool { cache == nil && taskIDs == nil && observer == nil }

    /// Dropout in training, with a mask that is a function of the step and the place.
    public func dropout(_ x: Tensor, _ p: Double, at site: String) throws -> Tensor {
        guard isTraining, p > 0 else { return x }
        if lanes > 1 { return try laneDropout(x, p, at: site) }
        return try x.dropout(p, key: key.derived(site))
    }
}
