import Torch

/// Turns the scores of the next token into those that the draw uses, in the order of Hugging Face's generation: the
/// penalty of repetitions first, then temperature, top-k and top-p.
struct ScoreProcessing {
    let options: GenerationOptions

    /// - Parameters:
    ///   - scores: [vocabulary], of one row.
    ///   - seen: the ids of the row's text so far.
    func callAsFunction(_ scores: Tensor, seen: [Int]) throws -> Tensor {
        var scores = try penalized(scores, seen: seen)
        guard options.temperature > 0 else { return scores }
        if options.temperature != 1 { scores = try scores / options.temperature }
        if let topK = options.topK { scores = try ScoreProcessing.keepingMostLikely(topK, of: scores) }
        if options.topP < 1 { scores = try ScoreProcessing.keepingNucleus(options.topP, of: scores) }
        return scores
    }

    /// Scores of tokens that were seen move towards less likely: positive ones are divided, negative ones multiplied.
    ///
    /// Source: Keskar et al. 2019, arXiv:1909.05858, section 4.1, with the sign taken into account.
    private func penalized(_ scores: Tensor, seen: [Int]) throws -> Tensor {
        let penalty = options.repetitionPenalty
        guard penalty != 1, !seen.isEmpty else { return scores }
        let ids = try Tensor(Set(seen).sorted().map(Int64.init)).to(scores.device)
        let found = try scores.gather(0, ids)
        let moved = try Tensor.where(found.lt(0), found * penalty, found / penalty)
        return try scores.scatter(0, ids, moved)
    }

    /// The `count` largest scores, and any that equal the smallest of them; the others can no longer be drawn.
    private static func keepingMostLikely(_ count: Int, of scores: Tensor) throws -> Tensor {
        let vocabulary = try scores.count
        guard count < vocabulary else { return scores }
        let smallest = try scores.topK(count, dim: 0).values.narrow(0, count - 1, 1)
        return try scores.maskedFill(scores.lt(smallest), -.infinity)
    }

    /// The fewest tokens, most likely first, whose probabilities reach `share`; always at least one.
    ///
    /// Source: Holtzman et al. 2019, arXiv:1904.09751.
    private static func keepingNucleus(_ share: Double, of scores: Tensor) throws -> Tensor {
        let (rising, order) = try scores.sorted(0)
        let tail = try rising.softmax(0).cumsum(0)
        let removed = try tail.le(Tensor.scalar(1 - share, device: scores.device))
        let last = try rising.count - 1
        let kept = try Tensor.cat([
            rising.narrow(0, 0, last).maskedFill(removed.narrow(0, 0, last), -.infinity), rising.narrow(0, last, 1),
        ])
        return try scores.scatter(0, order, kept)
    }

    /// The next token of each row.
    /// - Parameters:
    ///   - scores: [rows, vocabulary].
    ///   - texts: the ids of each row's text so far.
    func tokens(from scores: Tensor, texts: [[Int]]) throws -> [Int] {
        if options.temperature == 0, options.repetitionPenalty == 1 {
            // One look at the scores of all rows.
            return try scores.argmax(1).to(.cpu).array(of: Int64.self).map(Int.init)
        }
        return try texts.indices.map { row in
            let processed = try self(scores.select(0, row), seen: texts[row])
            return try token(from: processed, position: texts[row].count)
        }
    }

    /// The next token of a row.
    /// - Parameter position: number of tokens before it in its text, which with the seed decides the draw.
    func token(from scores: Tensor, position: Int) throws -> Int {
        guard options.temperature > 0 else { return Int(try scores.argmax(0).item()) }
        let key = RandomKey(seed: options.seed).derived("generation").derived(position)
        let probabilities = try scores.softmax(0).to(.cpu)
        return Int(try probabilities.unsqueeze(0).sampleIndex(key: key).item())
    }
}
