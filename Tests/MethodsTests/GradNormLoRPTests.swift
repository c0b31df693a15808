import Golden
import JSON
import Networks
import Optimization
import Testing
import Torch

@testable import Methods

@Suite struct GradNormLoRPTests {
    /// One matrix [rows, columns] and what trains it.
    private struct Course {
        let model: Model
        let variable: Variable
        let trainables: Trainables
        let training: ProjectedTraining

        init(_ method: GradNormLoRP, _ rows: Int, _ columns: Int) throws {
            var method = method
            method.targetModules = .list([SingleProjection.path])
            let weight = try Tensor.normal([rows, columns], key: RandomKey(seed: 1))
            model = try SingleProjection.model(weight: weight, bias: nil)
            let set = try method.grafts(for: model, key: RandomKey(seed: 0))
            variable = try #require(set.parameters["layer.weight"])
            let plan = TrainingPlan(schedule: .init(peak: 0.1, totalSteps: 10), stepsPerEpoch: 10)
            training = try #require(try method.lifecycle(of: set, on: model, plan) as? ProjectedTraining)
            trainables = try Trainables(
                training.groups(of: set.variables), optimizer: training.optimizer ?? AdamW())
        }

        func step(_ index: Int, _ gradient: Tensor) throws {
            try trainables.clearGradients()
            try trainables.setGradient(of: variable, to: gradient)
            try training.gradientsReady(
                StepMoment(
                    step: index, totalSteps: 10, epoch: 0, key: RandomKey(seed: 0), learningRate: 0.1,
                    trainables: trainables, model: model))
            try trainables.step(learningRate: 0.1)
        }

        func gradient(_ index: Int) throws -> Tensor {
            try .normal(variable.value.shape, key: RandomKey(seed: 2).derived(index))
        }
    }

    private func method(_ parametrization: GradNormLoRP.Parametrization, rank: Int) -> GradNormLoRP {
        var method = GradNormLoRP()
        (method.parametrization, method.rank, method.updateProjGap) = (parametrization, rank, 3)
        return method
    }

    @Test(arguments: [(12, 7), (7, 12)])
    func betweenRefreshesTheWeightChangesInTheSubspaceOfItsBasis(rows: Int, columns: Int) throws {
        let course = try Course(method(.plain, rank: 2), rows, columns)
        let start = try course.variable.value.detach().clone()
        for index in 0..<3 { try course.step(index, course.gradient(index)) }
        let singular = try (course.variable.value.detach() - start).svd().s.array(of: Float.self)
        #expect(singular[1] > 1e-3 && singular[2] < 1e-5, "\(singular)")
        let before = try GradientBasis(of: course.variable, in: course.trainables.groups[0])
        try course.step(3, course.gradient(3))
        let after = try GradientBasis(of: course.variable, in: course.trainables.groups[0])
        // The larger dimension stays.
        #expect((before.right != nil) == (rows > columns) && (before.left != nil) == (rows < columns))
        let (old, new) = (try #require(before.right ?? before.left), try #require(after.right ?? after.left))
        #expect(try !old.isEqual(to: new))
    }

    @Test func aBasisOfFullRankRotatesTheGradientOnly() throws {
        let course = try Course(method(.plain, rank: 5), 9, 5)
        let start = try course.variable.value.detach().clone()
        let gradient = try course.gradient(0)
        try course.step(0, gradient)
        let right = try #require(try GradientBasis(of: course.variable, in: course.trainables.groups[0]).right)
        let rotated = try gradient.matmul(right.t())
        // Adam's first step is as long in each coordinate as the rate.
        let step = try (rotated / (rotated.abs() * 0.001.squareRoot() + 1e-6)) * (0.1 * 0.001.squareRoot())
        let change = try start - course.variable.value.detach()
        #expect(try (change.matmul(right.t()) - step).abs().amax().item() < 1e-4)
    }

    @Test(arguments: [false, true])
    func rowsAreAsLongAsTheirMagnitudes(resets: Bool) throws {
        var method = method(.weightNorm, rank: 3)
        method.resetMagnitude = resets
        let course = try Course(method, 6, 8)
        for index in 0..<5 {
            try course.step(index, course.gradient(index))
            let group = course.trainables.groups[0]
            let magnitude = group.extras["layer.weight/magnitude"]
            #expect((magnitude == nil) == resets)
            guard let magnitude else { continue }
            let norms = try course.variable.value.detach().norm(dims: [1], keepDim: true)
            #expect(try (norms - magnitude).abs().amax().item() < 1e-5)
        }
    }

    @Test func codesAreTheNearestOfABookThatHas256Entries() throws {
        for codes in [BlockCodes.signed, .unsigned] {
            #expect(codes.book.count == 256 && codes.book == codes.book.sorted() && Set(codes.book).count == 256)
            // A block that holds the book itself comes back as it is.
            let (stored, scales) = try codes.encode(Tensor(codes.book))
            #expect(try stored.array(of: UInt8.self) == Array(0...255))
            #expect(try codes.decode(stored, scales, shape: [256]).isEqual(to: Tensor(codes.book)))
        }
        #expect(BlockCodes.signed.book.contains(-0.99296875) && !BlockCodes.unsigned.book.contains { $0 < 0 })
        let values = try Tensor.normal([70, 9], key: RandomKey(seed: 3))
        let (stored, scales) = try BlockCodes.signed.encode(values)
        #expect(try stored.count == 630 && scales.count == 3)
        let error = try (BlockCodes.signed.decode(stored, scales, shape: [70, 9]) - values).abs().amax().item()
        #expect(try error < 0.01 * values.abs().amax().item())
        #expect(
            try BlockCodes.signed.decode(BlockCodes.signed.encode(.zeros([4])).codes, .zeros([1]), shape: [4])
                .isEqual(to: .zeros([4])))
    }

    @Test func largeMomentsAreHeldInBytesAndTrackTheOthers() throws {
        var eight = method(.plain, rank: 64)
        eight.eightBit = true
        var wide = method(.plain, rank: 64)
        wide.epsilon = 1e-8
        let (coded, plain) = (try Course(eight, 96, 64), try Course(wide, 96, 64))
        for index in 0..<5 {
            let gradient = try coded.gradient(index)
            try coded.step(index, gradient)
            try plain.step(index, gradient)
        }
        let extras = coded.trainables.groups[0].extras
        let moments = extras.filter { $0.key.contains("mean") || $0.key.contains("square") }
        let bytes = try moments.values.reduce(0) { try $0 + $1.count * ($1.dtype == .uint8 ? 1 : 4) }
        #expect(Double(bytes) / Double(2 * 96 * 64) <= 1.04)
        let start = try Tensor.normal([96, 64], key: RandomKey(seed: 1))
        let (a, b) = (try coded.variable.value.detach() - start, try plain.variable.value.detach() - start)
        #expect(try (a - b).norm().item() < 0.1 * b.norm().item())
    }

    @Test func optionsThatCannotBeAreRefused() throws {
        let wrong = [
            #"{"rank": 0}"#, #"{"update_proj_gap": 0}"#, #"{"scale": 0}"#, #"{"lora_dropout": 1}"#,
            #"{"eight_bit": true, "parametrization": "weight_norm"}"#,
        ]
        for options in wrong {
            #expect(throws: MethodError.self, "\(options)") {
                try JSON.Node(JSON.parse(options)).decode(GradNormLoRP.self)
            }
        }
    }
}
