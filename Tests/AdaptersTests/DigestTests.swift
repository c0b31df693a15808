import Adapters
import Backbones
import Foundation
import Methods
import Networks
import Testing
import Torch

@Suite struct DigestTests {
    @Test func isSHA256() throws {
        // FIPS 180-2, appendix B.1.
        var digest = Digest()
        Array("abc".utf8).withUnsafeBytes { digest.update($0) }
        #expect(
            digest.finalize() == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test func readsFilesInPieces() throws {
        try withFolder { folder in
            let url = folder.appendingPathComponent("file")
            let bytes = (0..<1_500_001).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            try Data(bytes).write(to: url)
            var digest = Digest()
            bytes.withUnsafeBytes { digest.update($0) }
            #expect(try Digest.file(url) == digest.finalize())
        }
    }

    @Test func ofTheBaseIsThatOfTheTouchedTensorsAlone() throws {
        try withFolder { folder in
            func digest(_ name: String, _ options: String, dtype: DType = .float32, shards: Int = 1) throws -> String? {
                let url = try TinyCheckpoint.write(
                    "bert", to: folder.appendingPathComponent(name), dtype: dtype, shards: shards)
                let model = try Backbones.load(url).model
                let grafts = try LoRA(options: options).grafts(for: model, key: RandomKey(seed: 1))
                return try BaseDigest.compute(grafts, on: model, checkpoint: url)
            }
            let plain = try digest("a", "{}")
            #expect(plain?.hasPrefix("sha256:") == true)
            #expect(try digest("b", #"{"r": 2, "use_dora": true}"#) == plain, "the method's options play no part")
            #expect(try digest("c", "{}", shards: 3) == plain, "sharding plays no part")
            #expect(try digest("d", #"{"target_modules": ["key"]}"#) != plain)
            #expect(try digest("e", #"{"modules_to_save": ["classifier"]}"#) != plain)
            #expect(try digest("f", "{}", dtype: .bfloat16) != plain, "the stored bytes count")
        }
    }
}
