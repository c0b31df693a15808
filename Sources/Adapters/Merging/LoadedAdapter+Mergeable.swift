import Backbones
import Methods

extension LoadedAdapter {
    /// Refuses an adapter that weights cannot take up whole.
    ///
    /// - Throws: `AdapterError.merge`.
    func requireMergeable(into loaded: LoadedModel) throws {
        for part in method.parts where type(of: part).card.mergeContract == .never {
            throw AdapterError.merge(
                "an adapter of \(type(of: part).card.name) cannot become part of the weights: use it as it is, with "
                    + "--adapter")
        }
        let sets = grafts.parts.isEmpty ? [grafts] : grafts.parts
        let beside = sets.reduce(0) { $0 + $1.grafts.count - $1.projections.count - $1.norms.count }
        guard beside == 0 else {
            throw AdapterError.merge(
                "the adapter acts at \(beside) places beside the weights, which cannot take it up: "
                    + "use it as it is, with --adapter")
        }
        let missing = loaded.newParameters.filter { grafts.parameters[$0] == nil }
        guard let name = missing.first else { return }
        throw AdapterError.merge(
            "neither the checkpoint nor the adapter has \(quoted(name)): the merged model would have a random head")
    }
}
