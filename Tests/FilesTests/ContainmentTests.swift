import Foundation
import Testing

@testable import Files

@Suite struct ContainmentTests {
    private func link(_ place: URL, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: place.path, withDestinationPath: target)
    }

    @Test func aFileOfItsFolderIsAllowedAndSoIsOneThatIsNotThere() throws {
        let folder = try TemporaryFolder()
        let file = folder.url.appendingPathComponent("a")
        #expect(throws: Never.self) { try Containment.require(file, in: folder.url) }
        try Data().write(to: file)
        try link(folder.url.appendingPathComponent("b"), to: "a")
        for name in ["a", "b"] {
            #expect(throws: Never.self) {
                try Containment.require(folder.url.appendingPathComponent(name), in: folder.url)
            }
        }
    }

    @Test(arguments: ["../secret", "../model-2/secret", "/etc/hostname", "sub/../../secret"])
    func aLinkThatLeadsOutIsRefused(_ target: String) throws {
        let root = try TemporaryFolder()
        // The second has a name that begins as the folder's does.
        for name in ["model/sub", "model-2"] {
            try FileManager.default.createDirectory(
                at: root.url.appendingPathComponent(name), withIntermediateDirectories: true)
        }
        for name in ["secret", "model-2/secret"] { try Data().write(to: root.url.appendingPathComponent(name)) }
        let model = root.url.appendingPathComponent("model")
        let place = model.appendingPathComponent("model.safetensors")
        try link(place, to: target)
        try #require(FileManager.default.fileExists(atPath: place.path))
        #expect { try Containment.require(place, in: model) } throws: {
            guard case FileError.outside(place.path, _) = $0 else { return false }
            return "\($0)".contains("outside of its folder")
        }
    }

    @Test func aFolderOfTheFolderThatIsALinkIsRefused() throws {
        let root = try TemporaryFolder()
        for name in ["model", "other"] {
            try FileManager.default.createDirectory(
                at: root.url.appendingPathComponent(name), withIntermediateDirectories: true)
        }
        try Data().write(to: root.url.appendingPathComponent("other/a"))
        try link(root.url.appendingPathComponent("model/sub"), to: "../other")
        let model = root.url.appendingPathComponent("model")
        #expect(throws: FileError.self) { try Containment.require(model.appendingPathComponent("sub/a"), in: model) }
    }

    @Test func aSmallFileIsCopiedAndOutlivesItsEnd() throws {
        let folder = try TemporaryFolder()
        let file = folder.url.appendingPathComponent("a")
        try Data([1, 2, 3]).write(to: file)
        let map = try MappedFile(FileInput(file))
        #expect(truncate(file.path, 0) == 0)
        #expect(Array(map.bytes) == [1, 2, 3])
        #expect(throws: Never.self) { try map.requireUnchanged() }
    }

    @Test func aFileThatChangesBetweenOpeningAndCopyingIsAnError() throws {
        let folder = try TemporaryFolder()
        let file = folder.url.appendingPathComponent("a")
        try Data([1, 2, 3]).write(to: file)
        let input = try FileInput(file)
        #expect(truncate(file.path, 2) == 0)
        #expect(throws: FileError.shrank(path: file.path)) { try MappedFile(input) }
        #expect(truncate(file.path, 9) == 0)
        #expect(throws: FileError.changed(path: file.path)) { try MappedFile(input) }
    }
}
