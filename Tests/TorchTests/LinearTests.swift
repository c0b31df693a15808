import Testing
import Torch

/// Few rows go another way than one or many: all ways compute the same.
@Suite struct LinearTests {
    @Test(arguments: [1, 2, 3, 16, 64, 65], [true, false])
    func isTheProductForAnyNumberOfRows(rows: Int, hasBias: Bool) throws {
        let x = try Tensor.normal([rows, 200], key: RandomKey(seed: 1))
        let weight = try Tensor.normal([400, 200], key: RandomKey(seed: 2))
        let bias = hasBias ? try Tensor.normal([400], key: RandomKey(seed: 3)) : nil
        var exact = try x.to(.float64).matmul(weight.to(.float64).t())
        if let bias { exact = try exact + bias.to(.float64) }
        let found = try withoutGradients { try x.linear(weight, bias) }
        #expect(try found.shape == [rows, 400])
        #expect(try (found.to(.float64) - exact).abs().amax().item() < 1e-4)
        let deep = try withoutGradients { try x.reshape([1, rows, 200]).linear(weight, bias) }
        #expect(try deep.shape == [1, rows, 400])
        #expect(try (deep.reshape([rows, 400]).to(.float64) - exact).abs().amax().item() < 1e-4)
        // Rows that do not lie side by side.
        let apart = try Tensor.cat([x, x], dim: 1).narrow(1, 0, 200)
        #expect(
            try (withoutGradients { try apart.linear(weight, bias) }.to(.float64) - exact).abs().amax().item() < 1e-4)
    }

    @Test(arguments: [2, 16])
    func keepsGradientsWhereTheyAreWanted(rows: Int) throws {
        let x = try Tensor.normal([rows, 200], key: RandomKey(seed: 1)).setRequiresGrad(true)
        let weight = try Tensor.normal([400, 200], key: RandomKey(seed: 2))
        try x.linear(weight).sum().backward()
        let gradient = try #require(try x.grad)
        #expect(try (gradient - weight.sum([0])).abs().amax().item() < 1e-3)
    }
}
