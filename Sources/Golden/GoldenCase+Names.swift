import JSON
import Torch

extension JSON.Node {
    /// The value of the first of several keys that is there: cards and cases spell some options in their own way.
    public func first(of keys: String...) throws -> JSON.Node? {
        for key in keys { if let node = try optional(key) { return node } }
        return nil
    }
}

extension GoldenCase {
    /// The first of several given tensors that is there, with its name; nil for none.
    public func first(of names: [String]) throws -> (name: String, tensor: Tensor)? {
        for name in names { if let tensor = try optional(name) { return (name, tensor) } }
        return nil
    }

    /// Whether the case has a tensor of this name.
    public func has(_ name: String) -> Bool {
        tensors?.names.contains(name) ?? false
    }
}
