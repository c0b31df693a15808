import Foundation

/// The execution at which the planted faults show: after the corpus, so that a mutant brings it out.
private func isDue(_ folder: URL) throws -> Bool { try PlantedCrash.bytes(in: folder) != Array("seed\n".utf8) }

struct PlantedCrash: FuzzReader {
    static let name = "planted-crash"
    static let words: [String] = []

    init(corpus: URL) {}

    func read(_ folder: URL) throws {
        let bytes = try Self.bytes(in: folder)
        if try isDue(folder) { _ = bytes[bytes.count] }
    }
}

struct PlantedHang: FuzzReader {
    static let name = "planted-hang"
    static let words: [String] = []

    init(corpus: URL) {}

    func read(_ folder: URL) throws {
        var rounds = 0
        while try isDue(folder) { rounds &+= 1 }
    }
}

struct PlantedHoard: FuzzReader {
    static let name = "planted-hoard"
    static let words: [String] = []

    init(corpus: URL) {}

    func read(_ folder: URL) throws {
        guard try isDue(folder) else { return }
        let hoard = [UInt8](repeating: 1, count: 400 << 20)
        guard hoard.last == 1 else { throw FuzzFault("no memory") }
    }
}

struct PlantedEscape: FuzzReader {
    static let name = "planted-escape"
    static let words: [String] = []

    init(corpus: URL) {}

    func read(_ folder: URL) throws {
        guard try isDue(folder) else { return }
        _ = try Data(contentsOf: folder.deletingLastPathComponent().appendingPathComponent(Workspace.outside))
    }
}

struct PlantedMessage: FuzzReader {
    static let name = "planted-message"
    static let words: [String] = []

    init(corpus: URL) {}

    func read(_ folder: URL) throws {
        if try isDue(folder) { throw FuzzFault.Refusal(String(repeating: "long ", count: 10_000)) }
    }
}
