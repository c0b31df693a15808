import Foundation
import Golden
import Networks
import Testing
import Torch

/// y = s ∘ x Wᵀ, a graft with one trainable vector.
private final class Scaling: ProjectionGraft {
    let scale: Variable
    var variables: [Variable] { [scale] }
    var residual: Tensor? { nil }

    init(_ path: String, _ size: Int) throws {
        scale = try Variable("\(path).scale", .ones([size]))
    }

    func adding(
        to output: Tensor, base: Tensor, x: Tensor, at site: Projection, _ context: ForwardContext
    ) throws -> Tensor {
        try output * scale.value
    }

    func merged(weight: Tensor, bias: Tensor?, at site: Projection) throws -> (weight: Tensor, bias: Tensor?) {
        (try weight * scale.value.detach().unsqueeze(1), bias)
    }
}

@Suite struct LayerCaseTests {
    private static func golden(_ outputs: [String], _ tensors: [(String, Tensor)]) throws -> GoldenCase {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("golden-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let names = outputs.map { "\"\($0)\"" }.joined(separator: ",")
        let text = #"{"method": "scaling", "kind": "layer", "config": {}, "outputs": [\#(names)]}"#
        try Data(text.utf8).write(to: folder.appendingPathComponent("case.json"))
        try SafetensorsWriter.write(tensors, metadata: [:], to: folder.appendingPathComponent("tensors.safetensors"))
        return try GoldenCase(folder: folder)
    }

    @Test func oneLayerGivesOutputsGradientsAndTheMergedWeight() throws {
        let golden = try Self.golden(
            ["out.y", "grad.scale", "grad.x", "out.merged_weight"],
            [
                ("base.weight", try Tensor([1, 2, 3, 4]).reshape([2, 2]).to(.float32)),
                ("param.scale", try Tensor([2, -1]).to(.float32)),
                ("in.x", try Tensor([1, 1]).reshape([1, 2]).to(.float32)),
                ("in.cotangent", try Tensor([1, 10]).reshape([1, 2]).to(.float32)),
                ("out.y", try Tensor([6, -7]).reshape([1, 2]).to(.float32)),
                ("grad.scale", try Tensor([3, 70]).to(.float32)),
                ("grad.x", try Tensor([-28, -36]).reshape([1, 2]).to(.float32)),
                ("out.merged_weight", try Tensor([2, 4, -3, -4]).reshape([2, 2]).to(.float32)),
            ])
        var layer = try LayerCase(golden)
        let scaling = try Scaling(SingleProjection.path, 2)
        let graft: Scaling = try layer.graft(GraftSet(projections: [SingleProjection.path: scaling]))
        try layer.replay(["scale": graft.scale])
        try layer.produceMerged()
        let result = try layer.result()
        #expect(result.status == .pass, "\(result.detail)")
    }

    @Test func severalLayersComputeOneAfterTheOtherOrAlone() throws {
        let weight = try Tensor([2]).reshape([1, 1]).to(.float32)
        let one = try Tensor([1]).reshape([1, 1]).to(.float32)
        let golden = try Self.golden(
            ["out.kv.y", "out.y"],
            [
                ("base.kv.weight", weight), ("base.ff.weight", weight), ("in.x", one), ("in.cotangent", one),
                ("in.kv.x", one), ("in.kv.cotangent", one), ("out.kv.y", try one * 2), ("out.y", try one * 4),
            ])
        var layer = try LayerCase(golden, layers: ["kv", "ff"])
        try layer.add(GraftSet())
        try layer.replay([:], through: "kv", prefix: "kv.")
        try layer.replay([:])
        let result = try layer.result()
        #expect(result.status == .pass, "\(result.detail)")
    }

    @Test func aFailureNamesTheGivenTensorsThatNothingRead() throws {
        let golden = try Self.golden(
            ["out.y"],
            [
                ("base.weight", try Tensor([1, 2, 3, 4]).reshape([2, 2]).to(.float32)),
                ("in.x", try Tensor([1, 1]).reshape([1, 2]).to(.float32)),
                ("param.forgotten", try Tensor([1]).to(.float32)),
                ("out.y", try Tensor([0, 0]).reshape([1, 2]).to(.float32)),
            ])
        var layer = try LayerCase(golden)
        layer.produced("out.y", try layer.forward(golden.tensor("in.x")))
        let result = try layer.result()
        #expect(result.status == .fail)
        #expect(result.detail.contains("param.forgotten") && !result.detail.contains("in.x"), "\(result.detail)")
    }

    @Test func aMissingTensorIsNamed() throws {
        let golden = try Self.golden(["out.y"], [("out.y", try Tensor([1]).to(.float32))])
        #expect(throws: GoldenError.self) { try golden.tensor("base.weight") }
        #expect(try golden.first(of: ["in.x", "out.y"])?.name == "out.y")
    }
}
