import Foundation

/// A reader of files from outside, as the fuzzer runs it.
protocol FuzzReader {
    /// Its name on the command line and its folder in the corpus.
    static var name: String { get }
    /// Words of its format.
    static var words: [String] { get }
    /// Whether it is handed a folder, whose files must be in it. Others are handed a file by its name, and who names a
    /// link means what it leads to.
    static var readsFolder: Bool { get }

    /// - Parameter corpus: the folder of the corpora of all readers.
    init(corpus: URL) throws

    /// Reads the files of a case.
    ///
    /// - Throws: the reader's own error where it refuses them, which is as good an end as any; `FuzzFault` where what it
    ///   accepted is not what it should be.
    func read(_ folder: URL) throws
}

extension FuzzReader {
    static var readsFolder: Bool { false }

    /// What damages its cases.
    static func mutator(_ corpus: [FuzzCase], seed: UInt64) -> Mutator {
        Mutator(reader: name, corpus: corpus, words: words, seed: seed, putsLinks: readsFolder)
    }
}

/// Something that must not be, found without a crash.
struct FuzzFault: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// All readers, in the order of their runs.
enum FuzzReaders {
    static var all: [any FuzzReader.Type] {
        [
            JSONReader.self, YAMLReader.self, ConfigurationReader.self, SafetensorsReader.self, CheckpointReader.self,
            TokenizerReader.self, PatternReader.self, DataReader.self, ImageReader.self, ModelReader.self,
            AdapterReader.self, RunReader.self, ManifestReader.self,
        ]
    }

    /// Readers with a fault of each kind, which prove that the fuzzer sees it.
    static var planted: [any FuzzReader.Type] {
        [
            PlantedCrash.self, PlantedHang.self, PlantedHoard.self, PlantedEscape.self, PlantedMessage.self,
        ]
    }

    static func named(_ name: String) throws -> any FuzzReader.Type {
        guard let reader = (all + planted).first(where: { $0.name == name }) else {
            throw FuzzFault("no reader is called \(name); there are \(all.map { $0.name }.joined(separator: ", "))")
        }
        return reader
    }
}
