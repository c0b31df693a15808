/// Damages the cases of a corpus. What execution N of a reader gets is a function of seed, reader, N and corpus, so that
/// a finding is told by these four.
struct Mutator: Sendable {
    /// The reader's name.
    let reader: String
    /// Whole cases.
    let corpus: [FuzzCase]
    /// Words that mean something to the reader, put in at random places.
    let words: [[UInt8]]
    /// Seed of all draws.
    let seed: UInt64
    /// Whether links that lead out take the places of files.
    let putsLinks: Bool

    /// No file grows beyond this: the readers' bounds for larger ones have tests of their own.
    static let largestFile = 1 << 17

    init(reader: String, corpus: [FuzzCase], words: [String], seed: UInt64, putsLinks: Bool = false) {
        self.reader = reader
        self.corpus = corpus
        self.words = (words + Self.commonWords).map { Array($0.utf8) }
        self.seed = seed
        self.putsLinks = putsLinks
    }

    /// The files of an execution: the corpus as it is, then damaged cases.
    func files(_ execution: Int) -> FuzzCase {
        if execution < corpus.count { return corpus[execution] }
        var random = FuzzRandom(seed: seed, reader: reader, execution: execution)
        guard var damaged = random.pick(corpus), !damaged.files.isEmpty else { return FuzzCase(name: "", files: []) }
        let rounds = 1 << random.below(4)
        for _ in 0..<rounds { mutate(&damaged, &random) }
        return damaged
    }

    private func mutate(_ damaged: inout FuzzCase, _ random: inout FuzzRandom) {
        if random.oneIn(60) { return mutateFolder(&damaged, &random) }
        let place = random.below(damaged.files.count)
        let name = damaged.files[place].name
        guard case .bytes(var bytes) = damaged.files[place].content else { return }
        let isStructured = !random.oneIn(3)
        if isStructured, name.hasSuffix(".safetensors") {
            mutateSafetensors(&bytes, &random)
        } else if isStructured, name.hasSuffix(".json") {
            mutateJSON(&bytes, &random)
        } else {
            mutateBytes(&bytes, like: name, &random)
        }
        damaged.files[place].content = .bytes(Array(bytes.prefix(Self.largestFile)))
    }

    /// Removes a file, empties it, swaps two, or puts a link that leads out in its place.
    private func mutateFolder(_ damaged: inout FuzzCase, _ random: inout FuzzRandom) {
        let place = random.below(damaged.files.count)
        switch random.below(4) {
        case 0 where damaged.files.count > 1: damaged.files.remove(at: place)
        case 1: damaged.files[place].content = .bytes([])
        case 2:
            let other = random.below(damaged.files.count)
            let content = damaged.files[place].content
            damaged.files[place].content = damaged.files[other].content
            damaged.files[other].content = content
        case _ where putsLinks: damaged.files[place].content = .link("../\(Workspace.outside)")
        default: break
        }
    }
}

// MARK: Bytes

extension Mutator {
    private static let commonWords = [
        "../\(Workspace.outside)", "..", "/", "null", "true", "-1", "0", "1e999", "-0", "NaN",
        "9223372036854775807", "-9223372036854775808", "18446744073709551616", "4294967296", "2147483648", "1073741824",
        "\u{0}", "\u{1B}[2J", "\u{FEFF}", "\u{301}", "\u{1F469}\u{200D}\u{1F469}", "\u{FDFA}", "\\ud800", "\\u0000",
        "\"", "{", "}", "[", "]", ":", ",", "\n", "\r", "\t",
    ]

    static let interestingNumbers: [Int64] = [
        0, 1, -1, 2, 3, 7, 8, 64, 127, 128, 255, 256, 4095, 65_535, 65_536, 1 << 20, 1 << 30, 1 << 31, (1 << 31) - 1,
        1 << 32, 1 << 40, 1 << 53, 1 << 62, .max, .max - 7, .min,
    ]

    func mutateBytes(_ bytes: inout [UInt8], like name: String, _ random: inout FuzzRandom) {
        guard !bytes.isEmpty else {
            bytes = random.pick(words) ?? []
            return
        }
        let place = random.below(bytes.count)
        switch random.below(11) {
        case 0: bytes[place] ^= 1 << UInt8(random.below(8))
        case 1: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 2: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random.below(16)))
        case 3: bytes.removeSubrange(place...)
        case 4: bytes.insert(contentsOf: random.pick(words) ?? [], at: place)
        case 5: replaceNumber(in: &bytes, from: place, &random)
        case 6: repeatStretch(of: &bytes, at: place, &random)
        case 7: splice(&bytes, at: place, like: name, &random)
        case 8: overwriteWord(in: &bytes, at: place, &random)
        case 9:
            let end = min(bytes.count, place + 1 + random.below(32))
            bytes.insert(contentsOf: bytes[place..<end], at: random.below(bytes.count))
        default:
            bytes.append(contentsOf: (0..<1 + random.below(9)).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        }
    }

    /// Other digits for the next number in a text.
    private func replaceNumber(in bytes: inout [UInt8], from place: Int, _ random: inout FuzzRandom) {
        func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
        guard let start = bytes[place...].firstIndex(where: isDigit), let number = random.pick(Self.interestingNumbers)
        else { return }
        let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.count
        bytes.replaceSubrange(start..<end, with: Array("\(number)".utf8))
    }

    /// A short stretch, many times over: what nests or repeats without bound shows here.
    private func repeatStretch(of bytes: inout [UInt8], at place: Int, _ random: inout FuzzRandom) {
        let stretch = bytes[place..<min(bytes.count, place + 1 + random.below(12))]
        let count = 1 << (1 + random.below(12))
        guard bytes.count + stretch.count * count <= Self.largestFile else { return }
        bytes.insert(contentsOf: repeatElement(stretch, count: count).joined(), at: place)
    }

    /// Goes on with the rest of another file of the same kind.
    private func splice(_ bytes: inout [UInt8], at place: Int, like name: String, _ random: inout FuzzRandom) {
        let ending = name.split(separator: ".").last
        let others = corpus.flatMap(\.files).filter { $0.name.split(separator: ".").last == ending }
        guard let other = random.pick(others), case .bytes(let rest) = other.content, !rest.isEmpty else { return }
        bytes.replaceSubrange(place..., with: rest[random.below(rest.count)...])
    }

    private func overwriteWord(in bytes: inout [UInt8], at place: Int, _ random: inout FuzzRandom) {
        guard let number = random.pick(Self.interestingNumbers) else { return }
        let width = 1 << random.below(4)
        // Lengths and counts stand at the beginnings of files.
        let start = random.oneIn(2) ? 0 : place
        for offset in 0..<width where start + offset < bytes.count {
            bytes[start + offset] = UInt8(truncatingIfNeeded: number >> Int64(8 * offset))
        }
    }
}
