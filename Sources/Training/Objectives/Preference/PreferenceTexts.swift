import Datasets
import Networks
import Torch

/// The texts of a batch as rows of tokens, of pairs the better ones first, and what a model gives to their answers.
struct PreferenceTexts {
    /// How many pairs there are, half of the rows; of answers without a partner, how many rows.
    let pairs: Int
    private let rows: [Row]
    private let padID: Int64

    private struct Row {
        var prompt: ArraySlice<Int64>
        var answer: ArraySlice<Int64>
        var tokens: [Int64] { Array(prompt) + answer }
    }

    /// The texts of a batch whose labels mark the answers. Rows are padded on the right.
    init(_ batch: Batch, labels: [Int64], pairs: Int) throws {
        let (columns, lengths) = (batch.columns, batch.rowLengths)
        self.pairs = pairs
        padID = zip(batch.inputIDs, batch.attentionMask).first { $0.1 == 0 }?.0 ?? 0
        rows = lengths.enumerated().map { row, length in
            let tokens = batch.inputIDs[row * columns..<row * columns + length]
            let marks = labels[row * columns..<row * columns + length]
            let answer = marks.firstIndex { $0 != Int64(ignoredLabel) } ?? tokens.endIndex
            return Row(prompt: tokens[..<answer], answer: tokens[answer...])
        }
    }

    private init(rows: [Row], pairs: Int, padID: Int64) {
        (self.rows, self.pairs, self.padID) = (rows, pairs, padID)
    }

    /// Every prompt with the answer of the next row, of pairs better with better and worse with worse. Answers too long for the
    /// batch's longest row are cut there, since the model may have no more positions.
    func mismatched() -> PreferenceTexts? {
        guard pairs > 1 else { return nil }
        let longest = rows.map { $0.prompt.count + $0.answer.count }.max() ?? 0
        let shifted = rows.indices.map { index in
            let half = index / pairs
            let answer = rows[half * pairs + (index % pairs + 1) % pairs].answer
            return Row(prompt: rows[index].prompt, answer: answer.prefix(longest - rows[index].prompt.count))
        }
        return PreferenceTexts(rows: shifted, pairs: pairs, padID: padID)
    }

    /// What a model gives to the answers of pairs and, where asked for, to the whole of the better texts.
    func score(
        _ model: Model, _ context: ForwardContext, on device: Device, countsPrompt: Bool = false
    ) throws -> (answers: PairLogProbabilities, texts: SequenceLogProbabilities) {
        let (all, texts) = try measured(model, context, on: device, countsPrompt: countsPrompt)
        return (
            PairLogProbabilities(chosen: try all.rows(0..<pairs), rejected: try all.rows(pairs..<2 * pairs)),
            try texts.rows(0..<pairs)
        )
    }

    /// What a model gives to the answer of each row.
    func answers(_ model: Model, _ context: ForwardContext, on device: Device) throws -> SequenceLogProbabilities {
        try measured(model, context, on: device, countsPrompt: false).answers
    }

    /// Scores are made for the tokens that count alone.
    private func measured(
        _ model: Model, _ context: ForwardContext, on device: Device, countsPrompt: Bool
    ) throws -> (answers: SequenceLogProbabilities, texts: SequenceLogProbabilities) {
        guard let network = model.network as? any CausalLanguageNetwork else {
            throw NetworkError.unsupported("this network does not predict the next token")
        }
        let (count, columns) = (rows.count, rows.map { $0.tokens.count }.max() ?? 0)
        var ids = [Int64](repeating: padID, count: count * columns)
        var (attention, answers) = ([Int64](repeating: 0, count: ids.count), [Int64](repeating: 0, count: ids.count))
        var (places, targets): ([Int64], [Int64]) = ([], [])
        for (index, row) in rows.enumerated() {
            for (column, token) in row.tokens.enumerated() {
                let cell = index * columns + column
                (ids[cell], attention[cell]) = (token, 1)
                answers[cell] = column > 0 && column >= row.prompt.count ? 1 : 0
                let counts = answers[cell] == 1 || (countsPrompt && index < pairs && column > 0)
                if counts {
                    places.append(Int64(cell))
                    targets.append(token)
                }
            }
        }
        func tensor(_ values: [Int64], _ shape: [Int]) throws -> Tensor {
            try Tensor(values, shape: shape).to(device, nonBlocking: true)
        }
        let shape = [count, columns]
        var input = ModelInput(
            inputIDs: try tensor(ids, shape),
            attentionMask: try attention.contains(0) ? tensor(attention, shape) : nil)
        input.leaveOutPadding(attention)
        // The position before a token predicts it.
        input.wantedPlaces = places.map { $0 - 1 }
        let wanted = try network.hiddenStates(input, context).squeeze(0)
        let given = try SequenceLogProbabilities.tokens(
            scores: network.scores(wanted, context), targets: tensor(targets, [targets.count]))
        let all = try Tensor.zeros([count * columns], dtype: .float64, device: device)
            .indexAdd(0, tensor(places, [places.count]), given.to(.float64)).reshape(shape)
        let marked = try SequenceLogProbabilities(all, mask: tensor(answers, shape))
        var mask = countsPrompt ? attention : answers
        for row in 0..<count { mask[row * columns] = 0 }
        return (marked, try SequenceLogProbabilities(all, mask: tensor(mask, shape)))
    }
}
