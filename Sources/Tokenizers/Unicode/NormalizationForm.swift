/// The Unicode normalization forms, with for each resulting scalar how it relates to the source.
enum NormalizationForm: String, Sendable {
    case nfd = "NFD"
    case nfkd = "NFKD"
    case nfc = "NFC"
    case nfkc = "NFKC"

    /// One scalar of a rewritten text.
    ///
    /// `change` says what it does to the source: 0 replaces the next scalar, 1 is inserted, -n replaces the next
    /// scalar and removes the n after it.
    typealias Change = (scalar: UInt32, change: Int)

    /// The normalized scalars.
    ///
    /// The changes follow `unicode-normalization-alignments`: marks that trade places keep their own change.
    func changes(_ scalars: [UInt32]) -> [Change] {
        let decomposed = decompose(scalars)
        return self == .nfc || self == .nfkc ? Self.compose(decomposed) : decomposed
    }

    private func decompose(_ scalars: [UInt32]) -> [Change] {
        let data = NormalizationData.shared
        let isCompatible = self == .nfkd || self == .nfkc
        var output: [Change] = []
        output.reserveCapacity(scalars.count)
        // Where the marks after the last starter begin: they are sorted by class when the next starter comes.
        var pending = 0
        func append(_ scalar: UInt32, _ change: Int) {
            if data.combiningClass(scalar) == 0 {
                Self.sortMarks(&output, from: pending)
                pending = output.count + 1
            }
            output.append((scalar, change))
        }
        for scalar in scalars {
            if scalar < 0x80 {
                append(scalar, 0)
            } else if let parts = data.decomposition(scalar, isCompatible: isCompatible) {
                for (index, part) in parts.enumerated() { append(part, index == 0 ? 0 : 1) }
            } else {
                append(scalar, 0)
            }
        }
        Self.sortMarks(&output, from: pending)
        return output
    }

    /// A stable sort by combining class; runs of marks are short.
    private static func sortMarks(_ output: inout [Change], from start: Int) {
        guard output.count > start + 1 else { return }
        let data = NormalizationData.shared
        let sorted = output[start...].enumerated().sorted {
            let left = data.combiningClass($0.element.scalar)
            let right = data.combiningClass($1.element.scalar)
            return (left, $0.offset) < (right, $1.offset)
        }
        output.replaceSubrange(start..., with: sorted.map(\.element))
    }

    private static func compose(_ decomposed: [Change]) -> [Change] {
        let data = NormalizationData.shared
        var output: [Change] = []
        output.reserveCapacity(decomposed.count)
        var starter: Int?
        var lastClass: UInt8?
        for item in decomposed {
            let itemClass = data.combiningClass(item.scalar)
            guard let at = starter else {
                if itemClass == 0 { starter = output.count }
                output.append(item)
                continue
            }
            let isBlocked = lastClass.map { $0 >= itemClass } ?? false
            if !isBlocked, let composite = data.composition(output[at].scalar, item.scalar) {
                output[at] = (composite, output[at].change + item.change - 1)
                continue
            }
            if itemClass == 0 {
                starter = output.count
                lastClass = nil
            } else {
                lastClass = itemClass
            }
            output.append(item)
        }
        return output
    }
}
