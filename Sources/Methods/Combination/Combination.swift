import Networks
import Torch

/// Several methods trained together on one base and saved as one adapter.
///
///     y = gₙ(… g₂(g₁(base)))        gᵢ is what the i-th method of the list has at the site
///
/// Where two methods have a graft at one site, they act in the order of the list: the output of the first is what the
/// second changes, and of what goes in the last one sees the original. Those that change the weight itself (r-amt, loca,
/// spiel) come before those that change input and output. Merging folds them in in the same order, so that it computes the
/// same wherever each of the methods merges. A parameter that two methods train whole is trained once, by the first. The
/// random draws of a method are those that it would have alone.
///
/// What cannot go together is refused when the adapter is made: grafts whose tensors have one name, two side networks, a
/// weight that one method trains whole and another has a graft on, and two rules for the whole step.
///
/// Source: He et al. 2022 (arXiv:2110.04366), section 4.6, for the gain of methods at different sites. The order at one
/// site is this implementation's.
public struct Combination: SavesModules {
    /// The methods, in the order in which they act.
    public var methods = [Part(LoRA()), Part(IA3())]
    /// Modules that are trained and stored whole, such as a new head.
    public var modulesToSave: [String] = []

    /// LoRA, then (IA)³.
    public init() {}

    /// Methods in the order in which they act.
    public init(_ methods: [any Method]) {
        self.methods = methods.map { Part($0) }
    }

    /// What it declares about itself.
    public static let card = MethodCard(
        name: "combine", summary: "Several methods are trained together on one base and saved as one adapter.",
        family: "combination", sites: "those of its methods", paper: "He et al. 2022, arXiv:2110.04366",
        initContract: .equalsBase, mergeContract: .exact)

    /// Its methods.
    public var parts: [any Method] { methods.map(\.method) }

    /// Its options.
    public static let options: [MethodOption<Combination>] = [
        .init("methods", \.methods),
        .modulesToSave,
    ]

    /// Refuses lists that are none, before any model is needed.
    public func validate() throws {
        guard methods.count > 1 else {
            throw MethodError.option(
                "methods: \(Combination.card.name) needs a list of at least two methods, found \(methods.count)")
        }
        guard !parts.contains(where: { $0 is Combination }) else {
            throw MethodError.option(
                "methods: a combination inside a combination is none: list its methods beside the others")
        }
        for case let method as any WritesPeft in parts where !type(of: method).readsItsOwn {
            throw MethodError.option(
                "methods: adapters of \(type(of: method).card.name) are written as those of another method, and cannot be "
                    + "read as a part of a combination: use it alone")
        }
    }

    /// The grafts of all methods, each made for the base alone.
    public func grafts(for model: Model, _ start: GraftStart) throws -> GraftSet {
        try validate()
        var joined = JoinedGrafts()
        for method in trainedParts {
            let set = try Combination.naming(method) { try method.grafts(for: model, start) }
            try joined.add(set, of: type(of: method).card.name)
        }
        try joined.requireComposable(on: model)
        var set = joined.set
        if !trainedParts.contains(where: { $0 is any SavesModules }) { try set.addModules(modulesToSave, of: model) }
        return set
    }

    /// The methods with the modules that are saved beside all of them, which none may then have a graft on.
    private var trainedParts: [any Method] {
        parts.map { method in
            guard var trained = method as? any SavesModules else { return method }
            trained.modulesToSave += modulesToSave.filter { !trained.modulesToSave.contains($0) }
            return trained
        }
    }

    /// Says in an error of a method whose it is.
    private static func naming<Result>(_ method: any Method, _ body: () throws -> Result) throws -> Result {
        let name = type(of: method).card.name
        do {
            return try body()
        } catch MethodError.option(let text) {
            throw MethodError.option("\(name): \(text)")
        } catch MethodError.unmatched(let option, let pattern, let nearest) {
            throw MethodError.unmatched(option: "\(name): \(option)", pattern: pattern, nearest: nearest)
        }
    }
}

// MARK: Parts

extension Combination {
    /// A method of a combination: `ia3`, or `{name: ia3, learning_rate_factor: 8, …}` with its options.
    public struct Part: Codable, Sendable {
        /// The method with its options.
        public var method: any Method
        /// The learning rate of its tensors, as a multiple of the run's. Groups that have a rate of their own keep it.
        public var learningRateFactor: Double

        private static let factorKey = "learning_rate_factor"

        /// A method at a multiple of the run's rate.
        public init(_ method: any Method, learningRateFactor: Double = 1) {
            self.method = method
            self.learningRateFactor = learningRateFactor
        }

        /// Reads a name, or an object of a name and options.
        public init(from decoder: any Decoder) throws {
            if let name = try? decoder.singleValueContainer().decode(String.self) {
                self.init(try MethodRegistry.method(named: name).init())
                return
            }
            let keys = try decoder.container(keyedBy: OptionKey.self)
            let name = try keys.decode(String.self, forKey: OptionKey("name"))
            let factor = try keys.decodeIfPresent(Double.self, forKey: OptionKey(Part.factorKey)) ?? 1
            guard factor > 0, factor.isFinite else {
                throw MethodError.option("methods: \(Part.factorKey) of \(name) must be positive, found \(factor)")
            }
            // The method reads its options from the same object; keys that nobody asks for are an error there.
            let method = try MethodRegistry.method(named: name)
            self.init(try method.init(from: decoder), learningRateFactor: factor)
        }

        /// Writes what `init(from:)` reads, every option with its value.
        public func encode(to encoder: any Encoder) throws {
            var keys = encoder.container(keyedBy: OptionKey.self)
            try keys.encode(type(of: method).card.name, forKey: OptionKey("name"))
            if learningRateFactor != 1 { try keys.encode(learningRateFactor, forKey: OptionKey(Part.factorKey)) }
            try method.encode(to: encoder)
        }
    }
}
