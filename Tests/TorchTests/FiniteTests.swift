import Testing
import Torch

@Suite struct FiniteTests {
    @Test(arguments: [DType.float32, .float64, .float16, .bfloat16], [1, 63, 64, 65, 200_001])
    func oneNumberThatIsNoneIsFoundAnywhere(_ dtype: DType, count: Int) throws {
        // Large, small and zero: their sum would overflow in half precision.
        var numbers = (0..<count).map { [60_000, -60_000, 1e-7, 0][$0 % 4] as Float }
        #expect(try Tensor(numbers).to(dtype).isAllFinite())
        for place in Set([0, count / 2, count - 1]) {
            for bad in [Float.nan, .infinity, -.infinity] {
                let good = numbers[place]
                numbers[place] = bad
                #expect(try !Tensor(numbers).to(dtype).isAllFinite())
                numbers[place] = good
            }
        }
    }

    @Test func viewsAndWholeNumbersAreLookedAt() throws {
        let matrix = try Tensor([1, 2, .infinity, 4, 5, 6] as [Float], shape: [2, 3])
        #expect(try !matrix.t().isAllFinite())
        #expect(try matrix.narrow(1, 0, 2).isAllFinite())
        #expect(try Tensor([Int64(1), 2]).isAllFinite())
        #expect(try Tensor.empty([0]).isAllFinite())
    }
}
