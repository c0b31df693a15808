import Networks

/// Which modules a method adapts, and which it trains whole beside them.
public struct Targeting: Sendable, Equatable {
    /// Which modules; nil for the method's own choice.
    public var targetModules: TargetModules?
    /// Modules that are left out again.
    public var excludeModules: TargetModules?
    /// Modules that are trained and stored whole, such as a new head.
    public var modulesToSave: [String]

    /// The given modules; the method's own choice where none are named.
    public init(
        targetModules: TargetModules? = nil, excludeModules: TargetModules? = nil, modulesToSave: [String] = []
    ) {
        self.targetModules = targetModules
        self.excludeModules = excludeModules
        self.modulesToSave = modulesToSave
    }
}

/// Which of a network's layers a method adapts.
public struct LayerChoice: Sendable, Equatable {
    /// Only these layers, by their index; nil for all.
    public var layersToTransform: [Int]?
    /// Names of the module list that holds the layers, where paths have several numbers.
    public var layersPattern: [String] = []

    /// All layers.
    public init() {}

    func validate() throws {
        guard layersPattern.isEmpty || layersToTransform != nil else {
            throw MethodError.option("layers_pattern: needs layers_to_transform beside it")
        }
    }

    func contains(_ path: String) -> Bool {
        guard let layers = layersToTransform, !layers.isEmpty else { return true }
        let parts = path.split(separator: ".").map(String.init)
        // The first number that is inside the right list is the layer; later ones (experts) are not.
        for (index, part) in parts.enumerated() where index > 0 && index < parts.count - 1 {
            guard let number = Int(part) else { continue }
            let list = parts[..<index].joined(separator: ".")
            let isLayerList =
                layersPattern.isEmpty ? index > 1 : layersPattern.contains { ModuleSelection.means($0, list) }
            if isLayerList { return layers.contains(number) }
        }
        return false
    }
}

/// A method that can train and save whole modules beside its grafts.
public protocol SavesModules: Method {
    /// Names of the modules, by the ends of their paths.
    var modulesToSave: [String] { get set }
}

/// A method that lets its user choose modules.
public protocol TargetsModules: SavesModules {
    /// The choice.
    var targeting: Targeting { get set }
}

/// A method that lets its user choose layers as well.
public protocol TargetsLayers: TargetsModules {
    /// The choice.
    var layers: LayerChoice { get set }
}

// MARK: Options

extension MethodOption where Owner: SavesModules {
    /// `modules_to_save`.
    public static var modulesToSave: Self { Self("modules_to_save", \.modulesToSave) }
}

extension MethodOption where Owner: TargetsModules {
    /// `target_modules`.
    public static var targetModules: Self { Self("target_modules", \.targeting.targetModules) }
    /// `exclude_modules`.
    public static var excludeModules: Self { Self("exclude_modules", \.targeting.excludeModules) }
}

extension MethodOption where Owner: TargetsLayers {
    /// `layers_to_transform`.
    public static var layersToTransform: Self { Self(list: "layers_to_transform", \.layers.layersToTransform) }
    /// `layers_pattern`.
    public static var layersPattern: Self { Self(list: "layers_pattern", \.layers.layersPattern) }
}

extension TargetsModules {
    /// Which modules; nil for the method's own choice.
    public var targetModules: TargetModules? {
        get { targeting.targetModules }
        set { targeting.targetModules = newValue }
    }

    /// Modules that are left out again.
    public var excludeModules: TargetModules? {
        get { targeting.excludeModules }
        set { targeting.excludeModules = newValue }
    }

    /// Modules that are trained and stored whole, such as a new head.
    public var modulesToSave: [String] {
        get { targeting.modulesToSave }
        set { targeting.modulesToSave = newValue }
    }
}

extension TargetsLayers {
    /// Only these layers, by their index; nil for all.
    public var layersToTransform: [Int]? {
        get { layers.layersToTransform }
        set { layers.layersToTransform = newValue }
    }

    /// Names of the module list that holds the layers, where paths have several numbers.
    public var layersPattern: [String] {
        get { layers.layersPattern }
        set { layers.layersPattern = newValue }
    }
}

// MARK: Sites

extension TargetsModules {
    /// What the options choose among modules of any kind.
    func selection(_ start: GraftStart) -> ModuleSelection {
        ModuleSelection(targeting, names: start.names, isStrict: start.isStrict)
    }

    /// The projections that the options choose, in the order of the network.
    func projections(of model: Model, _ start: GraftStart) throws -> [Projection] {
        try TargetSelection(
            targeting, layers: (self as? any TargetsLayers)?.layers ?? LayerChoice(), names: start.names,
            isStrict: start.isStrict
        ).projections(of: model)
    }

    /// The same for a method that is defined for linear layers alone: another kind among the targets is refused.
    func linearProjections(of model: Model, _ start: GraftStart) throws -> [Projection] {
        let projections = try projections(of: model, start)
        for projection in projections { try projection.requireLinear(for: Self.card.name) }
        return projections
    }
}
