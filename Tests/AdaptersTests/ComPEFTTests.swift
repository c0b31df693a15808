import Backbones
import Foundation
import Methods
import Networks
import TestModels
import Testing
import Torch

@testable import Adapters

@Suite struct ComPEFTTests {
    private func change(_ shape: [Int], name: String = "a", seed: Int = 1) throws -> ComPEFT.Change {
        ComPEFT.Change(
            name: name, start: try Tensor.normal(shape, key: RandomKey(seed: seed)),
            tuned: try Tensor.normal(shape, key: RandomKey(seed: seed + 1)))
    }

    @Test(arguments: [0.05, 0.2, 0.5, 1.0])
    func exactlyTheShareIsKeptWithOneMagnitude(density: Double) throws {
        var compeft = ComPEFT()
        (compeft.density, compeft.alpha) = (density, 2)
        let changes = [try change([7, 9], name: "b"), try change([31], name: "a", seed: 5)]
        let update = try compeft.compress(changes)
        #expect(update.tensors.map(\.name) == ["a", "b"])
        #expect(update.nonzeros == Int(density * 94))
        let tau = try Tensor.cat([changes[1], changes[0]].map { try ($0.tuned - $0.start).reshape([-1]) })
        let values: [Float] = try tau.array()
        let sigma = try #require(update.parts.first?.sigma)
        for (index, sign) in try #require(update.parts.first).signs.enumerated() where sign != 0 {
            #expect((values[index] > 0) == (sign > 0))
        }
        let moved: [Float] = try update.update(of: 0).array()
        for value in moved where value != 0 { #expect(abs(abs(value) - Float(2 * sigma)) < 1e-6) }
    }

    @Test func tiesGoToTheLowerIndexAndZerosAreNotStored() throws {
        var compeft = ComPEFT()
        compeft.density = 0.5
        let start = try Tensor.zeros([4])
        let tied = try compeft.compress([.init(name: "a", start: start, tuned: Tensor([Float(1), -1, 1, 1]))])
        #expect(tied.parts[0].signs == [1, -1, 0, 0])
        let sparse = try compeft.compress([.init(name: "a", start: start, tuned: Tensor([Float(0), 0, 0, 1]))])
        #expect(sparse.parts[0].signs == [0, 0, 0, 1])
    }

    @Test func compressingTwiceKeepsSupportAndSigns() throws {
        let change = try change([50])
        let once = try ComPEFT().compress([change])
        let again = try ComPEFT().compress([
            .init(name: "a", start: change.start, tuned: once.tensor(0, from: change.start))
        ])
        #expect(again.parts[0].signs == once.parts[0].signs)
    }

    @Test func aScopeOfTensorsHasAScaleEach() throws {
        var compeft = ComPEFT()
        compeft.scope = .tensor
        let update = try compeft.compress([try change([10], name: "a"), try change([20], name: "b", seed: 9)])
        #expect(update.parts.map(\.nonzeros) == [2, 4])
        #expect(update.parts[0].scale != update.parts[1].scale)
    }

