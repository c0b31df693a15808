import Files
import Foundation
import Testing

@testable import Torch

@Suite struct SafetensorsWriterTests {
    @Test func ourFileIsPythonsFileByteForByte() throws {
        let folder = try SafetensorsFolder()
        let url = folder.url.appendingPathComponent("types.safetensors")
        let expected = try Data(contentsOf: SafetensorsFixture.url("types.safetensors"))
        for order in [try SafetensorsFixture.tensors(), try SafetensorsFixture.tensors().reversed()] {
            try SafetensorsWriter.write(order, metadata: ["format": "pt"], to: url)
            #expect(try Data(contentsOf: url) == expected)
        }
        #expect(try folder.names == ["types.safetensors"])
    }

    @Test func whatIsWrittenReadsBackEqual() throws {
        let folder = try SafetensorsFolder()
        let url = folder.url.appendingPathComponent("model.safetensors")
        let metadata = ["b": "2", "a": "\u{1F600}\n\"", "": ""]
        var tensors = try SafetensorsFixture.tensors()
        tensors.append(("", try .ones([1, 1, 1, 1, 2, 1])))
        try SafetensorsWriter.write(tensors, metadata: metadata, to: url)
        let file = try SafetensorsFile(url)
        #expect(file.metadata == metadata)
        for (name, tensor) in tensors { #expect(try file.tensor(name).isEqual(to: tensor), "\(name)") }
        #expect(file.entries.first.map { $0.offset % 8 } == 0)
    }

    @Test func transposedAndTrainableTensorsAreWrittenInRowMajorOrder() throws {
        let folder = try SafetensorsFolder()
        let url = folder.url.appendingPathComponent("model.safetensors")
        let matrix = try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
        let slice = try matrix.narrow(1, 1, 2).setRequiresGrad(true)
        try SafetensorsWriter.write([("t", matrix.t()), ("slice", slice)], to: url)
        let file = try SafetensorsFile(url)
        #expect(try file.tensor("t").array(of: Float.self) == [1, 4, 2, 5, 3, 6])
        #expect(try file.tensor("slice").array(of: Float.self) == [2, 3, 5, 6])
    }

    @Test func aStreamIsAskedForOneTensorAtATimeInTheOrderOfTheFile() throws {
        let folder = try SafetensorsFolder()
        let url = folder.url.appendingPathComponent("model.safetensors")
        let items = [
            SafetensorsWriter.Item(name: "small", dtype: .uint8, shape: [3]),
            SafetensorsWriter.Item(name: "b", dtype: .float32, shape: [2]),
            SafetensorsWriter.Item(name: "a", dtype: .float32, shape: []),
        ]
        let writer = try SafetensorsWriter(items)
        var asked: [String] = []
        try writer.write(to: url) { item in
            asked.append(item.name)
            return try .full(item.shape, Double(asked.count), dtype: item.dtype)
        }
        let file = try SafetensorsFile(url)
        #expect(asked == ["a", "b", "small"] && file.names == asked)
        #expect(file.header.fileSize == writer.byteCount)
        #expect(try file.tensor("small").array(of: UInt8.self) == [3, 3, 3])
    }

    @Test func aTensorOtherThanAnnouncedLeavesTheEarlierFile() throws {
        let folder = try SafetensorsFolder()
        try folder.weights([("a", 1)])
        let url = folder.url.appendingPathComponent("model.safetensors")
        let writer = try SafetensorsWriter([SafetensorsWriter.Item(name: "a", dtype: .float32, shape: [2])])
        for wrong in [try Tensor.ones([3]), try Tensor.ones([2], dtype: .float64)] {
            #expect { try writer.write(to: url) { _ in wrong } } throws: {
                "\($0)".contains("was announced as float32 [2]")
            }
        }
        #expect(try SafetensorsFile(url).tensor("a").array(of: Float.self) == [1])
        #expect(try folder.names == ["model.safetensors"])
    }

    @Test func namesAndShapesThatNoFileCanHaveAreRefused() throws {
        func refused(_ items: [(String, [Int])]) -> Bool {
            let items = items.map { SafetensorsWriter.Item(name: $0.0, dtype: .float32, shape: $0.1) }
            do { _ = try SafetensorsWriter(items) } catch { return error is SafetensorsError }
            return false
        }
        #expect(refused([("a", [1]), ("a", [2])]))
        #expect(refused([("__metadata__", [1])]))
        #expect(refused([("a", [-1])]))
        #expect(refused([("a", [1 << 40, 1 << 40])]))
        #expect(refused([("a", [1 << 60]), ("b", [1 << 60])]))
        #expect(!refused([("caf\u{E9}", [1]), ("cafe\u{301}", [1])]))
    }

    @Test func aFolderThatIsAFileAndAFolderInTheFilesPlaceAreErrors() throws {
        let folder = try SafetensorsFolder()
        let file = try folder.file([1], "x")
        let tensors = [(name: "a", tensor: try Tensor.ones([1]))]
        #expect(throws: FileError.system(.write, path: file.path + "/m.safetensors", code: ENOTDIR)) {
            try SafetensorsWriter.write(tensors, to: file.appendingPathComponent("m.safetensors"))
        }
        #expect(throws: FileError.notAFile(path: folder.url.path)) {
            try SafetensorsWriter.write(tensors, to: folder.url)
        }
        #expect(try folder.names == ["x"])
    }

    #if os(Linux)
        @Test(.enabled(if: geteuid() == 0))
        func aFullDiskLeavesTheEarlierFile() throws {
            let folder = try SafetensorsFolder()
            // Where the machine allows no mounts there is no disk to fill.
            guard mount("none", folder.url.path, "tmpfs", 0, "size=64k") == 0 else { return }
            defer { umount2(folder.url.path, Int32(MNT_DETACH)) }
            try folder.weights([("a", 1)])
            let url = folder.url.appendingPathComponent("model.safetensors")
            #expect(throws: FileError.system(.write, path: url.path, code: ENOSPC)) {
                try SafetensorsWriter.write([("a", .ones([1 << 20]))], to: url)
            }
            #expect(try SafetensorsFile(url).tensor("a").array(of: Float.self) == [1])
            #expect(try folder.names == ["model.safetensors"])
        }
    #endif
}
