import Datasets
import Networks
import Torch

/// An objective whose loss can be had for several adapters from one forward.
protocol SharedObjective: Objective {
    /// What `lossSum` gives for each of the adapters that are side by side on the model; nil where the batch has no labels.
    /// - Parameter context: with a lane for each of them.
    func lossSums(_ model: Model, _ batch: Batch, _ context: ForwardContext, on device: Device) throws -> [Tensor]?
}

extension ClassificationObjective: SharedObjective {
    func lossSums(_ model: Model, _ batch: Batch, _ context: ForwardContext, on device: Device) throws -> [Tensor]? {
        guard case .classes(let labels) = batch.targets else { return nil }
        guard let logits = try model(batch.modelInput(on: device).repeated(context.lanes), context).logits else {
            throw NetworkError.unsupported("this network has no head for classification")
        }
        let targets = try Tensor(labels).to(device)
        return try (0..<context.lanes).map {
            try logits.narrow(0, $0 * labels.count, labels.count).crossEntropySum(targets)
        }
    }
}

extension CausalLMObjective: SharedObjective {
    func lossSums(_ model: Model, _ batch: Batch, _ context: ForwardContext, on device: Device) throws -> [Tensor]? {
        guard case .tokens(let labels) = batch.targets else { return nil }
        guard let network = model.network as? any CausalLanguageNetwork else {
            throw NetworkError.unsupported(
                "this network does not predict the next token: task causal-lm needs one that does")
        }
        let (places, targets) = CausalLMObjective.labelled(labels, columns: batch.columns)
        guard !places.isEmpty else { return nil }
        var input = try batch.modelInput(on: device)
        if context.lanes > 1 { input = try input.repeated(context.lanes) }
        input.wantedPlaces = places
        let hidden = try network.hiddenStates(input, context)
        let labelled = try Tensor(targets).to(device)
        return try (0..<context.lanes).map {
            try network.lossSum(hidden.select(0, $0), labels: labelled, context)
        }
    }
}
