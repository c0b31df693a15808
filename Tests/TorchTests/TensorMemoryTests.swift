import Foundation
import Testing
import Torch

/// Tensors of all sizes live beside each other, whatever is freed and given back meanwhile.
@Suite struct TensorMemoryTests {
    /// Element counts on both sides of each bound: the C library's heap, the shared range, and the system's own.
    private static let counts = [1, 15, 16, 17, 1023, 1024, 1025, 16_384, 100_003, 1 << 20]

    @Test func whatIsAliveIsNeverGivenTwice() throws {
        try Self.exercise(seed: 1, rounds: 2000)
    }

    @Test func threadsShareTheRange() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for seed in 2..<6 { group.addTask { try Self.exercise(seed: UInt64(seed), rounds: 500) } }
            try await group.waitForAll()
        }
    }

    @Test func givingBackKeepsWhatIsAlive() throws {
        let below = try Tensor.full([300_000], 1), above = try Tensor.full([300_000], 2)
        do { _ = try Tensor.full([5_000_000], 3) }
        Engine.releaseFreedMemory()
        let later = try Tensor.full([400_000], 4)
        for (tensor, value) in [(below, 1.0), (above, 2), (later, 4)] { try Self.expect(tensor, value) }
    }

    @Test func whatTheMachineCannotHoldIsAnError() throws {
        #expect(throws: (any Error).self) { try Tensor.full([1 << 46], 1) }
        try Self.expect(Tensor.full([2000], 5), 5)
    }

    /// Makes tensors of one value each and drops them in an order of chance; each has its value until it goes.
    private static func exercise(seed: UInt64, rounds: Int) throws {
        var state = seed
        func draw(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var alive: [(tensor: Tensor, value: Double)] = []
        for round in 0..<rounds {
            if alive.count > 40 || (!alive.isEmpty && draw(3) == 0) {
                let gone = alive.remove(at: draw(alive.count))
                try expect(gone.tensor, gone.value)
            } else {
                let value = Double(seed) * 10_000 + Double(round)
                alive.append((try Tensor.full([counts[draw(counts.count)]], value), value))
            }
            if round % 97 == 0 { Engine.releaseFreedMemory() }
        }
        for entry in alive { try expect(entry.tensor, entry.value) }
    }

    private static func expect(_ tensor: Tensor, _ value: Double) throws {
        let (least, most) = (try tensor.amin(), try tensor.amax())
        #expect(try least.item() == value && most.item() == value)
    }
}