    @Test(arguments: ComPEFT.Codec.allCases)
    func codesReadBackBitForBit(codec: ComPEFT.Codec) throws {
        for density in [0.01, 0.05, 0.5, 1] {
            var compeft = ComPEFT()
            compeft.density = density
            let part = try compeft.compress([try change([997])]).parts[0]
            let b = RiceCode.parameter(density: density)
            let code = part.code(codec, parameter: b)
            let stored = try #require(BitString(bytes: code.bytes, count: code.count))
            let read = CompressedUpdate.Part.signs(
                stored, codec, parameter: b, count: 997, nonzeros: part.nonzeros)
            #expect(read == part.signs)
            #expect(
                CompressedUpdate.Part.signs(stored, codec, parameter: b, count: 10, nonzeros: part.nonzeros) == nil)
        }
    }

    @Test func theCodeIsNearItsEntropy() throws {
        for density in [0.05, 0.2] {
            var compeft = ComPEFT()
            compeft.density = density
            let update = try compeft.compress([try change([120_000])])
            #expect(Double(update.riceBits.count) < 1.05 * update.entropyBits)
        }
    }

    @Test func bitsThatDoNotFitAreNotRead() throws {
        #expect(BitString(bytes: [1, 2], count: 3) == nil)
        #expect(BitString(bytes: [0b0000_0001], count: 3) == nil)
        let ones = try #require(BitString(bytes: [0xFF], count: 8))
        #expect(RiceCode.decode(ones, parameter: 0, count: 4, nonzeros: 1) == nil)
        #expect(RiceCode.decode(ones, parameter: 60, count: 4, nonzeros: 1) == nil)
    }

    @Test(arguments: CompressedAdapter.Reference.allCases)
    func aCompressedAdapterLoadsAsAnOrdinaryOne(reference: CompressedAdapter.Reference) throws {
        try withFolder { root in
            let base = try TinyCheckpoint.write("llama", to: root.appendingPathComponent("base"))
            let (adapter, small) = (root.appendingPathComponent("adapter"), root.appendingPathComponent("small"))
            let start = try trained(on: base, to: adapter)
            let report = try CompressedAdapter.compress(adapter, base: base, to: small, reference: reference)
            #expect(report.nonzeros == report.entries / 5)
            #expect(report.bytesAfter < report.bytesBefore)
            let plain = root.appendingPathComponent("plain")
            try CompressedAdapter.decompress(small, base: base, to: plain)
            let (before, after) = (try AdapterFolder.weights(in: adapter), try AdapterFolder.weights(in: plain))
            #expect(before.names == after.names && before.metadata == after.metadata)
            let scale = try #require(report.scales.first)
            for name in after.names {
                let begun = try reference == .zero ? after.tensor(name).zerosLike() : #require(start[name])
                let moved: [Float] = try (after.tensor(name) - begun).abs().array()
                #expect(moved.allSatisfy { $0 == 0 || abs($0 - scale) < 1e-6 }, "\(name)")
            }
            let loaded = try Backbones.load(base)
            try AdapterFolder.load(from: plain, onto: loaded, checkpoint: base)
            let unmerged = try TinyModels.outputs(loaded)
            try loaded.model.merge()
            #expect(try TinyModels.outputs(loaded).distance(to: unmerged) < 1e-5)
        }
    }

    @Test func anotherStartThanTheFilesIsRefused() throws {
        try withFolder { root in
            let base = try TinyCheckpoint.write("llama", to: root.appendingPathComponent("base"))
            let (adapter, small) = (root.appendingPathComponent("adapter"), root.appendingPathComponent("small"))
            try trained(on: base, to: adapter)
            _ = try CompressedAdapter.compress(adapter, base: base, to: small)
            try edit(small) { $0["graft.seed"] = "12" }
            let problem = #expect(throws: CompressionError.self) {
                try CompressedAdapter.decompress(small, base: base, to: root.appendingPathComponent("plain"))
            }
            guard case .otherStart = problem else { throw CompressionError.empty }
            #expect(!FileManager.default.fileExists(atPath: root.appendingPathComponent("plain").path))
        }
    }

    @Test(arguments: [
        ("version", "2"), ("d", "3"), ("nonzeros", "-1"), ("b", "99"), ("density", "nan"), ("scope", "all"),
        ("tensors", "[]"), ("bits", "[4611686018427387904]"), ("entries", "[0]"), ("codec", "masks"),
        ("tensors", #"[{"name": "a", "shape": [4611686018427387904, 4], "dtype": "float32"}]"#),
    ])
    func damagedFilesAreErrors(key: String, value: String) throws {
        try withFolder { root in
            let base = try TinyCheckpoint.write("llama", to: root.appendingPathComponent("base"))
            let (adapter, small) = (root.appendingPathComponent("adapter"), root.appendingPathComponent("small"))
            try trained(on: base, to: adapter)
            _ = try CompressedAdapter.compress(adapter, base: nil, to: small, reference: .zero)
            try edit(small) { $0["compeft." + key] = value }
            #expect(throws: CompressionError.self) {
                try CompressedAdapter.decompress(small, base: nil, to: root.appendingPathComponent("plain"))
            }
        }
    }

    @Test func anAdapterWithoutASeedNeedsTheZeroReference() throws {
        try withFolder { root in
            let base = try TinyCheckpoint.write("llama", to: root.appendingPathComponent("base"))
            let adapter = root.appendingPathComponent("adapter")
            try TinyCheckpoint.adapter(#"{"r": 2, "target_modules": ["q_proj"]}"#, for: base, to: adapter)
            #expect(throws: CompressionError.self) {
                try CompressedAdapter.compress(adapter, base: base, to: root.appendingPathComponent("small"))
            }
        }
    }

    /// Writes an adapter that moved from the start of seed 11, and gives that start by the file's names.
    @discardableResult
    private func trained(on base: URL, to folder: URL) throws -> [String: Tensor] {
        let loaded = try Backbones.load(base)
        let method = try LoRA(options: #"{"r": 2, "target_modules": ["q_proj", "v_proj"]}"#)
        let grafts = try method.grafts(for: loaded.model, key: AdapterProvenance.methodKey(seed: 11))
        var start: [String: Tensor] = [:]
        for variable in grafts.variables {
            start["base_model.model." + variable.name] = try variable.value.detach().clone()
        }
        try grafts.perturbed(by: 0.2)
        var provenance = AdapterProvenance()
        provenance.seed = 11
        try AdapterFolder.write(
            method, grafts, of: loaded.model, to: folder, provenance: provenance, checkpoint: base)
        return start
    }

    private func edit(_ folder: URL, _ change: (inout [String: String]) -> Void) throws {
        let url = folder.appendingPathComponent(CompressedAdapter.fileName)
        let file = try SafetensorsFile(url)
        var metadata = file.metadata
        change(&metadata)
        let tensors = try file.names.map { ($0, try file.tensor($0).clone()) }
        try SafetensorsWriter.write(tensors, metadata: metadata, to: url)
    }
}
