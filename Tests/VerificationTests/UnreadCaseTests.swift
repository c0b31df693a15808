import Foundation
import Golden
import Testing
import Verification

/// Cases that ask for what no replay reads.
@Suite struct UnreadCaseTests {
    private static func result(of text: String) throws -> CaseResult {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("unread-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: folder.appendingPathComponent("case.json"))
        return Verification.run(folder)
    }

    @Test(arguments: [
        (#"{"method": "lora", "kind": "layer", "config": {"r": 2}, "outputs": ["out.y"]}"#, "base.weight"),
        (#"{"method": "vera", "kind": "layer", "config": {"r": 2}, "outputs": ["out.y"]}"#, "shapes"),
        (#"{"method": "s2ft", "kind": "layer", "config": {}, "outputs": ["out.y"]}"#, "base.up_weight"),
        (#"{"method": "ssf", "kind": "layer", "config": {}, "outputs": ["out.y"]}"#, "block"),
        (#"{"method": "lora", "kind": "novel", "config": {}, "outputs": ["out.y"]}"#, "r"),
        (#"{"method": "nobody", "kind": "layer", "config": {}, "outputs": ["out.y"]}"#, "nobody"),
    ])
    func aCaseThatCannotBeReadIsUnsupportedAndSaysWhatIsMissing(_ text: String, _ missing: String) throws {
        let result = try Self.result(of: text)
        #expect(result.status == .unsupported)
        #expect(result.detail.contains(missing), "\(result.detail)")
    }

    @Test func aCaseThatIsNoJSONFails() throws {
        #expect(try Self.result(of: "{").status == .fail)
    }
}
