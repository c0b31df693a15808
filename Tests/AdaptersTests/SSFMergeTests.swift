import Adapters
import Backbones
import Foundation
import Methods
import Networks
import TestModels
import Testing
import Torch

@Suite struct SSFMergeTests {
    private func adapter(for base: URL, to folder: URL) throws {
        let loaded = try Backbones.load(base)
        let set = try SSF().grafts(for: loaded.model, key: RandomKey(seed: 1))
        try set.perturbed(by: 0.1)
        try AdapterFolder.write(SSF(), set, of: loaded.model, to: folder, checkpoint: base)
    }

    @Test(arguments: ["bert", "gpt2", "vit"])
    func aMergedCheckpointHasTheNormsAndBiasesWithItsPairsInThem(model: String) throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write(model, to: folder.appendingPathComponent("base"))
            let (place, merged) = (folder.appendingPathComponent("adapter"), folder.appendingPathComponent("merged"))
            try adapter(for: base, to: place)
            let report = try Merger.merge(base: base, adapter: place, to: merged)
            let loaded = try Backbones.load(base)
            try AdapterFolder.load(from: place, onto: loaded)
            let expected = try TinyModels.outputs(loaded)
            #expect(report.relativeDeviation < 1e-5)
            #expect(try TinyModels.outputs(Backbones.load(merged)).distance(to: expected) < 1e-4)
            let files = try CheckpointFiles(folder: merged)
            for norm in loaded.model.norms.values {
                for parameter in [norm.weight, norm.bias].compactMap({ $0 }) {
                    #expect(try !files.tensor(parameter.fileName).isEqual(to: parameter.base))
                }
            }
        }
    }

    @Test func aShiftWithoutABiasToGoToLeavesNoMergedFolder() throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write("llama", to: folder.appendingPathComponent("base"))
            let (place, merged) = (folder.appendingPathComponent("adapter"), folder.appendingPathComponent("merged"))
            try adapter(for: base, to: place)
            let error = #expect(throws: NetworkError.self) {
                try Merger.merge(base: base, adapter: place, to: merged)
            }
            #expect(error.map { "\($0)" }?.contains("has no bias") == true)
            #expect(!FileManager.default.fileExists(atPath: merged.path))
        }
    }
}
