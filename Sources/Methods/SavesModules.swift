/// A method that can train and save whole modules beside its grafts.
public protocol SavesModules: Method {
    /// Names of the modules, by the ends of their paths.
    var modulesToSave: [String] { get set }
}
