extension JSON {
    /// The members of a JSON object in their written order, with lookup by the exact bytes of the key.
    ///
    /// - Complexity: lookup and insertion are O(1) on average; objects of a few members are searched in a row.
    public struct Object: Sendable {
        /// One key with its value.
        public typealias Member = (key: String, value: JSON)

        /// The members in order.
        public private(set) var members: [Member] = []

        /// Open addressing: `index + 1` of a member, 0 for free. Empty while there are few members.
        private var slots: [UInt32] = []

        private static let linearLimit = 8

        /// An object without members.
        public init() {}

        /// Takes members in order; of equal keys the last value stays, at the place of the first.
        public init(_ members: some Sequence<Member>) {
            for (key, value) in members { self[key] = value }
        }
    }
}

extension JSON.Object {
    /// The value of a key; setting nil removes the member.
    public subscript(key: String) -> JSON? {
        get { index(of: key).map { members[$0].value } }
        set {
            guard let newValue else { return remove(key) }
            if let found = index(of: key) {
                members[found].value = newValue
            } else {
                append(key, newValue)
            }
        }
    }

    /// Adds a member unless the key is there already.
    ///
    /// - Returns: whether the member was added.
    mutating func insertIfNew(_ key: String, _ value: JSON) -> Bool {
        guard index(of: key) == nil else { return false }
        append(key, value)
        return true
    }

    private mutating func append(_ key: String, _ value: JSON) {
        members.append((key, value))
        if members.count <= Self.linearLimit { return }
        if members.count * 2 > slots.count {
            rebuildSlots()
        } else {
            place(members.count - 1)
        }
    }

    private mutating func remove(_ key: String) {
        guard let found = index(of: key) else { return }
        members.remove(at: found)
        rebuildSlots()
    }

    private mutating func rebuildSlots() {
        guard members.count > Self.linearLimit else {
            slots = []
            return
        }
        var size = 32
        while size < members.count * 4 { size *= 2 }
        slots = [UInt32](repeating: 0, count: size)
        for index in members.indices { place(index) }
    }

    private mutating func place(_ index: Int) {
        let mask = slots.count - 1
        var slot = Self.hash(members[index].key) & mask
        while slots[slot] != 0 { slot = (slot + 1) & mask }
        slots[slot] = UInt32(index + 1)
    }

    private func index(of key: String) -> Int? {
        if slots.isEmpty { return members.firstIndex { $0.key.hasSameBytes(as: key) } }
        let mask = slots.count - 1
        var slot = Self.hash(key) & mask
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if members[index].key.hasSameBytes(as: key) { return index }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// The standard hasher over the raw bytes: seeded per process, so that chosen keys cannot make lookup slow.
    private static func hash(_ key: String) -> Int {
        var hasher = Hasher()
        var key = key
        key.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        return hasher.finalize()
    }
}

extension JSON.Object: Sequence {
    /// The members in order.
    public func makeIterator() -> IndexingIterator<[Member]> { members.makeIterator() }

    /// The number of members.
    public var count: Int { members.count }

    /// Whether there are no members.
    public var isEmpty: Bool { members.isEmpty }

    /// The keys in order.
    public var keys: [String] { members.map(\.key) }
}

extension JSON.Object: Equatable, ExpressibleByDictionaryLiteral {
    /// The same keys with equal values, in any order.
    public static func == (left: Self, right: Self) -> Bool {
        left.count == right.count && left.allSatisfy { right[$0.key] == $0.value }
    }

    /// Takes the members in order; of equal keys the last value stays.
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self.init(elements.map { (key: $0.0, value: $0.1) })
    }
}

extension JSON: ExpressibleByDictionaryLiteral {
    /// A JSON object; of equal keys the last value stays.
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(Object(elements.map { (key: $0.0, value: $0.1) }))
    }
}
