import Foundation
import Graft

// A product of two matrices and its gradient: enough to show that the engine was found and works.
do {
    let x = try Tensor([1, 2, 3, 4] as [Float], shape: [2, 2]).setRequiresGrad(true)
    let y = try x.matmul(x).sum()
    try y.backward()
    let gradient = try x.grad?.array(of: Float.self) ?? []
    print("libtorch \(try Engine.version()): the sum of x·x is \(try y.item()), its gradient \(gradient)")
} catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(1)
}
