import Golden
import Networks
import Support
import Torch

/// A fine-tuning method: a small configuration that chooses sites and makes grafts for them. Methods know sites, never
/// architectures.
public protocol Method: Codable, Sendable {
    /// What the method declares about itself.
    static var card: MethodCard { get }

    /// What configurations can set, in the order in which it is written.
    static var options: [MethodOption<Self>] { get }

    /// How the method's golden cases are run; `graft verify` finds them here.
    static var replays: [GoldenReplay] { get }

    /// The methods that an adapter is made of: this one alone, unless it combines others.
    var parts: [any Method] { get }

    /// The configuration with every option at its default.
    init()

    /// Refuses options that cannot be, whatever the model.
    /// - Throws: `MethodError.option`.
    func validate() throws

    /// Makes the grafts for a model; they are not yet on it.
    /// - Parameter start: random draws, examples to calibrate with, and the tensors of an adapter that is being read.
    /// - Throws: `MethodError` when an option names something that the model does not have.
    func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet

    /// What the method does while its grafts are trained; nil for nothing but being differentiated.
    func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)?
}

extension Method {
    /// This one.
    public var parts: [any Method] { [self] }

    /// Nothing.
    public func lifecycle(of grafts: GraftSet, on model: Model, _ plan: TrainingPlan) throws -> (any Lifecycle)? {
        nil
    }

    /// No cases.
    public static var replays: [GoldenReplay] { [] }

    /// Grafts of a fresh adapter that needs no examples to start.
    /// - Parameter key: root of the method's random draws.
    public func grafts(for model: Model, key: RandomKey) throws -> GraftSet {
        try grafts(for: model, GraftStart(key: key))
    }
}

/// What a method declares: the table of `graft methods`, and what the conformance suite checks.
public struct MethodCard: Sendable {
    /// What a fresh adapter computes.
    public enum InitContract: String, Sendable {
        /// The same as the base.
        case equalsBase
        /// Something else, by intent.
        case differs
    }

    /// How an adapter can become part of the weights.
    public enum MergeContract: String, Sendable {
        case exact
        /// Within a bound that the method states.
        case approximate
        case never
    }

    /// The name in configurations and on the command line.
    public let name: String
    /// One sentence.
    public let summary: String
    /// Family of methods it belongs to.
    public let family: String
    /// Where it attaches.
    public let sites: String
    /// Paper: authors, year, identifier.
    public let paper: String
    /// What a fresh adapter computes.
    public let initContract: InitContract
    /// How it merges.
    public let mergeContract: MergeContract

    /// A card with the given entries.
    public init(
        name: String, summary: String, family: String, sites: String, paper: String, initContract: InitContract,
        mergeContract: MergeContract
    ) {
        self.name = name
        self.summary = summary
        self.family = family
        self.sites = sites
        self.paper = paper
        self.initContract = initContract
        self.mergeContract = mergeContract
    }
}

/// What can be wrong with a method's options on a given model.
public enum MethodError: Error, Equatable, CustomStringConvertible {
    /// An option that cannot be, whatever the model.
    case option(String)
    /// A name or pattern that matches nothing.
    case unmatched(option: String, pattern: String, nearest: String?)
    /// No method has this name.
    case unknownMethod(name: String, nearest: String?, known: [String])
    /// A graft that cannot be folded into the weights.
    case unmergeable(String)
    /// An adapter that the asked format cannot hold.
    case unwritable(String)
    /// A tensor of a file that is not there, or has another size than the options say.
    case stored(String)
    /// A method that must see training examples before it starts, where there are none.
    case needsCalibration(method: String)

    /// One sentence: what was wrong, where, what to do.
    public var description: String { shortened(message: sentence) }

    private var sentence: String {
        switch self {
        case .option(let text), .unmergeable(let text), .unwritable(let text), .stored(let text):
            return text
        case .needsCalibration(let method):
            return "\(method) looks at training examples before it starts: make its adapter by training"
        case .unmatched(let option, let pattern, let nearest):
            return "\(option): `\(pattern)` matches no module of the model"
                + (nearest.map { "; the nearest is `\($0)`" } ?? "; `graft inspect MODEL` lists them")
        case .unknownMethod(let name, let nearest, let known):
            return "method: unknown name `\(name)`" + (nearest.map { "; the nearest is `\($0)`" } ?? "") + "; known: "
                + known.joined(separator: ", ")
        }
    }
}
