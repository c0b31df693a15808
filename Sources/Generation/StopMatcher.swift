/// Finds stop strings in a text that arrives in pieces, wherever the pieces are cut.
///
/// What could still be the beginning of a stop string is held back, so that nothing of one is ever given out.
struct StopMatcher {
    private let stops: [[UInt8]]
    private var held: [UInt8] = []

    init(_ stops: [String]) {
        self.stops = stops.map { Array($0.utf8) }
    }

    /// Takes the next piece.
    /// - Returns: the text that is free to go, and the stop string that ends it, if one is complete.
    mutating func append(_ piece: String) -> (text: String, stop: String?) {
        guard !stops.isEmpty else { return (piece, nil) }
        held += Array(piece.utf8)
        if let (start, stop) = firstStop() {
            let text = String(decoding: held[..<start], as: UTF8.self)
            held = []
            return (text, String(decoding: stop, as: UTF8.self))
        }
        let keep = stops.map { overlap(with: $0) }.max() ?? 0
        let free = String(decoding: held.dropLast(keep), as: UTF8.self)
        held = Array(held.suffix(keep))
        return (free, nil)
    }

    /// Ends the text: what was held back is no stop string any more.
    mutating func finish() -> String {
        defer { held = [] }
        return String(decoding: held, as: UTF8.self)
    }

    /// The earliest stop string; of several at one place the longest.
    private func firstStop() -> (start: Int, stop: [UInt8])? {
        for start in held.indices {
            let here = stops.filter { held[start...].starts(with: $0) }
            if let longest = here.max(by: { $0.count < $1.count }) { return (start, longest) }
        }
        return nil
    }

    /// The length of the longest proper beginning of a stop string that the held text ends with.
    private func overlap(with stop: [UInt8]) -> Int {
        let longest = min(stop.count - 1, held.count)
        guard longest > 0 else { return 0 }
        return (1...longest).reversed().first { held.suffix($0).elementsEqual(stop.prefix($0)) } ?? 0
    }
}
