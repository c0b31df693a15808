import Foundation
import JSON
import Testing

@testable import GraftFuzz

@Suite struct FuzzTests {
    /// A short run over every reader; `make fuzz` goes on from there.
    @Test func readersSurviveAShortRun() throws {
        let outcome = try Fuzzer.run(["--executions", "2600", "--seed", "7"])
        #expect(outcome.status == 0, "\(outcome.output)")
        #expect(outcome.output.contains("2600 executions, seed 7, 0 findings"), "\(outcome.output)")
    }

    /// What is not damaged must be read: a corpus that is refused as a whole would prove nothing.
    @Test(arguments: FuzzReaders.all.map { $0.name })
    func theCorpusItselfIsRead(_ reader: String) throws {
        let cases = try FuzzCase.corpus(in: Fuzzer.corpus.appendingPathComponent(reader)).count
        let outcome = try Fuzzer.run(["--executions", "\(cases)", "--reader", reader])
        #expect(outcome.status == 0, "\(outcome.output)")
        let taken = outcome.output.split(separator: ",").first { $0.hasSuffix("taken") }
        #expect(taken.flatMap { Int($0.split(separator: " ")[0]) } ?? 0 >= (cases + 1) / 2, "\(outcome.output)")
    }

    @Test(arguments: [
        ("planted-crash", "it crashed with signal"), ("planted-hang", "it took more than 1 seconds of the processor"),
        ("planted-hoard", "the peak of memory grew"), ("planted-escape", "a file outside of the folder was read"),
        ("planted-message", "an error of 50000 bytes"),
    ])
    func aPlantedFaultIsFoundAndItsInputKept(_ reader: String, _ words: String) throws {
        let findings = FileManager.default.temporaryDirectory.appendingPathComponent("fuzz-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: findings) }
        let outcome = try Fuzzer.run(
            ["--executions", "3", "--seed", "5", "--reader", reader, "--findings", findings.path, "--seconds", "1"])
        #expect(outcome.status == 1, "\(outcome.output)")
        #expect(outcome.output.contains("\(reader)-5-1: \(words)"), "\(outcome.output)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: findings.path).contains("\(reader)-5-1"))
    }

    @Test func whatAnExecutionGetsDependsOnItsNumberAlone() throws {
        let corpus = try FuzzCase.corpus(in: Fuzzer.corpus.appendingPathComponent("tokenizer"))
        let (one, other) = (0..<2).map { _ in Mutator(reader: "tokenizer", corpus: corpus, words: ["a"], seed: 3) }.pair
        for execution in 0..<200 {
            let (left, right) = (one.files(execution).files, other.files(execution).files)
            #expect(left.map(\.name) == right.map(\.name) && left.map(\.content) == right.map(\.content))
        }
        let differing = Mutator(reader: "tokenizer", corpus: corpus, words: ["a"], seed: 4)
        #expect((50..<60).contains { differing.files($0).files.map(\.content) != one.files($0).files.map(\.content) })
    }

    @Test func damageToValuesLeavesThemJSONAndDamageToHeadersTheirLength() throws {
        let mutator = Mutator(reader: "x", corpus: [], words: [], seed: 1)
        var (changed, framed) = (0, 0)
        for execution in 0..<300 {
            var random = FuzzRandom(seed: 1, reader: "x", execution: execution)
            var text = Array(#"{"a":[1,2,{"b":"c"}],"d":null,"e":"f"}"#.utf8)
            let before = text
            mutator.mutateJSON(&text, &random)
            changed += text == before ? 0 : 1
            let header = Array(#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#.utf8)
            var file = [UInt8(header.count), 0, 0, 0, 0, 0, 0, 0] + header + [1, 2]
            mutator.mutateSafetensors(&file, &random)
            let length = file[..<8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            framed += length <= UInt64(file.count) ? 1 : 0
        }
        #expect(changed > 250)
        #expect(framed > 250)
    }
}

/// The built fuzzer, run as `make fuzz` runs it.
enum Fuzzer {
    static let corpus = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Fuzz/Corpus")

    static func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
        let bundles = Bundle.allBundles.map(\.bundleURL).filter { $0.pathExtension == "xctest" }
        let folder = try #require((bundles.first ?? Bundle.main.executableURL)?.deletingLastPathComponent())
        let process = Process()
        process.executableURL = folder.appendingPathComponent("GraftFuzz")
        process.arguments = arguments + ["--corpus", corpus.path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }
}

extension [Mutator] {
    fileprivate var pair: (Mutator, Mutator) { (self[0], self[1]) }
}
