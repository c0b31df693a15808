import Adapters
import Backbones
import Foundation
import Methods
import Networks

/// A checkpoint with an adapter on it.
public struct AdaptedModel {
    /// The checkpoint's folder.
    public let folder: URL
    /// The network with the head that the adapter was made for.
    public let loaded: LoadedModel
    /// The adapter, where one was named.
    public let adapter: LoadedAdapter?

    /// Loads both.
    /// - Parameters:
    ///   - padTokenID: the tokenizer's pad token, where the configuration names none.
    ///   - allowsOtherBase: loads an adapter although it was made for other weights.
    ///   - taskID: the task of rows that bring no number, for adapters that route by it.
    /// - Throws: what loading the checkpoint and the adapter throws.
    public init(
        folder: URL, adapter: URL? = nil, options: NetworkBuilder.Options = .init(), padTokenID: Int? = nil,
        allowsOtherBase: Bool = false, taskID: Int? = nil
    ) throws {
        self.folder = folder
        guard let adapter else {
            guard taskID == nil else { throw TrainingError.option("task_id: only an adapter has tasks; name one") }
            loaded = try Backbones.load(folder, options: options, padTokenID: padTokenID)
            self.adapter = nil
            return
        }
        let head = try AdapterFolder.head(of: adapter, for: ModelConfig(folder: folder))
        loaded = try Backbones.load(folder, head: head, options: options, padTokenID: padTokenID)
        self.adapter = try AdapterFolder.load(
            from: adapter, onto: loaded, checkpoint: folder, allowsOtherBase: allowsOtherBase)
        if let taskID { try self.adapter?.grafts.choose(task: taskID) }
    }
}
