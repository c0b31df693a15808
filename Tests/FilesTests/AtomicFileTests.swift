import Foundation
import Testing

@testable import Files

/// A folder of its own that is gone after the test.
struct TemporaryFolder: ~Copyable {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("graft-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
    }
}

@Suite struct AtomicFileTests {
    private func code(_ body: () throws -> Void) -> Int32? {
        do {
            try body()
        } catch FileError.system(_, _, let code) {
            return code
        } catch {}
        return nil
    }

    @Test func aPartOfAnotherFileIsCopiedBehindWhatWasWritten() throws {
        let folder = try TemporaryFolder()
        let (source, target) = (
            folder.url.appendingPathComponent("source"), folder.url.appendingPathComponent("target")
        )
        let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) }
        try AtomicFile.write(bytes, to: source)
        let input = try FileInput(source)
        try AtomicFile.write(to: target) { output in
            try output.write([9])
            try output.copy(from: input, at: 5, count: 0)
            try output.copy(from: input, at: 1_000, count: 2_500_000)
            try output.write([8])
        }
        #expect(try Array(Data(contentsOf: target)) == [9] + bytes[1_000..<2_501_000] + [8])
    }

    @Test func aCopyBeyondTheEndSaysThatTheFileShrank() throws {
        let folder = try TemporaryFolder()
        let source = folder.url.appendingPathComponent("source")
        try AtomicFile.write([1, 2, 3], to: source)
        let input = try FileInput(source)
        #expect(throws: FileError.shrank(path: source.path)) {
            try AtomicFile.write(to: folder.url.appendingPathComponent("target")) {
                try $0.copy(from: input, at: 1, count: 3)
            }
        }
        #expect(try folder.names == ["source"])
    }

    @Test func aFileIsReplacedWholeAndKeepsItsPermissions() throws {
        let folder = try TemporaryFolder()
        let file = folder.url.appendingPathComponent("state.json")
        try AtomicFile.write([1, 2, 3], to: file)
        #expect(chmod(file.path, 0o600) == 0)
        try AtomicFile.write([4], to: file)
        #expect(try Data(contentsOf: file) == Data([4]))
        var facts = stat()
        #expect(stat(file.path, &facts) == 0 && facts.st_mode & 0o777 == 0o600)
        #expect(try folder.names == ["state.json"])
    }

    @Test func anErrorInTheMiddleLeavesTheEarlierFileAndNothingElse() throws {
        struct Stop: Error {}
        let folder = try TemporaryFolder()
        let file = folder.url.appendingPathComponent("state.json")
        try AtomicFile.write([1, 2, 3], to: file)
        #expect(throws: Stop.self) {
            try AtomicFile.write(to: file) { output in
                try output.write([9, 9])
                throw Stop()
            }
        }
        #expect(try Data(contentsOf: file) == Data([1, 2, 3]))
        #expect(try folder.names == ["state.json"])
    }

    @Test func aFolderThatVanishesMeanwhileIsAnError() throws {
        let folder = try TemporaryFolder()
        let inner = folder.url.appendingPathComponent("inner")
        try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: false)
        let code = code {
            try AtomicFile.write(to: inner.appendingPathComponent("x")) { _ in
                try FileManager.default.removeItem(at: inner)
            }
        }
        #expect(code == ENOENT)
    }

    @Test func aMissingFolderAndAFileInItsPlaceAreErrorsThatNameThePath() throws {
        let folder = try TemporaryFolder()
        let file = folder.url.appendingPathComponent("file")
        try AtomicFile.write([], to: file)
        #expect(code { try AtomicFile.write([1], to: file.appendingPathComponent("x")) } == ENOTDIR)
        #expect(code { try AtomicFile.write([1], to: folder.url.appendingPathComponent("no/x")) } == ENOENT)
        let error = FileError.system(.write, path: "/a/b", code: ENOENT)
        #expect("\(error)" == "cannot write /a/b: No such file or directory; the folder must exist")
    }

    @Test func foldersAndDevicesAreNotReplaced() throws {
        let folder = try TemporaryFolder()
        #expect(throws: FileError.notAFile(path: folder.url.path)) { try AtomicFile.write([1], to: folder.url) }
        #expect(throws: FileError.notAFile(path: "/dev/null")) {
            try AtomicFile.write([1], to: URL(fileURLWithPath: "/dev/null"))
        }
    }

    @Test func aNameAsLongAsTheSystemAllowsCanBeWritten() throws {
        let folder = try TemporaryFolder()
        let name = String(repeating: "n", count: 255)
        try AtomicFile.write([1], to: folder.url.appendingPathComponent(name))
        #expect(try folder.names == [name])
    }

    @Test func aSymbolicLinkIsReplacedAndItsTargetUntouched() throws {
        let folder = try TemporaryFolder()
        let (target, link) = (folder.url.appendingPathComponent("blob"), folder.url.appendingPathComponent("link"))
        try AtomicFile.write([1], to: target)
        try FileManager.default.createSymbolicLink(at: link, withDestinationURL: target)
        try AtomicFile.write([2], to: link)
        #expect(try Data(contentsOf: target) == Data([1]))
        #expect(try Data(contentsOf: link) == Data([2]))
    }

    @Test func anOutputThatOutlivesItsFileFails() throws {
        let folder = try TemporaryFolder()
        let output = try AtomicFile.write(to: folder.url.appendingPathComponent("x")) { $0 }
        #expect(code { try output.write([1]) } == EBADF)
    }

    #if os(Linux)
        @Test func aFullDeviceIsAnErrorWithTheSystemsReason() throws {
            let output = FileOutput(descriptor: open("/dev/full", O_WRONLY | O_CLOEXEC), path: "adapter")
            #expect(throws: FileError.system(.write, path: "adapter", code: ENOSPC)) { try output.write([1]) }
        }

        @Test(.enabled(if: geteuid() == 0))
        func aFullDiskLeavesTheEarlierFileAndNothingElse() throws {
            let folder = try TemporaryFolder()
            // Where the machine allows no mounts there is no disk to fill.
            guard mount("none", folder.url.path, "tmpfs", 0, "size=64k") == 0 else { return }
            defer { umount2(folder.url.path, Int32(MNT_DETACH)) }
            let file = folder.url.appendingPathComponent("state")
            try AtomicFile.write([1, 2, 3], to: file)
            #expect(code { try AtomicFile.write([UInt8](repeating: 7, count: 1 << 20), to: file) } == ENOSPC)
            #expect(try Data(contentsOf: file) == Data([1, 2, 3]))
            #expect(try folder.names == ["state"])
        }
    #endif
}

