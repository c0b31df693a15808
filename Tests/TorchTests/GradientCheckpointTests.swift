import Testing

@testable import Torch

/// What is run again in the backward gives what it would have given by keeping everything.
@Suite struct GradientCheckpointTests {
    /// Two maps with dropout and an activation between them; the second map is not of the part's own making.
    private struct Network {
        let x, first, a, b, shared, magnitude: Tensor

        init() throws {
            func leaf(_ shape: [Int], _ seed: Int) throws -> Tensor {
                try Tensor.normal(shape, std: 0.3, key: RandomKey(seed: seed)).setRequiresGrad(true)
            }
            (x, first) = (try leaf([20, 64], 1), try leaf([96, 64], 2))
            (a, b, shared) = (try leaf([4, 96], 3), try leaf([64, 4], 4), try leaf([64, 96], 5))
            magnitude = try leaf([64], 6)
        }

        var leaves: [Tensor] { [x, first, a, b, shared, magnitude] }

        /// - Parameter second: made of a leaf outside of the part, so that gradients flow out of it twice.
        func part(_ x: Tensor, _ second: Tensor) throws -> (y: Tensor, hidden: Tensor) {
            let hidden = try x.linear(first).dropout(0.4, key: RandomKey(seed: 9)).gelu()
            let y = try hidden.lowRankLinear(
                second, nil, factors: (a, b), magnitude: magnitude.exp(), scaling: 2,
                dropout: (0.25, RandomKey(seed: 10)))
            return (try y.softmax() + x, hidden)
        }

        func loss(_ run: (@escaping () throws -> (y: Tensor, hidden: Tensor)) throws -> (y: Tensor, hidden: Tensor))
            throws -> Tensor
        {
            let second = try shared * 0.5
            var (x, sum) = (self.x, try second.sum())
            for _ in 0..<3 {
                let entering = x
                let passed = try run { try part(entering, second) }
                x = passed.y
                sum = try sum + passed.hidden.tanh().sum()
            }
            return try sum + (x * x).sum()
        }
    }

    @Test func valuesAndGradientsAreThoseOfThePlainForward() throws {
        let (plain, checkpointed, nested) = (try Network(), try Network(), try Network())
        let losses = [
            try plain.loss { try $0() },
            try checkpointed.loss { try gradientCheckpoint($0) },
            try nested.loss { part in try gradientCheckpoint { try gradientCheckpoint(part) } },
        ]
        for loss in losses { try loss.backward() }
        #expect(try losses[1].isEqual(to: losses[0]) && losses[2].isEqual(to: losses[0]))
        for (index, leaf) in plain.leaves.enumerated() {
            let expected = try #require(try leaf.grad)
            #expect(try checkpointed.leaves[index].grad?.isEqual(to: expected) == true, "leaf \(index)")
            #expect(try nested.leaves[index].grad?.isEqual(to: expected) == true, "leaf \(index)")
        }
    }

    /// Counts its runs, and tells when it is gone.
    private final class Witness {
        var runs = 0
    }

    @Test func aPartIsRunAgainOnceAndThenLetGo() throws {
        let w = try Tensor.normal([8, 8], key: RandomKey(seed: 1)).setRequiresGrad(true)
        weak var held: Witness?
        func run() throws -> Tensor {
            let witness = Witness()
            held = witness
            return try gradientCheckpoint {
                witness.runs += 1
                return try (w * w).tanh().sum()
            }
        }
        let loss = try run()
        #expect(held?.runs == 1)
        try loss.backward()
        #expect(held == nil)

        // Where the graph goes without a backward, and where there was none.
        do { _ = try run() }
        #expect(held == nil)
        _ = try withoutGradients(run)
        #expect(held == nil)
    }

    /// Memory of a tensor, which goes when nobody holds the tensor.
    private final class Numbers {
        let address = UnsafeMutableRawPointer.allocate(byteCount: 16, alignment: 16)
        init() { address.initializeMemory(as: Float.self, repeating: 2, count: 4) }
        deinit { address.deallocate() }
    }

    @Test func nothingThatAPartSavesIsThereBetweenForwardAndBackward() throws {
        let w = try Tensor.ones([4]).setRequiresGrad(true)
        func keeps(_ run: (@escaping () throws -> Tensor) throws -> Tensor) throws -> (saved: Bool, runs: Int) {
            weak var saved: Numbers?
            var runs = 0
            let y = try run {
                runs += 1
                let numbers = Numbers()
                saved = numbers
                return try w * Tensor.wrapping(numbers.address, shape: [4], dtype: .float32, owner: numbers)
            }
            let isSaved = saved != nil
            try w.setGrad(nil)
            try y.sum().backward()
            #expect(try w.grad?.array(of: Float.self) == [2, 2, 2, 2])
            return (isSaved, runs)
        }
        #expect(try keeps { try $0() } == (true, 1))
        #expect(try keeps { try gradientCheckpoint($0) } == (false, 2))
    }

    @Test func whatChangesBetweenForwardAndBackwardIsAnError() throws {
        let w = try Tensor.normal([8, 8], key: RandomKey(seed: 1)).setRequiresGrad(true)
        func error(first: @escaping () throws -> Tensor, then: @escaping () throws -> Tensor) throws -> String {
            let counter = Witness()
            let y = try gradientCheckpoint {
                counter.runs += 1
                return counter.runs == 1 ? try first() : try then()
            }
            do {
                try y.sum().backward()
                return "no error"
            } catch { return "\(error)" }
        }
        #expect(try error(first: { try w.tanh() }, then: { try w.tanh().tanh() }).contains("saved more tensors"))
        #expect(try error(first: { try w.tanh().tanh() }, then: { try w.tanh() }).contains("saved fewer tensors"))
        #expect(
            try error(first: { try w.tanh() }, then: { try w.narrow(0, 0, 4).tanh() }).contains("saved other shapes"))
        let failing = try error(
            first: { try w.tanh() }, then: { try Tensor.ones([8, 8]).matmul(Tensor.ones([3, 3])) })
        #expect(failing.contains("failed as it was run again"), "\(failing)")
        #expect(failing.contains("8x8 and 3x3"), "\(failing)")
    }

    @Test func aPartThatFailsThrowsItsOwnError() throws {
        struct Stop: Error {}
        #expect(throws: Stop.self) { try gradientCheckpoint { throw Stop() } }
        let w = try Tensor.ones([2]).setRequiresGrad(true)
        #expect(throws: Stop.self) {
            try gradientCheckpoint {
                _ = try w.tanh()
                throw Stop()
            }
        }
        // The thread is out of the part: what comes now keeps what it needs.
        try w.tanh().sum().backward()
        #expect(try w.grad != nil)
    }
}
