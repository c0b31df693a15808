import Foundation
import Testing

@testable import Files

@Suite struct FolderLockTests {
    private func refusal(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch { return "\(error)" }
    }

    @Test func oneHolderAtATimeAlsoWithinAProcess() throws {
        let folder = try TemporaryFolder()
        var first: FolderLock? = try FolderLock(folder.url)
        let message = try #require(refusal { _ = try FolderLock(folder.url) })
        #expect(message.contains("process \(getpid())") && message.contains("since 20"), "\(message)")
        #expect(message.contains(folder.url.path))
        #expect(refusal { try FolderLock.requireFree(folder.url) } == message)
        #expect(first?.isEnforced == true)
        first = nil
        try FolderLock.requireFree(folder.url)
        #expect(try folder.names.isEmpty)
        _ = try FolderLock(folder.url)
    }

    @Test func whatAKilledProcessLeftIsTakenOver() throws {
        let folder = try TemporaryFolder()
        let file = folder.url.appendingPathComponent(FolderLock.fileName)
        try Data("process 1 on elsewhere since 1999-01-01T00:00:00Z\n".utf8).write(to: file)
        try FolderLock.requireFree(folder.url)
        let lock = try FolderLock(folder.url)
        #expect(try String(contentsOf: file, encoding: .utf8).hasPrefix("process \(getpid())"))
        withExtendedLifetime(lock) {}
    }

    @Test func aHolderWhoWritesNonsenseIsStillOneLine() throws {
        let folder = try TemporaryFolder()
        let lock = try FolderLock(folder.url)
        let file = folder.url.appendingPathComponent(FolderLock.fileName)
        // Into the same file: a rename would be another one.
        let handle = try FileHandle(forWritingTo: file)
        try handle.truncate(atOffset: 0)
        try handle.write(contentsOf: Data([27, 91, 51, 49, 109, 255, 0] + [UInt8](repeating: 65, count: 5000)))
        let message = try #require(refusal { _ = try FolderLock(folder.url) })
        #expect(message.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value < 127 })
        #expect(message.count < folder.url.path.count + 400)
        withExtendedLifetime(lock) {}
    }

    @Test func aFolderThatIsReplacedIsNoticed() throws {
        let folder = try TemporaryFolder()
        let output = folder.url.appendingPathComponent("run")
        try AtomicFolder.makeFolder(output.path)
        let lock = try FolderLock(output)
        try lock.requireInPlace()
        #expect(rename(output.path, output.path + "-elsewhere") == 0)
        #expect(throws: FileError.vanished(path: output.path)) { try lock.requireInPlace() }
        try AtomicFolder.makeFolder(output.path)
        #expect(throws: FileError.vanished(path: output.path)) { try lock.requireInPlace() }
        let other = try FolderLock(output)
        #expect(try FileManager.default.contentsOfDirectory(atPath: output.path) == [FolderLock.fileName])
        withExtendedLifetime((lock, other)) {}
    }

    @Test func manyWhoWantItGetItOneByOne() async throws {
        let folder = try TemporaryFolder()
        let url = folder.url
        let held = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<200 {
                        guard let lock = try? FolderLock(url) else { continue }
                        held.enter()
                        usleep(100)
                        held.leave()
                        withExtendedLifetime(lock) {}
                    }
                }
            }
        }
        #expect(held.most == 1)
    }

    /// How many are inside at a time.
    private final class Counter: @unchecked Sendable {
        private let lock = NSLock()
        private var count = 0
        private(set) var most = 0
        func enter() {
            lock.withLock {
                count += 1
                most = max(most, count)
            }
        }
        func leave() { lock.withLock { count -= 1 } }
    }
}

@Suite struct TidyTests {
    private func make(_ names: [String], in folder: URL) throws {
        for name in names {
            let item = folder.appendingPathComponent(name)
            try FileManager.default.createDirectory(at: item, withIntermediateDirectories: true)
            try Data(name.utf8).write(to: item.appendingPathComponent("content"))
        }
    }

    @Test func namesAreReadAsTheyAreWritten() {
        for name in [TemporaryName(), TemporaryName(target: "checkpoint-5"), TemporaryName(target: "a-b c").old] {
            #expect(TemporaryName(name.text) == name)
        }
        let others = [
            "checkpoint-5", ".graft.lock", ".graft-.tmp", ".graft--x.tmp", ".graft-a-B.tmp", "graft-x.tmp", ".graft-x",
        ]
        for name in others { #expect(TemporaryName(name) == nil, "\(name)") }
    }

    @Test func leftOversOfTheNamesThatAreMeantGo() throws {
        let folder = try TemporaryFolder()
        let kept = ["mine", ".graft-merged-x1.tmp", ".graft-checkpoint-9-.tmp", ".graft.lock"]
        try make(kept + [".graft-abc.tmp", ".graft-checkpoint-7-x1.tmp"], in: folder.url)
        try AtomicFolder.tidy(folder.url) { $0.map { $0.hasPrefix("checkpoint-") } ?? true }
        #expect(try folder.names == kept.sorted())
    }

    @Test(arguments: [true, false])
    func aFolderThatWasMovedAsideComesBackWhereNothingTookItsPlace(isReplaced: Bool) throws {
        let folder = try TemporaryFolder()
        try make([".graft-checkpoint-7-x1.tmp.old", ".graft-checkpoint-7-x1.tmp"], in: folder.url)
        if isReplaced { try make(["checkpoint-7"], in: folder.url) }
        try AtomicFolder.tidy(folder.url) { _ in true }
        #expect(try folder.names == ["checkpoint-7"])
        let content = folder.url.appendingPathComponent("checkpoint-7/content")
        #expect(
            try String(contentsOf: content, encoding: .utf8)
                == (isReplaced ? "checkpoint-7" : ".graft-checkpoint-7-x1.tmp.old"))
    }

    @Test func aFolderIsCreatedWhereThereIsNoneOrAnEmptyOne() throws {
        let folder = try TemporaryFolder()
        let target = folder.url.appendingPathComponent("new")
        try AtomicFolder.makeFolder(target.path)
        try AtomicFolder.create(at: target) { try AtomicFile.write([1], to: $0.appendingPathComponent("a")) }
        #expect(throws: FileError.self) {
            try AtomicFolder.create(at: target) { try AtomicFile.write([2], to: $0.appendingPathComponent("a")) }
        }
        #expect(try Data(contentsOf: target.appendingPathComponent("a")) == Data([1]))
        try AtomicFolder.remove(target)
        #expect(try folder.names.isEmpty)
    }
}
