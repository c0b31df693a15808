/// Rows whose texts occur more than once; labels are not compared.
public struct DuplicateCounts: Sendable, Equatable, Codable {
    /// Training rows that repeat an earlier training row.
    public var withinTraining: Int
    /// Evaluation rows whose texts are also in the training set: they measure memory, not learning.
    public var sharedWithTraining: Int

    /// Counts by digest.
    public init(training: [Sample], evaluation: [Sample] = []) {
        var seen: Set<UInt64> = []
        withinTraining = training.count { !seen.insert($0.contentDigest).inserted }
        sharedWithTraining = evaluation.count { seen.contains($0.contentDigest) }
    }
}
