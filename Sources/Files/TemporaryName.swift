import Foundation

/// The name of what is being written and has no name yet. It begins with a dot and says what it will replace, so that
/// what a killed process left can be told from other people's files, and be cleaned up.
struct TemporaryName: Equatable {
    /// What is written; nil for a file, whose own name may be as long as the system allows.
    let target: String?
    /// True for what was moved aside to make room.
    let isOld: Bool
    private let draw: String

    private static let prefix = ".graft-"
    private static let suffix = ".tmp"
    private static let oldSuffix = ".tmp.old"

    /// A name that nothing has.
    init(target: String? = nil) {
        self.init(target: target, draw: String(UInt64.random(in: .min ... .max), radix: 36), isOld: false)
    }

    private init(target: String?, draw: String, isOld: Bool) {
        (self.target, self.draw, self.isOld) = (target, draw, isOld)
    }

    /// Reads a name; nil for one that no writing has.
    init?(_ text: String) {
        guard text.hasPrefix(Self.prefix) else { return nil }
        let rest = text.dropFirst(Self.prefix.count)
        let isOld = rest.hasSuffix(Self.oldSuffix)
        guard isOld || rest.hasSuffix(Self.suffix) else { return nil }
        let name = rest.dropLast((isOld ? Self.oldSuffix : Self.suffix).count)
        let draw = name.lastIndex(of: "-").map { name[name.index(after: $0)...] } ?? name
        guard !draw.isEmpty, draw.utf8.allSatisfy({ (48...57).contains($0) || (97...122).contains($0) }) else {
            return nil
        }
        let target = draw.count < name.count ? String(name.dropLast(draw.count + 1)) : nil
        guard target != "" else { return nil }
        self.init(target: target, draw: String(draw), isOld: isOld)
    }

    /// The name of what is moved aside.
    var old: TemporaryName { TemporaryName(target: target, draw: draw, isOld: true) }

    var text: String {
        Self.prefix + (target.map { $0 + "-" } ?? "") + draw + (isOld ? Self.oldSuffix : Self.suffix)
    }
}
