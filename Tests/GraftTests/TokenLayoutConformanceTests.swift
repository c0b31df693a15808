import Foundation
import Graft
import Testing

@testable import Methods
@testable import Training

/// Every method of the registry, held to this: it computes the same where padding is left out of the blocks, and in the last
/// block what no loss reads.
@Suite struct TokenLayoutConformanceTests {
    /// Loss and gradients of a padded batch.
    /// - Parameter whole: an observer looks at whole rows, so that all are computed.
    private func results(_ trial: Trial, _ batch: Batch, whole: Bool) throws -> (loss: Double, gradients: [Tensor?]) {
        let session = trial.session
        let leaves = try session.grafts.variables.filter { $0.role == .trainable }.map { variable in
            let leaf = try variable.value.detach().clone().setRequiresGrad(true)
            try variable.replace(with: leaf)
            return leaf
        }
        try trial.model.refresh()
        let context = ForwardContext(scoresOnly: true)
        if whole { context.observer = { _, _ in } }
        let sum = try session.objective.lossSum(session.model, batch, context, on: session.device)
        let loss = try #require(sum)
        if try loss.requiresGrad { try loss.backward() }
        return (try loss.item(), try leaves.map { try $0.grad })
    }

    @Test(arguments: ConformanceTests.methods, ["bert", "llama"])
    func paddingChangesNothing(_ subject: Subject, _ family: String) async throws {
        guard let trial = try await subject.trial(on: family) else { return }
        try trial.perturb { _ in true }
        let session = trial.session
        // The first batch with rows of several lengths.
        var (batches, padded) = (session.loader.batches(from: BatchPosition()), nil as Batch?)
        while padded == nil, let batch = try batches.nextBatch() {
            if try batch.modelInput(on: session.device).tokenPlaces != nil { padded = batch }
        }
        let batch = try #require(padded)
        let (whole, alone) = (
            try results(trial, batch, whole: true), try results(trial, batch, whole: false)
        )
        #expect(abs(whole.loss - alone.loss) <= 1e-5 * max(1, abs(whole.loss)))
        #expect(whole.gradients.map { $0 == nil } == alone.gradients.map { $0 == nil })
        for case (let expected?, let found?) in zip(whole.gradients, alone.gradients) {
            let scale = try max(1, expected.abs().amax().item())
            #expect(try (expected - found).abs().amax().item() <= 1e-4 * scale)
        }
    }
}
