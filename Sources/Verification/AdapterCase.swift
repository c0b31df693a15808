import Adapters
import Backbones
import Foundation
import Golden
import Networks

/// Replays cases of adapters: a checkpoint folder, a peft folder, and the outputs without, with and after merging it.
enum AdapterCase {
    static func run(_ golden: GoldenCase) throws -> CaseResult {
        let loaded: LoadedModel
        do {
            loaded = try Backbones.load(golden.folder.appendingPathComponent("model"))
            try AdapterFolder.load(from: golden.folder.appendingPathComponent("adapter"), onto: loaded)
        } catch {
            guard let reason = missingFeature(error) else { throw error }
            return CaseResult(
                slug: golden.slug, name: golden.name, kind: golden.kind, status: .unsupported, maxError: .nan,
                detail: reason)
        }
        let model = loaded.model
        let input = try ModelInput(golden)
        var comparison = Comparison(golden)
        func produce(_ name: String) throws {
            guard golden.outputs.contains(name) else { return }
            let output = try model(input)
            let scores = output.logits ?? output.lastHiddenState
            let mask = try name == "out.logits" ? golden.maskWithPrompt() : golden.mask()
            comparison.produced(name, try scores.zeroed(where: mask))
        }
        try model.withAdapters([]) { try produce("out.base_logits") }
        try produce("out.logits")
        if golden.outputs.contains("out.merged_logits") {
            try model.merge()
            try produce("out.merged_logits")
        }
        return try comparison.result()
    }

    /// Why a case cannot be run, where what it needs is not there yet.
    private static func missingFeature(_ error: any Error) -> String? {
        switch error {
        case NetworkError.unsupported(let text): text
        case let error as AdapterError:
            switch error {
            case .unsupportedType, .feature: error.description
            default: nil
            }
        default: nil
        }
    }
}
