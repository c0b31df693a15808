import Backbones
import Methods

extension LoadedAdapter {
    /// Refuses an adapter that weights cannot take up whole.
    ///
    /// - Throws: `AdapterError.merge`.
    func requireMergeable(into loaded: LoadedModel) throws {
        let card = type(of: method).card
        guard card.mergeContract != .never else {
            throw AdapterError.merge(
                "an adapter of \(card.name) cannot become part of the weights: use it as it is, with --adapter")
        }
        let weights = grafts.projections.count + grafts.norms.count
        guard grafts.grafts.count == weights else {
            throw AdapterError.merge(
                "the adapter acts at \(grafts.grafts.count - weights) places beside the weights, which cannot take it up: "
                    + "use it as it is, with --adapter")
        }
        let missing = loaded.newParameters.filter { grafts.parameters[$0] == nil }
        guard let name = missing.first else { return }
        throw AdapterError.merge(
            "neither the checkpoint nor the adapter has \(quoted(name)): the merged model would have a random head")
    }
}
