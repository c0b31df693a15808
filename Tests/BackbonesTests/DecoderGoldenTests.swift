import Foundation
import Golden
import Testing

@testable import Verification

@Test(
    "decoders give the reference's outputs and gradients",
    arguments: [
        "llama/a", "llama/a2", "llama/a3", "llama/both-biases", "llama/rope-dynamic", "llama/rope-llama3",
        "llama/rope-longrope-attention-older", "llama/rope-yarn-mscale-type", "mistral/a", "qwen2/a",
        "qwen2/classifier-pads-inside", "qwen2/window-from-1", "qwen3/a", "qwen3/layer-types", "gemma/older",
        "gemma2/a", "gemma2/rope-yarn", "gemma3/a", "gemma3/nested", "phi3/a", "phi3/longrope-0.5", "gpt2/a", "gpt2/a2",
        "gpt2/reorder-inverse",
    ])
func matchesReference(_ name: String) throws {
    let result = try ModelCase.run(GoldenCase(folder: Verification.bundledCases("models").appendingPathComponent(name)))
    #expect(result.status == .pass, "\(result.detail)")
}
