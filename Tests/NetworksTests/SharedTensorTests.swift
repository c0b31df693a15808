import Networks
import Testing
import Torch

@Suite struct SharedTensorTests {
    private final class Owner {}

    private func input() throws -> Tensor { try Tensor.normal([2, 3], key: RandomKey(seed: 1)) }

    @Test func theSameInputIsServedOncePerOwner() throws {
        let (context, x, owners) = (ForwardContext(isTraining: true), try input(), [Owner(), Owner()])
        var made = 0
        func shared(_ x: Tensor, _ owner: Owner) throws -> Tensor {
            try context.shared(by: owner, of: x) {
                made += 1
                return try x * 2
            }
        }
        let first = try shared(x, owners[0])
        #expect(try shared(x, owners[0]).isSame(as: first))
        #expect(try !shared(x, owners[1]).isSame(as: first))
        #expect(made == 2)
        // Equal numbers are not the same input.
        let other = try input()
        #expect(try !shared(other, owners[0]).isSame(as: first))
        #expect(try shared(x, owners[1]).isEqual(to: first))
        #expect(made == 3)
    }

    @Test func anInputThatIsGoneIsNotTakenForAnother() throws {
        let (context, owner) = (ForwardContext(), Owner())
        var made = 0
        for value in 0..<20 {
            let x = try Tensor.full([2], Double(value))
            let doubled = try context.shared(by: owner, of: x) {
                made += 1
                return try x * 2
            }
            #expect(try doubled.amax().item() == Double(2 * value))
        }
        #expect(made == 20)
    }

    @Test func whatWasMadeWithoutGradientsServesNoTraining() throws {
        let (context, owner) = (ForwardContext(isTraining: true), Owner())
        let x = try input().setRequiresGrad(true)
        _ = try withoutGradients { try context.shared(by: owner, of: x) { try x * 2 } }
        try context.shared(by: owner, of: x) { try x * 2 }.sum().backward()
        #expect(try x.grad != nil)
    }

    @Test func blocksThatRunAgainMakeTheirOwn() throws {
        let (context, owner) = (ForwardContext(isTraining: true, gradientCheckpointing: true), Owner())
        let x = try input()
        let first = try context.shared(by: owner, of: x) { try x * 2 }
        #expect(try !context.shared(by: owner, of: x) { try x * 2 }.isSame(as: first))
    }
}
