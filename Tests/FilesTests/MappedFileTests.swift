import Foundation
import Testing

@testable import Files

@Suite struct MappedFileTests {
    /// A file without contents that is large enough to be mapped.
    private static func large(in folder: URL) throws -> URL {
        let url = folder.appendingPathComponent("large")
        try Data().write(to: url)
        guard truncate(url.path, off_t(MappedFile.largestCopy + (1 << 20))) == 0 else {
            throw FileError.last(.write, url.path)
        }
        return url
    }

    #if compiler(>=6.2)
        @Test func whoTouchesPagesThatWereCutAwayEndsWithTheFilesName() async throws {
            let result = try await #require(
                processExitsWith: .exitCode(1), observing: [\.standardErrorContent]
            ) {
                let folder = try TemporaryFolder()
                MappedFileGuard.install()
                let map = try MappedFile(FileInput(MappedFileTests.large(in: folder.url)))
                #expect(truncate(folder.url.appendingPathComponent("large").path, 0) == 0)
                #expect(map.bytes[map.bytes.count / 2] == 0)
            }
            let text = String(decoding: result.standardErrorContent, as: UTF8.self)
            #expect(text.contains("/large can no longer be read: another program cut it short"), "\(text)")
        }

        @Test func afterTheMapIsGoneItsAddressesAreNotTheFiles() async throws {
            let result = try await #require(processExitsWith: .failure, observing: [\.standardErrorContent]) {
                let folder = try TemporaryFolder()
                MappedFileGuard.install()
                let file = try FileInput(MappedFileTests.large(in: folder.url))
                do { _ = try MappedFile(file) }
                // Another map of the same file, most likely in the same place, that nobody guards.
                let address = mmap(nil, file.size, PROT_READ, MAP_PRIVATE, file.descriptor, 0)
                #expect(truncate(file.path, 0) == 0)
                #expect(address?.load(as: UInt8.self) == 0)
            }
            #expect(!String(decoding: result.standardErrorContent, as: UTF8.self).contains("can no longer be read"))
        }
    #endif

    @Test func manyMapsComeAndGo() throws {
        let folder = try TemporaryFolder()
        let url = try Self.large(in: folder.url)
        for _ in 0..<3 {
            let maps = try (0..<20).map { _ in try MappedFile(FileInput(url)) }
            #expect(maps.allSatisfy { $0.bytes.count == MappedFile.largestCopy + (1 << 20) && $0.bytes[0] == 0 })
        }
    }
}
