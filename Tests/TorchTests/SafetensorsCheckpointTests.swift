import Files
import Foundation
import Testing

@testable import Torch

@Suite struct SafetensorsCheckpointTests {
    private static let index = "model.safetensors.index.json"
    private static let first = "model-00001-of-00002.safetensors"
    private static let second = "model-00002-of-00002.safetensors"

    /// Two shards and an index with these members of its weight_map.
    private func writeShards(_ folder: borrowing SafetensorsFolder, map: String, second: [(String, Float)] = [("c", 3)])
        throws
    {
        try folder.weights([("a", 1), ("b", 2)], Self.first)
        try folder.weights(second, Self.second)
        _ = try folder.file(Array(#"{"metadata":{"total_size":12},"weight_map":{\#(map)}}"#.utf8), Self.index)
    }

    private static let goodMap = #""a":"\#(first)","b":"\#(first)","c":"\#(second)""#

    private func error(in folder: URL) -> (any Error)? {
        do { _ = try CheckpointFiles(folder: folder) } catch { return error }
        return nil
    }

    @Test func oneFileIsACheckpointAndComesBeforeAnIndex() throws {
        let folder = try SafetensorsFolder()
        try writeShards(folder, map: Self.goodMap)
        try folder.weights([("a", 7)])
        let checkpoint = try CheckpointFiles(folder: folder.url)
        #expect(checkpoint.names == ["a"] && checkpoint.totalBytes == 4)
        #expect(checkpoint.files.map(\.lastPathComponent) == ["model.safetensors"])
        #expect(try checkpoint.tensor("a").array(of: Float.self) == [7])
    }

    @Test func shardsAreOneCheckpoint() throws {
        let folder = try SafetensorsFolder()
        try writeShards(folder, map: Self.goodMap)
        let checkpoint = try CheckpointFiles(folder: folder.url)
        #expect(checkpoint.names == ["a", "b", "c"] && checkpoint.totalBytes == 12)
        #expect(checkpoint.files.map(\.lastPathComponent) == [Self.first, Self.second])
        #expect(try checkpoint.names.flatMap { try checkpoint.tensor($0).array(of: Float.self) } == [1, 2, 3])
        #expect(try checkpoint.entry("c").shape == [1])
        #expect(try checkpoint.file(of: "c").lastPathComponent == Self.second)
        #expect(checkpoint.contains("c") && !checkpoint.contains("d"))
    }

    /// `blobs` holds the contents, `snapshots/<revision>` links to them.
    @Test func shardsMayBeLinksAsInTheCacheOfHuggingFace() throws {
        let cache = try SafetensorsFolder()
        let revision = cache.url.appendingPathComponent("snapshots/5f3a")
        for folder in [cache.url.appendingPathComponent("blobs"), revision] {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }
        try cache.weights([("a", 1)], "blobs/0123abcd")
        _ = try cache.file(Array(#"{"weight_map":{"a":"one.safetensors"}}"#.utf8), "blobs/4567")
        for (name, blob) in [("one.safetensors", "0123abcd"), (Self.index, "4567")] {
            try FileManager.default.createSymbolicLink(
                atPath: revision.appendingPathComponent(name).path, withDestinationPath: "../../blobs/\(blob)")
        }
        #expect(try CheckpointFiles(folder: revision).tensor("a").array(of: Float.self) == [1])
        let linked = cache.url.appendingPathComponent("mine")
        try FileManager.default.createSymbolicLink(at: linked, withDestinationURL: revision)
        #expect(try CheckpointFiles(folder: linked).tensor("a").array(of: Float.self) == [1])
    }

    @Test(arguments: ["model.safetensors", first, index])
    func linksThatLeadOutOfTheFolderAreRefused(_ name: String) throws {
        let elsewhere = try SafetensorsFolder()
        let folder = try SafetensorsFolder()
        try writeShards(folder, map: Self.goodMap)
        try elsewhere.weights([("a", 1), ("b", 2)], name)
        let place = folder.url.appendingPathComponent(name)
        try? FileManager.default.removeItem(at: place)
        let target = elsewhere.url.appendingPathComponent(name)
        try FileManager.default.createSymbolicLink(at: place, withDestinationURL: target)
        guard case .outside(let path, _) = error(in: folder.url) as? FileError else {
            Issue.record("not refused")
            return
        }
        #expect(path.hasSuffix(name))
    }

    @Test func aLinkWithinTheFolderIsFollowed() throws {
        let folder = try SafetensorsFolder()
        try folder.weights([("a", 1)], "weights.safetensors")
        try FileManager.default.createSymbolicLink(
            atPath: folder.url.appendingPathComponent("model.safetensors").path,
            withDestinationPath: "weights.safetensors")
        #expect(try CheckpointFiles(folder: folder.url).names == ["a"])
    }

    @Test func aDataFileIsOpenedWhenItsFirstTensorIsAskedFor() throws {
        let folder = try SafetensorsFolder()
        try writeShards(folder, map: Self.goodMap)
        let checkpoint = try CheckpointFiles(folder: folder.url)
        try FileManager.default.removeItem(at: folder.url.appendingPathComponent(Self.second))
        #expect(try checkpoint.tensor("a").array(of: Float.self) == [1])
        #expect(throws: FileError.self) { try checkpoint.tensor("c") }
    }

    @Test func aMissingTensorNamesTheNearest() throws {
        let folder = try SafetensorsFolder()
        try folder.weights([("encoder.weight", 1)])
        let checkpoint = try CheckpointFiles(folder: folder.url)
        #expect {
            _ = try checkpoint.tensor("encoder.wieght")
        } throws: {
            "\($0)".hasSuffix("have no tensor \"encoder.wieght\"; did you mean \"encoder.weight\"?")
        }
    }

    @Test func threadsMayReadTogether() async throws {
        let folder = try SafetensorsFolder()
        try writeShards(folder, map: Self.goodMap)
        let checkpoint = try CheckpointFiles(folder: folder.url)
        let sum = try await withThrowingTaskGroup(of: Double.self) { group in
            for number in 0..<90 {
                group.addTask { try checkpoint.tensor(checkpoint.names[number % 3]).item() }
            }
            return try await group.reduce(0, +)
        }
        #expect(sum == 180)
    }

    @Test(arguments: [
        "../model.safetensors", "/etc/x.safetensors", "sub/x.safetensors", "sub\\\\x.safetensors",
        "x\\u0000.safetensors",
        "", ".", "..", ".x.safetensors", "pytorch_model.bin", "x.safetensors/",
    ])
    func shardsThatAreNotPlainSafetensorsFilesAreRefused(_ shard: String) throws {
        let folder = try SafetensorsFolder()
        try writeShards(folder, map: #""a":"\#(shard)""#)
        guard case .index(let file, let problem) = error(in: folder.url) as? CheckpointError else {
            Issue.record("not refused")
            return
        }
        #expect(file.hasSuffix(Self.index) && problem.contains("which is not a"))
    }

    @Test(arguments: [
        ("", "empty"), (#""a":1"#, "mapped to a number"),
        (#""a":"x.safetensors","a":"y.safetensors""#, "appears twice"),
        (#""a":{}"#, "mapped to an object"), (#""a""#, "expected"),
    ])
    func indicesThatAreNoIndexAreRefused(_ map: String, words: String) throws {
        let folder = try SafetensorsFolder()
        try writeShards(folder, map: map)
        guard case .index(_, let problem) = error(in: folder.url) as? CheckpointError else {
            Issue.record("not refused")
            return
        }
        #expect(problem.contains(words))
    }

    @Test func indexAndShardsMustAgree() throws {
        let folder = try SafetensorsFolder()
        try writeShards(folder, map: Self.goodMap + #","d":"model-3.safetensors""#)
        #expect(
            error(in: folder.url) as? CheckpointError
                == .missingShard(index: folder.url.path + "/" + Self.index, shard: "model-3.safetensors"))
        let index = folder.url.path + "/" + Self.index
        try writeShards(folder, map: Self.goodMap + #","d":"\#(Self.first)""#)
        #expect(
            error(in: folder.url) as? CheckpointError
                == .missingTensor(index: index, name: "d", shard: Self.first, holder: nil))
        try writeShards(folder, map: #""a":"\#(Self.second)","b":"\#(Self.first)","c":"\#(Self.second)""#)
        #expect(
            error(in: folder.url) as? CheckpointError
                == .missingTensor(index: index, name: "a", shard: Self.second, holder: Self.first))
        try writeShards(folder, map: #""a":"\#(Self.first)","c":"\#(Self.second)""#)
        #expect(error(in: folder.url) as? CheckpointError == .unmapped(index: index, name: "b", shard: Self.first))
        try writeShards(folder, map: Self.goodMap, second: [("a", 1), ("c", 3)])
        #expect(
            error(in: folder.url) as? CheckpointError
                == .duplicate(folder: folder.url.path, name: "a", shards: [Self.first, Self.second]))
    }

    @Test func aDamagedShardIsNamed() throws {
        let folder = try SafetensorsFolder()
        try writeShards(folder, map: Self.goodMap)
        #expect(truncate(folder.url.path + "/" + Self.second, 40) == 0)
        #expect(String(describing: error(in: folder.url)).contains(Self.second))
    }

    @Test func pickleFilesAreRefusedWithAWayOut() throws {
        let folder = try SafetensorsFolder()
        _ = try folder.file([0x80, 2], "pytorch_model.bin")
        let text = String(describing: error(in: folder.url))
        #expect(
            text.contains("\"pytorch_model.bin\"") && text.contains("weights_only=True") && text.contains("save_file"))
    }

    @Test func foldersWithoutWeightsSayWhatIsThere() throws {
        let folder = try SafetensorsFolder()
        _ = try folder.file([1], "training_args.bin")
        #expect(error(in: folder.url) as? CheckpointError == .noWeights(folder: folder.url.path, found: []))
        try folder.weights([("a", 1)], "weights.safetensors")
        #expect(String(describing: error(in: folder.url)).contains("found \"weights.safetensors\""))
        let missing = folder.url.appendingPathComponent("no")
        #expect(throws: FileError.system(.read, path: missing.path, code: ENOENT)) {
            try CheckpointFiles(folder: missing)
        }
    }
}
