/// Puts results that came in the order of evaluation batches back into the order of the data set.
///
/// - Parameters:
///   - results: one per example, in the order of the batches.
///   - indices: `Batch.exampleIndices` of the batches, in the same order.
/// - Throws: `DatasetError.invalidOption` unless the indices are `0..<results.count` in some order.
public func inOriginalOrder<Result>(_ results: [Result], indices: [Int]) throws(DatasetError) -> [Result] {
    var places = [Int](repeating: -1, count: results.count)
    for (place, index) in indices.enumerated() {
        guard places.indices.contains(index), places[index] < 0 else {
            throw .invalidOption(
                name: "an example's index", value: String(index), allowed: "in 0..<\(results.count) and given once")
        }
        places[index] = place
    }
    guard indices.count == results.count else {
        throw .invalidOption(
            name: "the number of results", value: String(results.count), allowed: "\(indices.count), one per example")
    }
    return places.map { results[$0] }
}
