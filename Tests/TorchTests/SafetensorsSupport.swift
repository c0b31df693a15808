import Foundation
import Testing

@testable import Torch

/// A folder of its own that is gone after the test.
struct SafetensorsFolder: ~Copyable {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("graft-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    /// Writes bytes under a name.
    func file(_ bytes: [UInt8], _ name: String = "model.safetensors") throws -> URL {
        let file = url.appendingPathComponent(name)
        try Data(bytes).write(to: file)
        return file
    }

    /// Writes one-dimensional float32 tensors of one element under a name.
    func weights(_ values: [(String, Float)], _ name: String = "model.safetensors") throws {
        let tensors = try values.map { (name: $0.0, tensor: try Tensor([$0.1])) }
        try SafetensorsWriter.write(tensors, to: url.appendingPathComponent(name))
    }

    var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
    }
}

enum SafetensorsFixture {
    /// A file that `Scripts/fixtures/safetensors_fixtures.py` wrote with Python's safetensors.
    static func url(_ name: String) -> URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "SafetensorsFixtures/\(name)")
    }

    /// The tensors of `types.safetensors`, built here.
    static func tensors() throws -> [(name: String, tensor: Tensor)] {
        let small = try Tensor([0, 1, 2, 3, 4, 5] as [Float], shape: [2, 3])
        let odd = try Tensor([0, 1, 0, 1, 0, 1] as [Float], shape: [2, 3])
        var result: [(name: String, tensor: Tensor)] = try DType.allCases.map { dtype in
            ("\(dtype)", try (dtype == .bool ? odd : small).to(dtype))
        }
        result.append(("scalar", try .scalar(2.5)))
        result.append(("empty", try .empty([0, 4])))
        result.append(("caf\u{E9}", try Tensor([1 as Float])))
        result.append(("cafe\u{301}", try Tensor([2 as Float])))
        result.append(("quote \" backslash \\ tab \t", try Tensor([3 as Float])))
        return result
    }

    /// A file of any header and data; the length before the header is the header's own unless given.
    static func bytes(_ header: [UInt8], data: Int = 0, length: UInt64? = nil) -> [UInt8] {
        let length = length ?? UInt64(header.count)
        return (0..<8).map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) } + header
            + [UInt8](repeating: 0, count: data)
    }

    static func bytes(_ header: String, data: Int = 0, length: UInt64? = nil) -> [UInt8] {
        bytes(Array(header.utf8), data: data, length: length)
    }
}
