import Foundation
import Graft
import JSON
import Testing

@testable import Methods
@testable import Training

/// Every method of the registry held to what it declares. No method is named here: each is trained on the first tiny
/// checkpoint that it accepts, with its default options or, where those are too large, with small ones.
@Suite struct ConformanceTests {
    static let methods = MethodRegistry.all.map(Subject.init)

    @Test(arguments: methods)
    func aFreshAdapterComputesWhatItDeclares(_ subject: Subject) async throws {
        let trial = try await subject.trial()
        let (base, fresh) = (try trial.baseScores(), try trial.scores())
        switch subject.card.initContract {
        case .equalsBase: #expect(try fresh.gap(to: base) <= 1e-5)
        case .differs: #expect(try fresh.gap(to: base) > 0)
        }
    }

    @Test(arguments: methods)
    func mergingDoesWhatItDeclares(_ subject: Subject) async throws {
        let trial = try await subject.trial()
        try trial.perturb(trial.isOwn)
        #expect(try trial.scores().gap(to: trial.baseScores()) > 1e-3, "the adapter does nothing")
        try trial.perturb { !trial.isOwn($0) }
        let unmerged = try trial.scores()
        switch subject.card.mergeContract {
        case .exact, .approximate:
            try trial.model.merge()
            #expect(trial.model.activeAdapters.isEmpty)
            if subject.card.mergeContract == .exact { #expect(try trial.scores().gap(to: unmerged) <= 1e-4) }
            try trial.model.unmerge()
        case .never:
            let error = #expect(throws: (any Error).self) { try trial.model.merge() }
            #expect(error is NetworkError || error is MethodError)
            #expect(trial.model.mergedAdapters.isEmpty)
        }
        #expect(trial.model.activeAdapters == [TrainingSession.adapterName])
        #expect(try trial.scores().isEqual(to: unmerged))
    }

    @Test(arguments: methods)
    func theFolderComputesWhatWasSaved(_ subject: Subject) async throws {
        let trial = try await subject.trial()
        try trial.perturb { _ in true }
        let saved = try trial.scores()
        let folder = URL(fileURLWithPath: trial.configuration.outputDirectory)
        try trial.session.writeAdapter(to: folder)

        let other = try trial.freshBase()
        #expect(try trial.scores(of: other.model).isEqual(to: trial.baseScores()))
        try AdapterFolder.load(
            from: folder, onto: other, checkpoint: URL(fileURLWithPath: trial.configuration.model))
        // CorDA's file is LoRA of twice the rank on the untouched weight: the last digits of fp32 differ, and with the number
        // of threads.
        #expect(try trial.scores(of: other.model).gap(to: saved) <= 4e-6)
    }

    @Test(arguments: methods)
    func stepsMoveWhatTrainsAndNothingElse(_ subject: Subject) async throws {
        let trial = try await subject.trial()
        let parameters = trial.model.parameters
        let base = try parameters.mapValues { try $0.base.clone() }
        let seeded = try trial.values { $0.role == .seeded }
        let before = try trial.values(trial.isOwn)
        #expect(!before.isEmpty, "the method trains nothing of its own")

        var course = trial.course
        try course.run(0..<3)

        let after = try trial.values(trial.isOwn)
        #expect(before.contains { name, tensor in after[name].map { (try? $0.isEqual(to: tensor)) != true } ?? true })
        for (name, tensor) in try trial.values({ $0.role == .seeded }) {
            #expect(try seeded[name]?.isEqual(to: tensor) == true, "\(name)")
        }
        for (name, parameter) in parameters {
            #expect(try !parameter.base.requiresGrad, "\(name)")
            #expect(try base[name]?.isEqual(to: parameter.base) == true, "\(name)")
        }
    }
}

/// A method under test.
struct Subject: CustomTestStringConvertible, Sendable {
    let type: any Methods.Method.Type
    var card: MethodCard { type.card }
    var testDescription: String { card.name }

    /// Training on the first checkpoint that the method accepts: with its defaults, or else with small numbers.
    /// - Parameter isEventful: with dropout, and with everything that happens now and then happening often, where the
    ///   method accepts that.
    func trial(isEventful: Bool = false) async throws -> Trial {
        try await trial(on: Trial.checkpoints(), isEventful: isEventful)
    }

    /// Training on a tiny checkpoint of a family of texts; nil where the method does not accept it.
    func trial(on family: String) async throws -> Trial? {
        let checkpoints = try Trial.checkpoints()
        do {
            return try await trial(on: [checkpoints[family == "llama" ? 1 : 0]], isEventful: false)
        } catch is Refused {
            return nil
        }
    }

