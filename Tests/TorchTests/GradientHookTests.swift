import Testing

@testable import Torch

@Suite struct GradientHookTests {
    private struct Refusal: Error {}

    @Test func hooksComeInTheOrderOfTheBackwardAndMayChangeTheirLeaves() throws {
        let first = try Tensor([Float(2)]).setRequiresGrad(true)
        let second = try Tensor([Float(3)]).setRequiresGrad(true)
        var seen: [String] = []
        let hooks = try [("first", first), ("second", second)].map { name, leaf in
            try GradientHook(on: leaf) {
                seen.append(name)
                guard let gradient = try leaf.grad else { return }
                try withoutGradients { try leaf.addInPlace(gradient, alpha: -1) }
                try leaf.setGrad(nil)
            }
        }
        try (((first * 5) * second) * second).sum().backward()
        // 5·2·2·3 from the end, then 5·3² with the values that the forward had.
        #expect(seen == ["second", "first"])
        #expect(try second.item() == 3 - 60 && first.item() == 2 - 45)
        #expect(try first.grad == nil && second.grad == nil)
        for hook in hooks { try hook.remove() }
        try (first * second).sum().backward()
        #expect(seen.count == 2)
        #expect(try first.grad != nil)
    }

    @Test func aHookThatThrowsEndsTheBackwardAndIsReleasedWithItsLeaf() throws {
        final class Witness {}
        weak var witness: Witness?
        try {
            let (leaf, held) = (try Tensor([Float(2)]).setRequiresGrad(true), Witness())
            witness = held
            let hook = try GradientHook(on: leaf) {
                withExtendedLifetime(held) {}
                throw Refusal()
            }
            #expect(throws: TorchError.self) { try (leaf * 2).sum().backward() }
            #expect(hook.failure is Refusal)
        }()
        #expect(witness == nil)
        let constant = try Tensor([Float(2)])
        #expect(throws: TorchError.self) { try GradientHook(on: constant) {} }
    }
}
