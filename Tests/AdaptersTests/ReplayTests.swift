import Foundation
import Golden
import Testing
import Verification

@Suite struct ReplayTests {
    @Test(arguments: try GoldenCase.folders(below: Verification.bundledCases("adapters")))
    func passes(_ folder: URL) {
        let result = Verification.run(folder)
        #expect(result.status == .pass, "\(result.slug)/\(result.name): \(result.detail)")
    }
}
