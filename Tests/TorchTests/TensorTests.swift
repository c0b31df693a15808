import Testing

@testable import Torch

@Suite struct TensorTests {
    @Test func arraysGoInAndComeOut() throws {
        let values: [Float] = [1, 2, 3, 4, 5, 6]
        let tensor = try Tensor(values, shape: [2, 3])
        #expect(try tensor.shape == [2, 3])
        #expect(try tensor.t().array(of: Float.self) == [1, 4, 2, 5, 3, 6])
        #expect(try Tensor([Int64](), shape: [0, 4]).shape == [0, 4])
        #expect(throws: TorchError.self) { try Tensor(values, shape: [4, 2]) }
    }

    @Test func wrongShapesAreErrorsWithoutABacktrace() throws {
        let a = try Tensor.zeros([2, 3])
        #expect {
            _ = try a.matmul(a)
        } throws: { error in
            let text = "\(error)"
            return text.contains("matmul") && text.contains("2x3") && !text.contains("frame #")
        }
    }

    @Test func anAllocationThatCannotSucceedIsOutOfMemory() throws {
        #expect {
            _ = try Tensor.empty([1 << 20, 1 << 26])
        } throws: { error in
            guard case .outOfMemory = error as? TorchError else { return false }
            return true
        }
    }

    @Test func gradientsFlowToLeavesOnly() throws {
        let w = try Tensor([2.0 as Float, 3]).setRequiresGrad(true)
        let x = try Tensor([5.0 as Float, 7])
        try (w * x).sum().backward()
        #expect(try w.grad?.array(of: Float.self) == [5, 7])
        #expect(try x.grad == nil)
    }

    @Test func theGradientSwitchIsRestoredWhenTheBodyThrows() throws {
        struct Stop: Error {}
        #expect(throws: Stop.self) { try withoutGradients { throw Stop() } }
        let w = try Tensor.ones([1]).setRequiresGrad(true)
        #expect(try (w * 2).requiresGrad)
        #expect(try withoutGradients { try (w * 2).requiresGrad } == false)
    }
}

@Suite struct NodeTests {
    @Test func oneNumberThatIsNoneIsFoundInAnyPiece() throws {
        let x = try Tensor.zeros([(1 << 20) + 3])
        #expect(try x.isAllFinite())
        try x.narrow(0, (1 << 20) + 1, 1).copyInPlace(Tensor([Float.nan]))
        #expect(try !x.isAllFinite())
    }

    @Test func dropoutIsAFunctionOfItsKey() throws {
        let x = try Tensor.ones([1000, 10]).setRequiresGrad(true)
        let key = RandomKey(seed: 1).derived("dropout").derived(3)
        let y = try x.dropout(0.25, key: key)
        #expect(try y.isEqual(to: x.dropout(0.25, key: key)))
        #expect(try !y.isEqual(to: x.dropout(0.25, key: key.derived(0))))
        // Kept elements are scaled, their share is near 3/4, and the backward uses the same mask.
        let kept = try y.ne(0).to(.float32).mean().item()
        #expect(abs(kept - 0.75) < 0.02)
        #expect(abs(try y.amax().item() - 1 / 0.75) < 1e-5)
        try y.sum().backward()
        #expect(try x.grad?.isEqual(to: y.detach()) == true)
    }

    /// Counts that leave a word of draws unfinished, below and above what one thread takes.
    @Test(arguments: [1, 3, 4, 6, 16_385, 70_003])
    func dropoutIsTheSameForOneThreadAndForAll(count: Int) throws {
        let key = RandomKey(seed: 5).derived("dropout"), p = 0.3
        let kept = try Tensor.ones([count]).dropout(p, key: key).array(of: Float.self)
        // SplitMix64 counts words, and each has four draws of 16 bits, the lowest first.
        let threshold = UInt64((p * 65_536).rounded())
        let scale = Float(65_536 / (65_536 - Double(threshold)))
        let expected = (0..<count).map { index -> Float in
            var z = UInt64(bitPattern: Int64(key.integer)) &+ UInt64(index / 4 + 1) &* 0x9E37_79B9_7F4A_7C15
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            z ^= z >> 31
            return (z >> UInt64(index % 4 * 16)) & 0xFFFF < threshold ? 0 : scale
        }
        #expect(kept == expected)
    }

    @Test(arguments: [nil, 5.0])
    func chunkedCrossEntropyEqualsThePlainOne(softcap: Double?) throws {
        let key = RandomKey(seed: 7)
        func leaf(_ shape: [Int], _ name: String) throws -> Tensor {
            try Tensor.normal(shape, key: key.derived(name), dtype: .float64).setRequiresGrad(true)
        }
        let labels = try Tensor([0, 3, 10, 4, 4, 1, 9] as [Int64])
        let plain = try (x: leaf([7, 5], "x"), w: leaf([11, 5], "w"), b: leaf([11], "b"))
        let fused = try (x: leaf([7, 5], "x"), w: leaf([11, 5], "w"), b: leaf([11], "b"))
        var logits = try plain.x.linear(plain.w, plain.b)
        if let softcap { logits = try (logits / softcap).tanh() * softcap }
        let expected = try logits.crossEntropySum(labels)
        let found = try fused.x.linearCrossEntropySum(
            weight: fused.w, bias: fused.b, labels: labels, softcap: softcap, chunk: 3)
        #expect(abs(try expected.item() - found.item()) < 1e-4)
        try (expected * 3).backward()
        try (found * 3).backward()
        for (a, b) in [(plain.x, fused.x), (plain.w, fused.w), (plain.b, fused.b)] {
            let difference = try (#require(try a.grad) - #require(try b.grad)).abs().amax().item()
            #expect(difference < 1e-5)
        }
    }
}
