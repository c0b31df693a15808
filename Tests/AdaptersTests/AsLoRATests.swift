import Backbones
import Foundation
import Methods
import Networks
import TestModels
import Testing
import Torch

@testable import Adapters

@Suite struct AsLoRATests {
    /// Writes a perturbed adapter of a method for a checkpoint.
    private func adapter(_ method: any Methods.Method, for base: URL, to folder: URL) throws {
        let loaded = try Backbones.load(base)
        let set = try method.grafts(for: loaded.model, key: RandomKey(seed: 1))
        try set.perturbed()
        try AdapterFolder.write(method, set, of: loaded.model, to: folder, checkpoint: base)
    }

    private func outputs(_ base: URL, _ adapter: URL?) throws -> Tensor {
        let loaded = try Backbones.load(base)
        if let adapter { try AdapterFolder.load(from: adapter, onto: loaded, checkpoint: base) }
        return try TinyModels.outputs(loaded)
    }

    private static let methods: [any Methods.Method] = {
        var fourier = FourierFT()
        fourier.nFrequency = 20
        fourier.scaling = 20
        var wide = LoRA()
        (wide.targetModules, wide.useDoRA) = (.allLinear, true)
        return [IA3(), fourier, wide]
    }()

    @Test(arguments: ["bert", "gpt2", "llama"], methods.indices)
    func atFullRankTheOutputsAreThoseOfTheAdapter(model: String, method: Int) throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write(model, to: folder.appendingPathComponent("base"))
            let (place, lora) = (folder.appendingPathComponent("adapter"), folder.appendingPathComponent("lora"))
            try adapter(Self.methods[method], for: base, to: place)
            let report = try AsLoRA.write(base: base, adapter: place, rank: 1000, to: lora)
            #expect(report.relativeError < 1e-5 && report.relativeDeviation < 1e-4 && report.probes > 0)
            #expect(!report.modules.isEmpty && report.modules.allSatisfy { $0.rank <= 24 })
            let expected = try outputs(base, place)
            #expect(try outputs(base, nil).distance(to: expected) > 1e-3)
            #expect(try outputs(base, lora).distance(to: expected) < 1e-4)
            #expect(try AdapterFolder.summary(of: lora).config.method is LoRA)
        }
    }

    @Test func theStatedErrorIsThatOfTheSingularValuesThatAreCutOff() throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write("bert", to: folder.appendingPathComponent("base"))
            let (place, lora) = (folder.appendingPathComponent("adapter"), folder.appendingPathComponent("lora"))
            try adapter(IA3(), for: base, to: place)
            let report = try AsLoRA.write(base: base, adapter: place, rank: 3, to: lora)
            let loaded = try Backbones.load(base)
            try AdapterFolder.load(from: place, onto: loaded)
            var (cut, all) = (0.0, 0.0)
            for module in report.modules {
                let site = try #require(loaded.model.projections[module.path])
                let delta = try withoutGradients {
                    try site.mergedTensors(computedIn: .float64).weight - site.weight.base.to(.float64)
                }
                let values: [Double] = try delta.detach().svd().s.array()
                let tail = values.dropFirst(3).reduce(0) { $0 + $1 * $1 }
                #expect(tail > 0 && module.rank == 3)
                #expect(abs(module.error - tail.squareRoot()) < 1e-4 * tail.squareRoot())
                (cut, all) = (cut + tail, all + values.reduce(0) { $0 + $1 * $1 })
            }
            #expect(abs(report.relativeError - (cut / all).squareRoot()) < 1e-4)
            let found = try outputs(base, lora).distance(to: outputs(base, place))
            #expect(found > 1e-4 && report.absoluteDeviation > 0)
        }
    }

    @Test func aProjectionThatDoesNotChangeIsLeftOutAndAHeadIsKeptWhole() throws {
        try withFolder { folder in
            let base = try TinyCheckpoint.write("bert", to: folder.appendingPathComponent("base"))
            let (place, lora) = (folder.appendingPathComponent("adapter"), folder.appendingPathComponent("lora"))
            let loaded = try Backbones.load(base)
            let method = try LoRA(options: #"{"modules_to_save": ["classifier"]}"#)
            let set = try method.grafts(for: loaded.model, key: RandomKey(seed: 1))
            try set.perturbed()
            let first = try #require(Array(set.projections.keys).first)
            let graft = try #require(set.projections[first] as? LoRAGraft)
            try graft.b.load(graft.b.value.detach() * 0)
            try AdapterFolder.write(method, set, of: loaded.model, to: place, checkpoint: base)
            let report = try AsLoRA.write(base: base, adapter: place, rank: 8, to: lora)
            #expect(report.unchanged == [first] && report.modules.count == set.projections.count - 1)
            #expect(report.whole == ["classifier.weight", "classifier.bias"])
            #expect(try outputs(base, lora).distance(to: outputs(base, place)) < 1e-4)
        }
    }

    /// Converts, expecting a refusal that leaves nothing.
    private func refusal(_ method: any Methods.Method, on model: String = "bert") throws -> String {
        try withFolder { folder in
            let base = try TinyCheckpoint.write(model, to: folder.appendingPathComponent("base"))
            let (place, lora) = (folder.appendingPathComponent("adapter"), folder.appendingPathComponent("lora"))
            try adapter(method, for: base, to: place)
            let error = #expect(throws: (any Error).self) {
                try AsLoRA.write(base: base, adapter: place, rank: 4, to: lora)
            }
            #expect(!FileManager.default.fileExists(atPath: lora.path))
            return error.map { "\($0)" } ?? ""
        }
    }

    @Test func whatNoLoRACanHoldIsRefused() throws {
        #expect(try refusal(Houlsby()).contains("cannot become part of the weights"))
        #expect(try refusal(PromptTuning()).contains("cannot become part of the weights"))
        #expect(try refusal(SSF()).contains("changes the norm"))
        #expect(try refusal(BitFit()).contains("changes no projection"))
        #expect(try refusal(LoRA(options: #"{"bias": "lora_only"}"#)).contains("changes the bias of"))
    }
}
