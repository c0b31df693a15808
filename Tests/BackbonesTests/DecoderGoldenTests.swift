import Foundation
import Testing

@testable import Verification

@Test(
    "decoders give the reference's outputs and gradients",
    arguments: [
        "llama/a", "llama/a2", "llama/a3", "mistral/a", "qwen2/a", "qwen3/a", "gemma2/a", "gemma3/a", "phi3/a",
        "gpt2/a",
        "gpt2/a2",
    ])
func matchesReference(_ name: String) throws {
    let result = try ModelCase.run(GoldenCase(folder: Verification.bundledCases("models").appendingPathComponent(name)))
    #expect(result.status == .pass, "\(result.detail)")
}
