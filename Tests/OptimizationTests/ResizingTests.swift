import JSON
import Networks
import Testing
import Torch

@testable import Optimization

/// Variables whose tensors are exchanged in the middle of a training, and states that are put back.
@Suite struct ResizingTests {
    private func array(_ tensor: Tensor) throws -> [Float] { try tensor.detach().array() }

    private func make() throws -> (trainables: Trainables, first: Variable, grown: Variable, last: Variable) {
        let key = RandomKey(seed: 2)
        let first = try Variable("first", .normal([2, 2], key: key.derived("first")))
        let grown = try Variable("grown", .normal([3, 2], key: key.derived("grown")))
        let last = try Variable("last", .normal([5], key: key.derived("last")))
        return (
            try Trainables([ParameterGroup("g", [first, grown, last])], optimizer: AdamW(weightDecay: 0.1)), first,
            grown,
            last
        )
    }

    private func step(_ trainables: Trainables, _ index: Int) throws {
        try trainables.clearGradients()
        for variable in trainables.variables {
            try trainables.setGradient(
                of: variable, to: .normal(variable.value.shape, key: RandomKey(seed: index).derived(variable.name)))
        }
        try trainables.step(learningRate: 0.01, at: index)
    }

    @Test func growthKeepsMomentsAndZerosTheRest() throws {
        let (trainables, first, grown, last) = try make()
        try step(trainables, 0)
        let moment = try array(trainables.moment("mean", of: grown))
        let others = try [first, last].map { try array(trainables.moment("square", of: $0)) }
        let gradient = try array(#require(try trainables.gradient(of: last)))
        let values = try array(last.value)
        try trainables.replace(grown, with: Tensor.ones([4, 3]), moments: .extended)
        #expect(try grown.value.shape == [4, 3])
        #expect(try grown.value.requiresGrad)
        #expect(
            try array(trainables.moment("mean", of: grown)) == [
                moment[0], moment[1], 0, moment[2], moment[3], 0, moment[4], moment[5], 0, 0, 0, 0,
            ])
        #expect(try [first, last].map { try array(trainables.moment("square", of: $0)) } == others)
        #expect(try array(#require(try trainables.gradient(of: last))) == gradient)
        #expect(try array(last.value) == values)
        #expect(try trainables.group("g").clock == 1)
        try step(trainables, 1)
        #expect(trainables.count == 4 + 12 + 5)
    }

    @Test func indicesTakeTheirMomentsAndNegativeOnesNone() throws {
        let (trainables, _, grown, _) = try make()
        try step(trainables, 0)
        let moment = try array(trainables.moment("mean", of: grown))
        try trainables.replace(
            grown, with: Tensor.zeros([4, 2]), moments: .taken(dimension: 0, indices: [2, -1, 0, 2]))
        #expect(
            try array(trainables.moment("mean", of: grown)) == [
                moment[4], moment[5], 0, 0, moment[0], moment[1], moment[4], moment[5],
            ])
        // A view: writing to it seeds the optimizer.
        try withoutGradients { try trainables.moment("mean", of: grown).copyInPlace(Tensor.ones([4, 2])) }
        #expect(try trainables.moments(of: grown)["mean"].map(array) == [Float](repeating: 1, count: 8))
    }

    @Test func aTransferThatDoesNotFitChangesNothing() throws {
        let (trainables, _, grown, _) = try make()
        try step(trainables, 0)
        let moment = try array(trainables.moment("mean", of: grown))
        for transfer: MomentTransfer in [
            .extended, .taken(dimension: 0, indices: [0, 3]), .taken(dimension: 2, indices: [0]),
            .taken(dimension: 0, indices: [0]),
        ] {
            #expect(throws: OptimizationError.self) {
                try trainables.replace(grown, with: Tensor.zeros([2, 2]), moments: transfer)
            }
        }
        #expect(try grown.value.shape == [3, 2])
        #expect(try array(trainables.moment("mean", of: grown)) == moment)
        try trainables.replace(grown, with: Tensor.zeros([2, 2]), moments: .zeros)
        #expect(try array(trainables.moment("mean", of: grown)) == [0, 0, 0, 0])
    }

    @Test func aStateGoesOnToTheBit() throws {
        let (whole, first, grown, last) = try make()
        for index in 0..<2 { try step(whole, index) }
        try whole.replace(grown, with: Tensor.ones([4, 2]), moments: .extended)
        try whole.add(ParameterGroup("late", [Variable("late", Tensor.ones([3]))], weightDecay: 0.2, rate: .fixed(0.3)))
        try step(whole, 2)
        try whole.setActive("g", false)
        try whole.group("late").extras["basis"] = Tensor.ones([2, 2])

        let state = try whole.state()
        let text = try JSON.Node(JSON.parse(state.description.serialized()))
        let tensors = Dictionary(uniqueKeysWithValues: state.tensors.map { ($0.name, $0.tensor) })
        let copies = try Dictionary(
            uniqueKeysWithValues: whole.variables.map { ($0.name, try Variable($0.name, $0.value.detach().clone())) })
        let broken = try Trainables([], optimizer: AdamW(weightDecay: 0.1))
        try broken.restore(
            text, variable: { copies[$0] }, tensor: { try #require(tensors[$0]).clone() })
        #expect(broken.groups.map(\.name) == ["g", "late"])
        #expect(broken.groups.map(\.isActive) == [false, true])
        #expect(broken.groups.map(\.clock) == [3, 1])
        #expect(try broken.group("late").extras["basis"]?.shape == [2, 2])
        for trainables in [whole, broken] {
            try step(trainables, for: "late", 3)
            try trainables.setActive("g", true)
            for index in 4..<6 { try step(trainables, index) }
        }
        for variable in whole.variables {
            #expect(try array(variable.value) == array(#require(copies[variable.name]).value), "\(variable.name)")
        }
        #expect([first, grown, last].allSatisfy { whole.group(of: $0) != nil })
    }

    private func step(_ trainables: Trainables, for name: String, _ index: Int) throws {
        try trainables.clearGradients()
        for variable in try trainables.group(name).variables {
            try trainables.setGradient(of: variable, to: .normal(variable.value.shape, key: RandomKey(seed: index)))
        }
        try trainables.step(learningRate: 0.01, at: index)
    }

    @Test func aStateOfOtherVariablesIsRefused() throws {
        let (trainables, _, _, _) = try make()
        try step(trainables, 0)
        let state = try trainables.state()
        let node = JSON.Node(state.description)
        #expect(throws: OptimizationError.self) {
            try trainables.restore(node, variable: { _ in nil }, tensor: { _ in try Tensor.zeros([1]) })
        }
        let variables = Dictionary(uniqueKeysWithValues: trainables.variables.map { ($0.name, $0) })
        #expect(throws: OptimizationError.self) {
            try trainables.restore(node, variable: { variables[$0] }, tensor: { _ in try Tensor.zeros([1]) })
        }
    }
}
