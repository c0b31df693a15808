import Adapters
import Foundation
import JSON
import Methods
import Networks
import TestModels
import Testing
import Torch

/// LoRA without its form in peft: what any method is that peft does not have.
private struct NativeLoRA: Methods.Method {
    var lora = LoRA()
    static let card = MethodCard(
        name: "lora", summary: "", family: "", sites: "", paper: "", initContract: .equalsBase, mergeContract: .exact)
    static let options: [MethodOption<NativeLoRA>] = []

    init() {}

    init(from decoder: any Decoder) throws { lora = try LoRA(from: decoder) }

    func encode(to encoder: any Encoder) throws { try lora.encode(to: encoder) }

    func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet { try lora.grafts(for: model, start) }
}

/// The class of each tensor decides what is in the file.
private final class Classes: ProjectionGraft {
    let variables: [Variable]
    var residual: Tensor? { nil }

    init(_ path: String) throws {
        let roles: [(String, Variable.Role)] = [
            ("trained", .trainable), ("fixed", .frozen), ("drawn", .seeded), ("average", .state),
        ]
        variables = try roles.map { try Variable("\(path).\($0.0)", .ones([2]), role: $0.1) }
    }

    func adding(
        to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor { output }

    func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        (weight, bias)
    }
}

@Suite struct NativeFormTests {
    private static let query = "bert.encoder.layer.0.attention.self.query"

    private struct Written {
        let folder: URL
        let grafts: GraftSet

        init(_ folder: URL) throws {
            self.folder = folder
            let loaded = try TinyModels.make("bert")
            var method = NativeLoRA()
            method.lora.modulesToSave = ["classifier"]
            grafts = try method.grafts(for: loaded.model, key: RandomKey(seed: 5))
            try grafts.perturbed(by: 0.2)
            try AdapterFolder.write(method, grafts, of: loaded.model, to: folder, taskType: "SEQ_CLS")
        }

        func edit(_ change: (inout [String: Tensor]) throws -> Void) throws {
            let url = folder.appendingPathComponent("adapter_model.safetensors")
            let file = try SafetensorsFile(url)
            var tensors = Dictionary(
                try file.names.map { ($0, try file.tensor($0).clone()) }, uniquingKeysWith: { first, _ in first })
            try change(&tensors)
            try SafetensorsWriter.write(tensors.map { ($0.key, $0.value) }, to: url)
        }

        func edit(_ change: (JSON) throws -> JSON) throws {
            let url = folder.appendingPathComponent("adapter_config.json")
            try Data(change(JSON.parse(contentsOf: url)).serializedBytes()).write(to: url)
        }

        func read() throws -> LoadedAdapter { try AdapterFolder.read(from: folder, for: TinyModels.make("bert").model) }

        func error() -> String {
            let error = #expect(throws: (any Error).self) { try read() }
            return error.map { "\($0)" } ?? "no error"
        }
    }

    @Test func everyVariableComesBackUnderItsOwnName() throws {
        try withFolder { folder in
            let written = try Written(folder)
            let adapter = try written.read()
            #expect(adapter.config.form == .graft && adapter.config.taskType == "SEQ_CLS")
            #expect(adapter.lora?.modulesToSave == ["classifier"])
            let read = adapter.grafts.variables
            #expect(read.map(\.name) == written.grafts.variables.map(\.name))
            for (found, expected) in zip(read, written.grafts.variables) {
                #expect(try found.value.isEqual(to: expected.value), "\(found.name)")
            }
        }
    }

    @Test func tensorsMustFitOneToOne() throws {
        try withFolder { folder in
            let written = try Written(folder)
            try written.edit { $0["\(Self.query).lora_C"] = try Tensor.zeros([1]) }
            #expect(written.error().contains("no place for"))
            try written.edit { $0["\(Self.query).lora_C"] = nil }
            try written.edit { $0["\(Self.query).lora_B.weight"] = try Tensor.zeros([16, 3]) }
            #expect(written.error().contains("has shape [16, 3], but its place on this model has [16, 8]"))
            try written.edit { $0["\(Self.query).lora_B.weight"] = nil }
            #expect(written.error().contains("lacks a tensor"))
        }
    }

    @Test func theConfigurationIsReadStrictly() throws {
        try withFolder { folder in
            let written = try Written(folder)
            func options(_ options: JSON, name: JSON = "lora", version: JSON = 1) throws {
                try written.edit {
                    $0.setting("graft", to: ["format_version": version, "name": name, "options": options])
                }
            }
            try options(["rr": 8])
            #expect(written.error().contains("rr"))
            try options([:], name: "lorra")
            #expect(written.error().contains("the nearest is `lora`"))
            try options([:], version: 2)
            #expect(written.error().contains("update Graft"))
            // Tensors of this rank would not fit into memory: nothing of that size may be made.
            try options(["r": 1_000_000_000_000])
            #expect(written.error().contains("1000000000000"))
            try options([:])
            #expect(throws: Never.self) { try written.read() }
            try written.edit { $0.setting("extra", to: 1) }
            #expect(written.error().contains("unknown key \"extra\""))
        }
    }

    @Test func aTensorThatSitesShareIsStoredOnce() throws {
        try withFolder { folder in
            let loaded = try TinyModels.make("bert")
            let shared = try Classes(Self.query)
            let set = GraftSet(projections: [Self.query: shared, Self.query.replacing("query", with: "key"): shared])
            try AdapterFolder.write(NativeLoRA(), set, of: loaded.model, to: folder)
            let file = try SafetensorsFile(folder.appendingPathComponent("adapter_model.safetensors"))
            #expect(file.names.count == 3)
        }
    }

    @Test func theClassOfATensorDecidesWhetherItIsInTheFile() throws {
        try withFolder { folder in
            let loaded = try TinyModels.make("bert")
            let set = GraftSet(projections: [Self.query: try Classes(Self.query)])
            func names(seed: Int?) throws -> [String] {
                var provenance = AdapterProvenance()
                provenance.seed = seed
                try AdapterFolder.write(
                    NativeLoRA(), set, of: loaded.model, to: folder, provenance: provenance)
                let file = try SafetensorsFile(folder.appendingPathComponent("adapter_model.safetensors"))
                return file.names.map { String($0.dropFirst(Self.query.count + 1)) }.sorted()
            }
            #expect(try names(seed: 3) == ["fixed", "trained"])
            // Without a seed it could not be drawn again.
            #expect(try names(seed: nil) == ["drawn", "fixed", "trained"])
        }
    }
}
