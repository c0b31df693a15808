import Torch

// A product of two matrices, and the gradient of its sum: enough to show that the engine was found and works.
let x = try Tensor([1, 2, 3, 4] as [Float], shape: [2, 2]).setRequiresGrad(true)
let y = try x.matmul(x).sum()
try y.backward()
print("libtorch \(try Engine.version()): x·x sums to \(try y.item())")
