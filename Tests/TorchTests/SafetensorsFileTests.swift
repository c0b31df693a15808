@testable import Files
import Foundation
import Testing

@testable import Torch

@Suite struct SafetensorsFileTests {
    @Test func whatPythonWroteReadsEqual() throws {
        let file = try SafetensorsFile(SafetensorsFixture.url("types.safetensors"))
        let expected = try SafetensorsFixture.tensors()
        #expect(file.metadata == ["format": "pt"])
        #expect(file.names.count == expected.count)
        for (name, tensor) in expected {
            let found = try file.tensor(name)
            #expect(try found.dtype == tensor.dtype)
            #expect(try found.isEqual(to: tensor), "\(name)")
        }
    }

    @Test func typesThatTensorsLackAreListedAndTheirBytesLent() throws {
        let file = try SafetensorsFile(SafetensorsFixture.url("unreadable.safetensors"))
        let types = Dictionary(uniqueKeysWithValues: file.entries.map { ($0.name, $0.dtype) })
        #expect(types == ["u16": .u16, "u32": .u32, "u64": .u64, "c64": .c64, "f8": .f8e4m3])
        #expect {
            _ = try file.tensor("u32")
        } throws: { error in
            let text = "\(error)"
            return text.contains("\"u32\"") && text.contains("U32") && text.contains("unreadable.safetensors")
        }
        #expect(try file.withBytes(of: "u16") { Array($0) } == [0, 0, 1, 0])
    }

    @Test func aMissingTensorNamesTheNearestAndNamesCompareByBytes() throws {
        let folder = try SafetensorsFolder()
        try folder.weights([("layer.0.query.weight", 1), ("layer.0.key.weight", 2), ("caf\u{E9}", 3)])
        let file = try SafetensorsFile(folder.url.appendingPathComponent("model.safetensors"))
        #expect {
            _ = try file.tensor("layer.0.qeury.weight")
        } throws: {
            "\($0)".hasSuffix("has no tensor \"layer.0.qeury.weight\"; did you mean \"layer.0.query.weight\"?")
        }
        #expect(throws: SafetensorsError.self) { try file.tensor("cafe\u{301}") }
        #expect(file.contains("caf\u{E9}") && !file.contains("cafe\u{301}"))
        #expect(throws: SafetensorsError.missing(file: file.header.path, name: "xyz", nearest: nil)) {
            try file.tensor("xyz")
        }
    }

    @Test func tensorsAreViewsOfAPrivateMapThatOutliveTheFile() throws {
        let folder = try SafetensorsFolder()
        try folder.weights([("a", 1)])
        let url = folder.url.appendingPathComponent("model.safetensors")
        let tensor = try SafetensorsFile(url).tensor("a")
        try folder.weights([("a", 5)])
        #expect(try tensor.array(of: Float.self) == [1])
        try tensor.mulInPlace(7)
        #expect(try tensor.array(of: Float.self) == [7])
        #expect(try SafetensorsFile(url).tensor("a").array(of: Float.self) == [5])
    }

    /// A file too large to be copied, whose data are zeros that take no space on the disk.
    private func largeFile(_ folder: borrowing SafetensorsFolder) throws -> URL {
        let size = MappedFile.largestCopy + 1
        let header = SafetensorsFixture.bytes(#"{"a":{"dtype":"U8","shape":[\#(size)],"data_offsets":[0,\#(size)]}}"#)
        let url = try folder.file(header)
        #expect(truncate(url.path, off_t(header.count + size)) == 0)
        return url
    }

    @Test func aLargeFileThatIsCutShortWhileItIsOpenIsAnError() throws {
        let folder = try SafetensorsFolder()
        let url = try largeFile(folder)
        let file = try SafetensorsFile(url)
        #expect(try file.tensor("a").shape == [MappedFile.largestCopy + 1])
        #expect(truncate(url.path, 1000) == 0)
        #expect(throws: FileError.shrank(path: url.path)) { try file.tensor("a") }
        #expect(throws: FileError.shrank(path: url.path)) { try file.withBytes(of: "a") { $0[0] } }
    }

    @Test func aLargeFileThatIsWrittenIntoWhileItIsOpenIsAnError() throws {
        let folder = try SafetensorsFolder()
        let url = try largeFile(folder)
        let file = try SafetensorsFile(url)
        let handle = try FileHandle(forWritingTo: url)
        try handle.seek(toOffset: 1 << 20)
        handle.write(Data([7]))
        try handle.close()
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 9)], ofItemAtPath: url.path)
        #expect(throws: FileError.changed(path: url.path)) { try file.tensor("a") }
        #expect(throws: FileError.changed(path: url.path)) { try file.requireUnchanged() }
    }

    @Test func aSmallFileMayBeCutShortWhileItIsOpen() throws {
        let folder = try SafetensorsFolder()
        try folder.weights([("a", 3)])
        let url = folder.url.appendingPathComponent("model.safetensors")
        let file = try SafetensorsFile(url)
        #expect(truncate(url.path, 0) == 0)
        #expect(try file.tensor("a").array(of: Float.self) == [3])
    }

    @Test func theMapEndsWithTheLastTensor() throws {
        weak var map: MappedFile?
        var tensor: Tensor? = try {
            let input = try FileInput(SafetensorsFixture.url("types.safetensors"))
            let file = try SafetensorsFile(input)
            map = file.map
            return try file.tensor("float32")
        }()
        #expect(map != nil)
        #expect(try tensor?.array(of: Float.self) == [0, 1, 2, 3, 4, 5])
        tensor = nil
        #expect(map == nil)
    }

    @Test func readingLeavesNoHandles() throws {
        // Other tests run meanwhile and hold handles of their own, far fewer than would leak here.
        let before = try (Engine.ensureLoaded(), Engine.liveHandles).1
        let file = try SafetensorsFile(SafetensorsFixture.url("types.safetensors"))
        for _ in 0..<400 {
            for name in file.names { _ = try file.tensor(name) }
            #expect(throws: SafetensorsError.self) { try file.tensor("nothing") }
        }
        #expect(Engine.liveHandles - before < 1000)
    }

    @Test func dataThatDoesNotSuitItsTypeIsCopied() throws {
        let folder = try SafetensorsFolder()
        // Header lengths of all remainders: most leave the numbers at addresses that are no multiple of 4.
        for padding in 0..<8 {
            let header =
                #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"# + String(repeating: " ", count: padding)
            var bytes = SafetensorsFixture.bytes(header, data: 8)
            bytes.replaceSubrange((bytes.count - 8)..., with: [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40])
            let tensor = try SafetensorsFile(folder.file(bytes)).tensor("a")
            #expect(try tensor.array(of: Float.self) == [1, 2])
            #expect(try ATen.dataAddress(tensor) % 4 == 0)
        }
    }

    @Test func entriesOfAnyOrderAreListedInTheOrderOfTheirData() throws {
        let folder = try SafetensorsFolder()
        let header =
            #"{"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},"#
            + #""e":{"dtype":"F32","shape":[3,0],"data_offsets":[1,1]},"#
            + #""a":{"data_offsets":[0,1],"shape":[],"dtype":"U8"}}  "#
        let file = try SafetensorsFile(folder.file(SafetensorsFixture.bytes(header, data: 3)))
        #expect(file.names == ["a", "e", "b"])
        #expect(file.entries.map(\.offset) == [8, 9, 9].map { $0 + header.utf8.count })
        #expect(try file.tensor("a").shape == [])
        #expect(try file.tensor("e").shape == [3, 0])
    }

    @Test func aHeaderWithoutTensorsIsAFile() throws {
        let folder = try SafetensorsFolder()
        let file = try SafetensorsFile(folder.file(SafetensorsFixture.bytes("{}")))
        #expect(file.names.isEmpty && file.metadata.isEmpty)
        let described = #"{"__metadata__":{"format":"pt"}}"#
        #expect(try SafetensorsFile(folder.file(SafetensorsFixture.bytes(described))).metadata == ["format": "pt"])
    }

    @Test func aHugeFileIsListedWithoutBeingRead() throws {
        let folder = try SafetensorsFolder()
        let size = 1 << 40
        let url = try folder.file(
            SafetensorsFixture.bytes(#"{"a":{"dtype":"U8","shape":[\#(size)],"data_offsets":[0,\#(size)]}}"#))
        let start = try Int(FileHandle(forReadingFrom: url).seekToEnd())
        // A sparse file: it takes no room on the disk.
        guard truncate(url.path, off_t(start + size)) == 0 else { return }
        #expect(try SafetensorsHeader(reading: url).entry("a").byteCount == size)
        // Larger than the memory of any machine that runs this, and still a map.
        let tensor = try SafetensorsFile(url).tensor("a")
        #expect(try tensor.narrow(0, size - 2, 2).array(of: UInt8.self) == [0, 0])
    }
}
