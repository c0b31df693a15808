import Golden
import Networks
import Testing
import Torch

@testable import Methods

@Suite struct DRTuneTests {
    private func queues(_ size: Int = 12, _ width: Int = 4) throws -> FeatureQueues {
        let queues = try FeatureQueues(size: size, width: width)
        try queues.down.load(.normal([size, width], key: RandomKey(seed: 1)))
        try queues.pre.load(.normal([size, width], key: RandomKey(seed: 2)))
        try queues.labels.load(Tensor((0..<size).map { Int64($0 % 3) }))
        return queues
    }

    @Test(arguments: 0..<6)
    func rotationsRotateAndDoNotReflect(_ seed: Int) throws {
        let covariance = try Tensor.normal([5, 5], key: RandomKey(seed: seed), dtype: .float64)
        let rotation = try FeatureQueues.rotation(covariance)
        let identity = try Tensor([1, 1, 1, 1, 1] as [Double])
        #expect(try (rotation.matmul(rotation.t()).diagonal() - identity).abs().amax().item() < 1e-9)
        let rows: [Double] = try rotation.array()
        #expect(abs(determinant((0..<5).map { Array(rows[($0 * 5)..<($0 * 5 + 5)]) }) - 1) < 1e-9)
    }

    /// By expansion along the first row.
    private func determinant(_ rows: [[Double]]) -> Double {
        guard rows.count > 1 else { return rows[0][0] }
        return rows[0].indices.reduce(0) { sum, column in
            let minor = rows.dropFirst().map { row in row.indices.filter { $0 != column }.map { row[$0] } }
            return sum + (column % 2 == 0 ? 1 : -1) * rows[0][column] * determinant(minor)
        }
    }

    @Test func equalQueuesNeedNoRotation() throws {
        let rows = try Tensor.normal([30, 4], key: RandomKey(seed: 3))
        let centred = try rows - rows.mean([0], keepDim: true)
        #expect(try (FeatureQueues.rotated(rows, onto: rows) - centred).abs().amax().item() < 1e-5)
    }

    @Test func calibratedFeaturesHaveTheBatchsLengthAndNoHistory() throws {
        let head = try Tensor.normal([5, 4], key: RandomKey(seed: 4)).setRequiresGrad(true)
        let features = try Tensor.normal([6, 4], key: RandomKey(seed: 5)).setRequiresGrad(true)
        // The classes 3 and 4 have no rows.
        let calibrated = try queues().calibrated(to: features, head: head, rotates: true)
        let length = try features.detach().norm(2, dims: [1]).mean().item()
        let lengths: [Float] = try calibrated.norm(2, dims: [1]).array()
        #expect(lengths.allSatisfy { abs(Double($0) - length) < 1e-4 })
        #expect(try !calibrated.requiresGrad)
    }

    @Test func aClassOfOneRowGoesWhereItsTrainedFeatureIs() throws {
        let queues = try queues(3)
        let head = try Tensor.normal([3, 4], key: RandomKey(seed: 4))
        let features = try Tensor.ones([1, 4])
        let calibrated = try queues.calibrated(to: features, head: head, rotates: false)
        let down = queues.down.value
        let expected = try down / down.norm(2, dims: [1], keepDim: true) * 2
        #expect(try (calibrated - expected).abs().amax().item() < 1e-5)
    }

    @Test func pushingWrapsAndKeepsTheLast() throws {
        let queues = try FeatureQueues(size: 3, width: 1)
        func push(_ numbers: [Float]) throws {
            let rows = try Tensor(numbers, shape: [numbers.count, 1])
            try queues.push(down: rows, pre: rows * 10, labels: Tensor(numbers.map { Int64($0) }))
        }
        try push([1, 2])
        try push([3, 4])
        let labels: [Int64] = try queues.labels.value.array()
        let pre: [Float] = try queues.pre.value.array()
        #expect(labels == [4, 2, 3] && pre == [40, 20, 30] && queues.pointer == 1)
        try push([5, 6, 7, 8, 9])
        let last: [Int64] = try queues.labels.value.array()
        #expect(last.sorted() == [7, 8, 9])
    }

    @Test func languageModelsAndNetworksWithoutAHeadAreRefused() throws {
        let model = try SingleProjection.model(weight: .ones([2, 3]), bias: nil)
        #expect(throws: MethodError.self) { try DRTune().grafts(for: model, key: RandomKey(seed: 0)) }
    }
}
