import Backbones
import Foundation
import Networks
import Torch

/// A checkpoint with an adapter on it, as several commands take them.
enum AdaptedModel {
    static func load(model: String, adapter: String?, options: NetworkBuilder.Options = .init()) throws -> LoadedModel {
        let folder = URL(fileURLWithPath: model)
        return try Backbones.load(folder, options: options)
    }
}