@Suite struct FileInputTests {
    @Test func foldersDevicesAndPipesAreRefusedAtOnce() throws {
        let folder = try TemporaryFolder()
        let pipe = folder.url.appendingPathComponent("pipe")
        #expect(mkfifo(pipe.path, 0o600) == 0)
        for url in [folder.url, pipe, URL(fileURLWithPath: "/dev/zero")] {
            #expect(throws: FileError.notAFile(path: url.path)) { try FileInput(url) }
        }
        #expect(throws: FileError.system(.open, path: folder.url.path + "/no", code: ENOENT)) {
            try FileInput(folder.url.appendingPathComponent("no"))
        }
    }

    @Test func readsBeyondTheEndAreErrors() throws {
        let folder = try TemporaryFolder()
        let file = folder.url.appendingPathComponent("x")
        try AtomicFile.write([1, 2, 3], to: file)
        let input = try FileInput(file)
        #expect(try input.read(at: 1, count: 2) == [2, 3])
        #expect(throws: FileError.shrank(path: file.path)) { try input.read(at: 2, count: 2) }
    }

    @Test func whatIsWrittenToAMapStaysPrivate() throws {
        let folder = try TemporaryFolder()
        let file = folder.url.appendingPathComponent("x")
        try AtomicFile.write([1, 2, 3], to: file)
        let map = try MappedFile(FileInput(file))
        map.bytes[0] = 9
        #expect(Array(map.bytes) == [9, 2, 3])
        #expect(try Data(contentsOf: file) == Data([1, 2, 3]))
        try AtomicFile.write([], to: file)
        #expect(try MappedFile(FileInput(file)).bytes.isEmpty)
    }
}
