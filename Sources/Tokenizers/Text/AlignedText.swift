/// A text in UTF-8 that knows, for each of its bytes, the stretch of the original text it came from.
///
/// All bytes of one scalar share one stretch. Stretches are bytes of the whole original, also where this text is only
/// a section of it.
struct AlignedText: Sendable {
    /// A stretch of the original, in bytes.
    struct Stretch: Sendable {
        var start: UInt32
        var end: UInt32
    }

    private(set) var bytes: [UInt8] = []
    private(set) var stretches: [Stretch] = []
    /// Where the section begins in the original: what an insertion before everything is aligned with.
    private(set) var origin: UInt32 = 0

    /// An empty text.
    init(origin: UInt32 = 0) { self.origin = origin }

    /// A section of the original, aligned with itself.
    init(_ original: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) {
        origin = UInt32(range.lowerBound)
        appendOriginal(original, range)
    }

    var isEmpty: Bool { bytes.isEmpty }
    var count: Int { bytes.count }

    mutating func reserve(_ count: Int) {
        bytes.reserveCapacity(count)
        stretches.reserveCapacity(count)
    }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        stretches.removeAll(keepingCapacity: true)
    }

    @inline(__always)
    mutating func append(_ scalar: UInt32, _ stretch: Stretch) {
        let before = bytes.count
        UTF8Text.append(scalar, to: &bytes)
        for _ in before..<bytes.count { stretches.append(stretch) }
    }

    mutating func append(contentsOf other: AlignedText) {
        bytes.append(contentsOf: other.bytes)
        stretches.append(contentsOf: other.stretches)
    }

    mutating func append(contentsOf other: AlignedText, _ range: Range<Int>) {
        bytes.append(contentsOf: other.bytes[range])
        stretches.append(contentsOf: other.stretches[range])
    }

    /// Adds a part of the original, aligned with itself.
    mutating func appendOriginal(_ original: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) {
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: original[range]))
        stretches.reserveCapacity(stretches.count + range.count)
        var position = range.lowerBound
        while position < range.upperBound {
            let length = UTF8Text.length(lead: original[position])
            let stretch = Stretch(start: UInt32(position), end: UInt32(position + length))
            for _ in 0..<length { stretches.append(stretch) }
            position += length
        }
    }

    /// Keeps only a range of bytes.
    mutating func trim(to range: Range<Int>) {
        bytes.removeSubrange(range.upperBound...)
        bytes.removeSubrange(..<range.lowerBound)
        stretches.removeSubrange(range.upperBound...)
        stretches.removeSubrange(..<range.lowerBound)
    }

    /// Replaces the bytes one for one; stretches stay.
    mutating func mapASCII(_ change: (UInt8) -> UInt8) {
        for index in bytes.indices { bytes[index] = change(bytes[index]) }
    }

    var isASCII: Bool {
        bytes.withUnsafeBufferPointer { bytes in
            var all: UInt8 = 0
            for byte in bytes { all |= byte }
            return all < 0x80
        }
    }

    /// Aligns the first scalar with nothing, as an insertion before everything is.
    mutating func realignFirst() {
        for index in 0..<UTF8Text.length(lead: bytes[0]) { stretches[index] = Stretch(start: origin, end: origin) }
    }

    /// Makes a new text from each scalar in turn; what is appended keeps the scalar's stretch.
    mutating func rewriteScalars(_ body: (_ scalar: UInt32, _ stretch: Stretch, _ output: inout AlignedText) -> Void) {
        var output = AlignedText(origin: origin)
        output.reserve(count + count / 8)
        bytes.withUnsafeBufferPointer { bytes in
            var position = 0
            while position < bytes.count {
                let (scalar, length) = UTF8Text.scalar(in: bytes, at: position)
                body(scalar, stretches[position], &output)
                position += length
            }
        }
        self = output
    }

    /// Makes a new text of scalars that say how they change the present ones.
    mutating func apply(_ changes: [NormalizationForm.Change]) {
        var output = AlignedText(origin: origin)
        output.reserve(count + count / 8)
        var position = 0
        for (scalar, change) in changes {
            output.append(scalar, stretch(at: position, isInsertion: change > 0))
            if change > 0 { continue }
            for _ in 0...(-change) where position < count { position += UTF8Text.length(lead: bytes[position]) }
        }
        self = output
    }

    /// What a scalar put in at `position` is aligned with: an insertion with what was before it.
    private func stretch(at position: Int, isInsertion: Bool) -> Stretch {
        if isInsertion { return position == 0 ? Stretch(start: origin, end: origin) : stretches[position - 1] }
        return position < count ? stretches[position] : stretches.last ?? Stretch(start: origin, end: origin)
    }

    /// Puts scalars before the first one, aligned with it.
    ///
    /// - Parameter range: the part of the text that counts as the whole; it must not be empty.
    func prefixed(_ range: Range<Int>, with prefix: [UInt32], into output: inout AlignedText) {
        let first = stretches[range.lowerBound]
        for scalar in prefix { output.append(scalar, first) }
        output.append(contentsOf: self, range)
    }
}
