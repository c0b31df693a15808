import Adapters
import Foundation
import JSON
import Methods
import Networks
import TestModels
import Testing
import Torch

/// Adapters whose tensors are held as codes.
@Suite struct PackedFormTests {
    private static func methods() throws -> [any Methods.Method] {
        try [
            #"{"name": "bi-adapter", "dim": 3, "modules_to_save": ["classifier"], "bihead": true}"#,
            #"{"name": "bi-adapter", "bits": 2, "dim": 5, "style": "lora"}"#,
            #"{"name": "bi-adapter", "bits": 32, "dim": 2}"#,
            #"{"name": "r-amt", "threshold": 0.5, "mask_scale": 1, "mask_init": "uniform"}"#,
        ].map { try MethodConfiguration(.init(.parse($0))).method }
    }

    @Test(arguments: 0..<4)
    func theyComeBackAndAreWrittenAgainTheSame(_ index: Int) throws {
        let method = try Self.methods()[index]
        try withFolder { folder in
            let trained = try TinyModels.make("bert")
            let grafts = try method.grafts(for: trained.model, key: RandomKey(seed: 0))
            try trained.model.add(grafts, named: "default")
            try AdapterFolder.write(method, grafts, of: trained.model, to: folder)
            let fresh = try TinyModels.make("bert")
            let adapter = try AdapterFolder.load(from: folder, onto: fresh)
            let (first, second) = (try TinyModels.outputs(trained), try TinyModels.outputs(fresh))
            #expect(try first.distance(to: second) < 1e-5)
            let base = try TinyModels.outputs(TinyModels.make("bert"))
            #expect(index == 2 ? true : try first.distance(to: base) > 1e-5)
            let again = folder.appendingPathComponent("again")
            try AdapterFolder.write(adapter.method, adapter.grafts, of: fresh.model, to: again)
            for name in try SafetensorsFile(folder.appendingPathComponent("adapter_model.safetensors")).names {
                let files = try [folder, again].map {
                    try SafetensorsFile($0.appendingPathComponent("adapter_model.safetensors")).tensor(name)
                }
                #expect(try files[0].isEqual(to: files[1]))
            }
        }
    }

    @Test func partsThatAreMissingOrOfAnotherKindAreErrors() throws {
        let method = try Self.methods()[3]
        try withFolder { folder in
            let model = try TinyModels.make("bert").model
            let grafts = try method.grafts(for: model, key: RandomKey(seed: 0))
            try AdapterFolder.write(method, grafts, of: model, to: folder)
            let url = folder.appendingPathComponent("adapter_model.safetensors")
            let file = try SafetensorsFile(url)
            let tensors = try file.names.map { (name: $0, tensor: try file.tensor($0).clone()) }
            for broken in [
                Array(tensors.dropFirst()),
                try tensors.map { ($0.name, try $0.tensor.to(.int32)) },
                try tensors.map { ($0.name, try Tensor.cat([$0.tensor, $0.tensor])) },
                tensors.map { ($0.name.replacing(".bits", with: ""), $0.tensor) },
            ] {
                try SafetensorsWriter.write(broken, metadata: file.metadata, to: url)
                #expect(throws: AdapterError.self) { try AdapterFolder.read(from: folder, for: model) }
            }
        }
    }
}
