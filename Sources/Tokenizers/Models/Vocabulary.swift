import JSON

/// The tokens of a model, looked up by their exact bytes.
struct Vocabulary: Sendable {
    /// One token of the vocabulary.
    struct Entry: Sendable {
        let text: String
        let id: Int
    }

    private(set) var entries: [Entry] = []
    private var index = ByteIndex()
    private var entryOfID: [Int: Int] = [:]
    /// The same for small identifiers, as nearly all are.
    private var entryOfSmallID: [Int32] = []

    /// More than any vocabulary has; a table of them is still small.
    private static let smallIDs = 1 << 22

    /// The largest identifier a file may give: what 32 bits hold.
    static let identifiers = 0...Int(UInt32.max)

    /// Makes room for so many tokens and no more: tables that grow as they fill end half empty.
    private mutating func reserve(_ count: Int) {
        entries.reserveCapacity(count)
        entryOfSmallID.reserveCapacity(min(count, Self.smallIDs))
        index.reserve(count)
    }

    /// Adds a token; of equal texts or equal identifiers the last is found.
    mutating func append(_ text: String, id: Int) {
        let entry = entries.count
        index.insert(text, entry)
        entries.append(Entry(text: text, id: id))
        if id < Self.smallIDs {
            while entryOfSmallID.count <= id { entryOfSmallID.append(-1) }
            entryOfSmallID[id] = Int32(entry)
        } else {
            entryOfID[id] = entry
        }
    }

    var count: Int { entries.count }

    /// The number of the entry with these bytes.
    @inline(__always)
    func entry(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? { index.find(bytes) }

    func entry(_ text: String) -> Int? {
        var text = text
        return text.withUTF8 { index.find($0) }
    }

    func id(of text: String) -> Int? { entry(text).map { entries[$0].id } }

    /// The number of the entry with an identifier.
    func entry(id: Int) -> Int? {
        if id >= 0, id < entryOfSmallID.count {
            let entry = entryOfSmallID[id]
            return entry < 0 ? nil : Int(entry)
        }
        return entryOfID[id]
    }

    func text(of id: Int) -> String? { entry(id: id).map { entries[$0].text } }
}

extension Vocabulary {
    /// Reads an object of texts and identifiers.
    init(_ node: JSON.Node) throws {
        let members = try node.object()
        reserve(members.count)
        for member in members {
            guard case .int(let id) = member.value, Self.identifiers.contains(Int(id)) else {
                let reason = "the token \"\(member.key)\" has no identifier from 0 to \(Self.identifiers.upperBound)"
                throw TokenizerError.invalid(path: node.path, reason: reason)
            }
            append(member.key, id: Int(id))
        }
    }
}

/// A hash table from bytes to numbers.
struct ByteIndex: Sendable {
    private var bytes: [UInt8] = []
    /// Where the key of each number ends in `bytes`, after a first 0.
    private var ends: [Int] = [0]
    private var values: [Int32] = []
    private var slots = [Int32](repeating: -1, count: 64)
    private let seed = UInt64.random(in: 1...UInt64.max)

    /// Makes room for so many keys in all.
    mutating func reserve(_ count: Int) {
        ends.reserveCapacity(count + 1)
        values.reserveCapacity(count)
    }

    /// Adds a key with its value; the value of a key that is there already is replaced.
    mutating func insert(_ key: String, _ value: Int) {
        var key = key
        key.withUTF8 { insert($0, value) }
    }

    mutating func insert(_ key: UnsafeBufferPointer<UInt8>, _ value: Int) {
        if let number = number(of: key) {
            values[number] = Int32(truncatingIfNeeded: value)
            return
        }
        bytes.append(contentsOf: key)
        ends.append(bytes.count)
        values.append(Int32(truncatingIfNeeded: value))
        if values.count * 2 > slots.count {
            slots = [Int32](repeating: -1, count: slots.count * 2)
            for number in values.indices { place(number) }
        } else {
            place(values.count - 1)
        }
    }

    private mutating func place(_ number: Int) {
        let hash = bytes.withUnsafeBufferPointer {
            ByteHash.hash(UnsafeBufferPointer(rebasing: $0[ends[number]..<ends[number + 1]]), seed)
        }
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] >= 0 { slot = (slot + 1) & mask }
        slots[slot] = Int32(truncatingIfNeeded: number)
    }

    @inline(__always)
    func find(_ key: UnsafeBufferPointer<UInt8>) -> Int? { number(of: key).map { Int(values[$0]) } }

    @inline(__always)
    private func number(of key: UnsafeBufferPointer<UInt8>) -> Int? {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: ByteHash.hash(key, seed)) & mask
        while true {
            let number = Int(slots[slot])
            if number < 0 { return nil }
            if isEqual(number, key) { return number }
            slot = (slot + 1) & mask
        }
    }

    @inline(__always)
    private func isEqual(_ number: Int, _ key: UnsafeBufferPointer<UInt8>) -> Bool {
        let start = ends[number]
        guard ends[number + 1] - start == key.count else { return false }
        return bytes.withUnsafeBufferPointer { bytes in
            for offset in 0..<key.count where bytes[start + offset] != key[offset] { return false }
            return true
        }
    }

    var count: Int { values.count }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        ends.append(0)
        values.removeAll(keepingCapacity: true)
        for slot in slots.indices { slots[slot] = -1 }
    }
}

/// A fast hash of bytes, seeded per table so that chosen keys cannot make lookup slow.
enum ByteHash {
    @inline(__always)
    static func hash(_ bytes: UnsafeBufferPointer<UInt8>, _ seed: UInt64) -> UInt64 {
        var hash = seed ^ UInt64(truncatingIfNeeded: bytes.count) &* 0x9E37_79B9_7F4A_7C15
        var offset = 0
        let raw = UnsafeRawBufferPointer(bytes)
        while offset + 8 <= bytes.count {
            hash = mix(hash ^ raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        var tail: UInt64 = 0
        while offset < bytes.count {
            tail = tail << 8 | UInt64(bytes[offset])
            offset += 1
        }
        return mix(hash ^ tail)
    }

    @inline(__always)
    private static func mix(_ value: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
        return product.high ^ product.low
    }
}
