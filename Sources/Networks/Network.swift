import Torch

/// A backbone with the head of its task: what a family's file provides.
public protocol Network: AnyObject {
    /// What the family and the task give for a batch.
    func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput
}

/// What a forward gives.
public struct ModelOutput {
    /// Scores: [rows, classes] of a classifier, [rows, length, vocabulary] of a language model; nil without a head.
    public var logits: Tensor?
    /// [rows, length, hidden] after the last layer. Where the context asked for scores only, it may hold just the first
    /// positions, those that the scores come from.
    public var lastHiddenState: Tensor

    /// An output with the given parts.
    public init(logits: Tensor? = nil, lastHiddenState: Tensor) {
        self.logits = logits
        self.lastHiddenState = lastHiddenState
    }
}

/// A network whose head scores the words of a vocabulary.
public protocol VocabularyNetwork: Network {
    /// Scores of hidden states of any leading shape.
    func scores(_ hidden: Tensor, _ context: ForwardContext) throws -> Tensor
    /// Sum of the cross entropies of hidden states [count, hidden] against labels [count], none of them ignored.
    func lossSum(_ hidden: Tensor, labels: Tensor, _ context: ForwardContext) throws -> Tensor
}

/// A network that predicts the next token. Its two halves are apart, so that training makes scores of labelled positions
/// only, and generation of the last ones.
public protocol CausalLanguageNetwork: VocabularyNetwork {
    /// Number of layers that keep keys and values.
    var layerCount: Int { get }
    /// Positions the network was made for; nil when there is no limit.
    var positionLimit: Int? { get }
    /// [rows, length, hidden] after the last norm; [1, count, hidden], for each lane, where the input has `wantedPlaces`.
    func hiddenStates(_ input: ModelInput, _ context: ForwardContext) throws -> Tensor
}

extension CausalLanguageNetwork {
    /// Scores of every position.
    public func callAsFunction(_ input: ModelInput, _ context: ForwardContext) throws -> ModelOutput {
        let hidden = try hiddenStates(input, context)
        return ModelOutput(logits: try scores(hidden, context), lastHiddenState: hidden)
    }
}

extension VocabularyNetwork {
    /// The loss through a head, without holding all scores where nothing is grafted onto it.
    /// - Parameter shift: [vocabulary] what the network adds to the scores of a head without a bias.
    public func headLossSum(
        _ head: Projection, _ hidden: Tensor, labels: Tensor, softcap: Double? = nil, shift: Tensor? = nil,
        _ context: ForwardContext
    ) throws -> Tensor {
        guard case .linear = head.kind, head.grafts.isEmpty, head.lanes == nil else {
            return try scores(hidden, context).crossEntropySum(labels)
        }
        return try hidden.linearCrossEntropySum(
            weight: head.plainWeight, bias: shift ?? head.bias?.value, labels: labels, softcap: softcap)
    }
}
