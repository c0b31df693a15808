import Adapters
import Golden
import JSON
import Torch

/// Replays the compression of updates.
struct ComPEFTReplay: Replay {
    let slugs = ["compeft"]

    func run(_ golden: GoldenCase) throws -> CaseResult {
        var compeft = ComPEFT()
        let config = golden.config
        compeft.density = try config.optional("density")?.double() ?? compeft.density
        compeft.alpha = try config.optional("alpha")?.double() ?? compeft.alpha
        compeft.sigma = try choice(config, "sigma", compeft.sigma)
        compeft.scope = try choice(config, "scope", compeft.scope)
        let startsAtZero = try config.optional("lora_reference")?.string() == "zero"
        let prefix = "in.tuned."
        let changes = try golden.names(beginningWith: prefix).map { name in
            let tuned = try golden.tensor(prefix + name)
            let start = try startsAtZero ? tuned.zerosLike() : golden.tensor("in.init." + name)
            return ComPEFT.Change(name: name, start: start, tuned: tuned)
        }
        let update = try compeft.compress(changes)
        let starts = Dictionary(changes.map { ($0.name, $0.start) }, uniquingKeysWith: { first, _ in first })

        var comparison = Comparison(golden)
        for (index, tensor) in update.tensors.enumerated() {
            guard let start = starts[tensor.name] else { continue }
            comparison.produced("out.signs.\(tensor.name)", try update.signs(of: index))
            comparison.produced("out.compressed.\(tensor.name)", try update.tensor(index, from: start))
        }
        comparison.produced("out.sigma", try Tensor(update.parts.map { $0.sigma ?? .nan }))
        let nonzeros = update.parts.map { Int64($0.nonzeros) }
        comparison.produced("out.nonzeros", try Tensor(nonzeros))
        comparison.produced("out.golomb_parameter", try Tensor([Int64(update.riceParameter)]))
        comparison.produced("out.bitstream", try Tensor(update.riceBits.map { $0 ? UInt8(1) : 0 }))
        comparison.produced("out.entropy_bits", try Tensor([update.entropyBits]))
        return try comparison.result()
    }

    private func choice<Value: RawRepresentable>(_ config: JSON.Node, _ key: String, _ standard: Value) throws -> Value
    where Value.RawValue == String {
        guard let name = try config.optional(key)?.string() else { return standard }
        guard let value = Value(rawValue: name) else {
            throw CompressionError.option("\(key): the case has the unknown value `\(name)`")
        }
        return value
    }
}
