import Foundation
import Golden
import Testing
import Verification

/// Cases of one family: a checkpoint with what transformers or timm compute of it.
func goldenCases(_ family: String) throws -> [URL] {
    try GoldenCase.folders(below: Verification.bundledCases("models/\(family)"))
}

@Suite struct EncoderGoldenTests {
    @Test(arguments: try ["bart", "bert", "roberta", "xlm-roberta"].flatMap(goldenCases))
    func encodersComputeWhatTransformersComputes(_ folder: URL) {
        let result = Verification.run(folder)
        #expect(result.status == .pass, "\(result.slug)/\(result.name): \(result.detail)")
    }

    @Test(arguments: try ["vit", "vit-timm"].flatMap(goldenCases))
    func visionTransformersComputeWhatTheReferencesCompute(_ folder: URL) {
        let result = Verification.run(folder)
        #expect(result.status == .pass, "\(result.slug)/\(result.name): \(result.detail)")
    }

    /// Cases elsewhere on this machine: the folders in GRAFT_CASES, with colons between them. What is not there yet
    /// may say so.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["GRAFT_CASES"] != nil))
    func furtherCasesDoNotFail() throws {
        let roots = ProcessInfo.processInfo.environment["GRAFT_CASES"] ?? ""
        for root in roots.split(separator: ":") {
            for folder in try GoldenCase.folders(below: URL(fileURLWithPath: String(root))) {
                let result = Verification.run(folder)
                #expect(result.status != .fail, "\(result.slug)/\(result.name): \(result.detail)")
            }
        }
    }
}