    private func trial(on checkpoints: [Trial.Checkpoint], isEventful: Bool) async throws -> Trial {
        var refusals: [String] = []
        var choices: [() throws -> any Methods.Method] = [{ type.init() }, small]
        if isEventful { choices = [{ try eventful(type.init()) }, { try eventful(small()) }] + choices }
        for options in choices {
            for checkpoint in checkpoints {
                do {
                    return try await Trial(checkpoint, options())
                } catch let error where error is MethodError || error is JSONError {
                    refusals.append("\(error)")
                }
            }
        }
        throw Refused(description: "\(card.name) accepts no tiny checkpoint: \(refusals.joined(separator: "; "))")
    }

    /// The defaults with every large number of theirs divided: ranks and counts that tiny layers have room for.
    private func small() throws -> any Methods.Method {
        try changed(type.init()) { _, value in
            if case .int(let number) = value, number >= 20 { .int(number / 10) } else { value }
        }
    }

    /// Options whose names tell of intervals and dropout, set so that a few steps see all of them.
    private func eventful(_ method: any Methods.Method) throws -> any Methods.Method {
        let intervals = ["interval", "steps", "gap", "every", "warmup", "tinit", "tfinal", "deltat", "iter"]
        return try changed(method) { key, value in
            let name = key.lowercased()
            switch value {
            case .int(let number) where number > 2 && intervals.contains(where: name.contains): return .int(2)
            case .int, .double: return name.contains("dropout") ? .double(0.2) : value
            default: return value
            }
        }
    }

    private func changed(_ method: any Methods.Method, _ change: (String, JSON) -> JSON) throws -> any Methods.Method {
        guard case .object(var options) = try MethodConfiguration(method).json else { return method }
        for (key, value) in options { options[key] = change(key, value) }
        return try MethodConfiguration(JSON.Node(.object(options))).method
    }

    private struct Refused: Error, CustomStringConvertible {
        let description: String
    }
}

/// A method on a tiny checkpoint, ready to be trained.
struct Trial {
    let course: LifecycleTests.Course
    private let input: ModelInput
    /// Keeps the files.
    private let owner: AnyObject

    typealias Checkpoint = (owner: AnyObject, configure: (any Methods.Method) throws -> TrainingConfiguration)

    /// A classifier of texts, a language model, a classifier of images.
    static func checkpoints() throws -> [Checkpoint] {
        let (bert, llama, images) = (try TinyCheckpoint.bert(), try TinyCheckpoint.llama(), try TinyImages())
        return [
            (bert, { try bert.classification("run", method: $0) }),
            (llama, { try llama.completion("run", method: $0) }),
            (images, { try images.classification("run", method: $0) }),
        ]
    }

    init(_ checkpoint: Checkpoint, _ method: any Methods.Method) async throws {
        owner = checkpoint.owner
        course = try await LifecycleTests.Course(checkpoint.configure(method))
        let session = course.session
        var batches = session.loader.batches(from: BatchPosition())
        let batch = try #require(try batches.nextBatch())
        input = try batch.modelInput(on: session.device)
    }

    var session: TrainingSession { course.session }
    var configuration: TrainingConfiguration { session.configuration }
    var model: Model { session.model }

    /// Scores of the first batch.
    func scores(of other: Model? = nil) throws -> Tensor {
        let logits = try withoutGradients { try (other ?? model)(input).logits }
        return try #require(logits)
    }

    /// Scores of the first batch without the adapter.
    func baseScores() throws -> Tensor {
        try model.withAdapters([]) { try scores() }
    }

    /// The base read anew.
    func freshBase() throws -> LoadedModel {
        try Backbones.load(
            URL(fileURLWithPath: configuration.model), head: configuration.head(classes: session.data.labels?.count),
            options: .init(seed: configuration.training.seed))
    }

    /// Moves what trains. New tensors: what trains later may still share the base's memory.
    func perturb(_ isChosen: (Variable) -> Bool) throws {
        for variable in session.grafts.variables where variable.role == .trainable && isChosen(variable) {
            let value = try variable.value.detach()
            let noise = try Tensor.normal(value.shape, key: RandomKey(seed: 1).derived(variable.name))
            try variable.replace(with: value + noise.to(value.dtype) * 0.3)
        }
        try model.refresh()
    }

    /// Whether a tensor is trained by the method itself, and not with the head that goes with every classifier.
    func isOwn(_ variable: Variable) -> Bool {
        let heads = (session.resolvedMethod as? any SavesModules)?.modulesToSave ?? []
        return variable.role == .trainable && !heads.contains { variable.name.hasPrefix($0 + ".") }
    }

    /// Copies of the adapter's tensors.
    func values(_ isChosen: (Variable) -> Bool) throws -> [String: Tensor] {
        try Dictionary(
            session.grafts.variables.filter(isChosen).map { ($0.name, try $0.value.detach().clone()) },
            uniquingKeysWith: { first, _ in first })
    }
}

extension Tensor {
    /// The largest difference.
    fileprivate func gap(to other: Tensor) throws -> Double {
        try (to(.float64) - other.to(.float64)).abs().amax().item()
    }
}
