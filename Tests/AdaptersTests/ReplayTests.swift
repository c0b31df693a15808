import Foundation
import Testing
import Verification

/// The bundled cases: see Fixtures/ORIGIN.md.
let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")

@Suite struct ReplayTests {
    @Test(arguments: try GoldenCase.folders(below: fixtures))
    func passes(_ folder: URL) {
        let result = Verification.run(folder)
        #expect(result.status == .pass, "\(result.slug)/\(result.name): \(result.detail)")
    }
}
