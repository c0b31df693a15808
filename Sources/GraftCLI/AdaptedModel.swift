import Adapters
import Backbones
import Foundation
import Networks

/// A checkpoint with an adapter on it, as several commands take them.
struct AdaptedModel {
    let folder: URL
    let loaded: LoadedModel
    let adapter: LoadedAdapter?

    /// - Parameter allowsOtherBase: loads an adapter although it was made for other weights.
    init(model: String, adapter: String?, options: NetworkBuilder.Options = .init(), allowsOtherBase: Bool = false) throws {
        folder = URL(fileURLWithPath: model)
        guard let adapter = adapter.map({ URL(fileURLWithPath: $0) }) else {
            (loaded, self.adapter) = (try Backbones.load(folder, options: options), nil)
            return
        }
        let head = try AdapterFolder.head(of: adapter, for: ModelConfig(folder: folder))
        loaded = try Backbones.load(folder, head: head, options: options)
        self.adapter = try AdapterFolder.load(
            from: adapter, onto: loaded, checkpoint: folder, allowsOtherBase: allowsOtherBase)
    }
}
