import Foundation
import JSON
import Testing
import Verification

@Suite struct VerifyTests {
    @Test(arguments: ["lora", "dora", "pissa", "olora", "loftq"])
    func theBundledCasesOfEveryMethodPass(_ slug: String) throws {
        let outcome = try Program.run(["verify", slug])
        #expect(outcome.status == 0)
        #expect(outcome.lines.last?.hasSuffix(" passed, 0 failed, 0 unsupported") == true)
        #expect(outcome.lines.dropLast().allSatisfy { $0.hasPrefix(slug) && $0.contains("  pass  ") })
    }

    @Test func jsonHasOneObjectPerCaseWithTheAgreedKeys() throws {
        let outcome = try Program.run(["verify", "--json", "dora", "loftq"])
        let keys = try outcome.lines.map { try JSON.Node(JSON.parse($0)).object().keys }
        #expect(keys.count >= 2)
        #expect(keys.allSatisfy { $0 == ["slug", "case", "kind", "status", "max_error", "detail"] })
        let first = try JSON.Node(JSON.parse(outcome.lines[0]))
        #expect(try first.field("status").string() == "pass")
        #expect(try first.field("max_error").double() <= 1)
    }

    @Test func aFailedCaseEndsWithStatusOne() throws {
        try TemporaryFolder.with { folder in
            try copyCase(to: folder.appendingPathComponent("lora/tight")) { object in
                object["tolerance"] = ["atol": 0, "rtol": 0]
            }
            let outcome = try Program.run(["verify", "--cases", folder.path])
            #expect(outcome.status == 1)
            #expect(outcome.output.contains("times the tolerance"))
            #expect(outcome.lines.last == "0 passed, 1 failed, 0 unsupported")
        }
    }

    @Test func anUnsupportedCaseIsNoFailure() throws {
        try TemporaryFolder.with { folder in
            try copyCase(to: folder.appendingPathComponent("tomorrow/a")) { $0["method"] = "tomorrow" }
            let outcome = try Program.run(["verify", "--cases", folder.path, "--json"])
            #expect(outcome.status == 0)
            let line = try JSON.Node(JSON.parse(try #require(outcome.lines.first)))
            #expect(try line.field("status").string() == "unsupported")
            #expect(try line.field("max_error").isNull)
        }
    }

    @Test func aBrokenCaseFailsAloneAndIsNamedByItsFolders() throws {
        try TemporaryFolder.with { folder in
            try copyCase(to: folder.appendingPathComponent("lora/a")) { _ in }
            let broken = folder.appendingPathComponent("lora/broken")
            try FileManager.default.createDirectory(at: broken, withIntermediateDirectories: true)
            try Data("{".utf8).write(to: broken.appendingPathComponent("case.json"))
            let outcome = try Program.run(["verify", "--cases", folder.path, "lora"])
            #expect(outcome.status == 1)
            #expect(outcome.lines.last == "1 passed, 1 failed, 0 unsupported")
        }
    }

    @Test func foldersWithoutCasesAndUnknownSlugsAreErrors() throws {
        try TemporaryFolder.with { folder in
            let empty = try Program.run(["verify", "--cases", folder.path])
            #expect(empty.status == 1)
            #expect(empty.errors.contains("holds no case"))
        }
        #expect(try Program.run(["verify", "--cases", "/no/such/folder"]).errors.contains("no such folder"))
        let unknown = try Program.run(["verify", "lorra"])
        #expect(unknown.status == 1)
        #expect(unknown.errors.contains("the nearest is `lora`"))
    }

    private func copyCase(to target: URL, _ change: (inout JSON.Object) -> Void) throws {
        try FileManager.default.createDirectory(
            at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
        try FileManager.default.copyItem(at: Verification.bundledCases("methods/lora/a"), to: target)
        let file = target.appendingPathComponent("case.json")
        var object = try JSON.Node(contentsOf: file).object()
        change(&object)
        try TinyCheckpoint.write(.object(object), to: file)
    }
}
