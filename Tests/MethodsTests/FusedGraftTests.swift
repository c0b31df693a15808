import Golden
import JSON
import Networks
import Testing
import Torch

@testable import Methods

/// Grafts whose projection is one node, against the steps that it stands for.
@Suite struct FusedGraftTests {
    private static let methods = [
        #""name": "lora", "r": 4, "lora_alpha": 6"#,
        #""name": "lora", "r": 4, "lora_alpha": 6, "lora_dropout": 0.3"#,
        #""name": "lora", "r": 4, "lora_alpha": 6, "use_dora": true"#,
        #""name": "lora", "r": 4, "lora_alpha": 6, "use_dora": true, "lora_dropout": 0.3"#,
        #""name": "adalora", "init_r": 4, "target_r": 2, "lora_alpha": 6"#,
        #""name": "adalora", "init_r": 4, "target_r": 2, "lora_alpha": 6, "lora_dropout": 0.3"#,
    ]

    private let key = RandomKey(seed: 17)

    /// A layer [40, 72] with the method's graft, whose tensors are moved from where they began.
    private func grafted(_ options: String, hasBias: Bool) throws -> (Projection, any ProjectionGraft) {
        let bias = try hasBias ? Tensor.normal([40], key: key.derived("bias")) : nil
        let model = try ProjectionChain.model([
            .init(path: "l", weight: .normal([40, 72], std: 0.2, key: key.derived("weight")), bias: bias)
        ])
        let method = try MethodConfiguration(JSON.Node(JSON.parse("{\(options), \"target_modules\": [\"l\"]}"))).method
        let set = try method.grafts(for: model, key: key)
        for variable in set.variables where variable.role == .trainable {
            let noise = try Tensor.normal(variable.value.shape, std: 0.3, key: key.derived(variable.name))
            try variable.load(variable.value.detach() + noise)
        }
        try model.add(set, named: "default")
        return (try #require(model.projections["l"]), try #require(set.projections["l"]))
    }

    @Test(arguments: methods, [false, true])
    func theNodeComputesTheSteps(options: String, hasBias: Bool) throws {
        let (site, graft) = try grafted(options, hasBias: hasBias)
        let context = ForwardContext(isTraining: true, key: key.derived("step"))
        let upstream = try Tensor.normal([2, 9, 40], key: key.derived("upstream"))
        let trained = graft.variables.filter { $0.role == .trainable }
        for variable in trained { _ = try variable.value.setRequiresGrad(true) }

        func run(_ forward: (Tensor) throws -> Tensor) throws -> [Tensor] {
            let x = try Tensor.normal([2, 9, 72], key: key.derived("x")).setRequiresGrad(true)
            for variable in trained { try variable.value.setGrad(nil) }
            let y = try forward(x)
            try (y * upstream).sum().backward()
            let gradients = try trained.map { try #require(try $0.value.grad).clone() }
            return [try y.detach(), try #require(try x.grad)] + gradients
        }
        let whole = try run { try #require(try graft.output(of: $0, frozen: site.weight.value, at: site, context)) }
        let steps = try run { x in
            let base = try site.apply(site.weight.value, site.bias?.value, to: x)
            return try graft.adding(to: base, base: base, x: x, at: site, context)
        }
        for (index, (found, expected)) in zip(whole, steps).enumerated() {
            let scale = max(1, try expected.abs().amax().item())
            #expect(try (found - expected).abs().amax().item() < 1e-5 * scale, "tensor \(index)")
        }
        // What a network calls is the node.
        let x = try Tensor.normal([2, 9, 72], key: key.derived("x"))
        #expect(try site(x, context).isEqual(to: whole[0]))
    }

    @Test func magnitudesFollowAWeightThatAnotherAdapterPutInTheBasesPlace() throws {
        let (site, graft) = try grafted(#""name": "lora", "r": 4, "use_dora": true"#, hasBias: true)
        let dora = try #require(graft as? LoRAGraft)
        let x = try Tensor.normal([9, 72], key: key.derived("x"))
        let before = try site(x, ForwardContext())
        let other = try site.weight.base * 2
        try site.weight.replace(with: other)
        let changed = try other + dora.delta(at: site, dtype: .float32)
        let factor = try #require(dora.magnitude).value / changed.norm(dims: [1])
        let expected = try x.linear(changed) * factor + #require(site.bias).value
        #expect(try (site(x, ForwardContext()) - expected).abs().amax().item() < 1e-4)
        try site.weight.replace(with: nil)
        #expect(try site(x, ForwardContext()).isEqual(to: before))
    }
}
