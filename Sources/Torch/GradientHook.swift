import CTorch

/// Something that happens to a leaf's gradient in the middle of a backward, as soon as the gradient is complete: before
/// those of leaves that come earlier in the network. It lasts until `remove`.
///
/// The backward waits for `body`, which may change the leaf in place and take its gradient away. On the CPU it is the
/// thread of the backward that calls it, for a GPU it is the engine's.
public final class GradientHook {
    private let leaf: Tensor
    private let box: Box

    /// What the engine calls.
    private final class Box {
        let body: () throws -> Void
        var failure: (any Error)?

        init(_ body: @escaping () throws -> Void) {
            self.body = body
        }
    }

    /// Puts a hook on a leaf that requires a gradient, in place of one that it has.
    /// - Parameter body: where it throws, the backward ends with an error; `failure` then says which.
    public init(on leaf: Tensor, _ body: @escaping () throws -> Void) throws {
        self.leaf = leaf
        box = Box(body)
        try Engine.ensureLoaded()
        let context = Unmanaged.passRetained(box).toOpaque()
        let status = withExtendedLifetime(leaf) {
            ct_engine_loaded()?.pointee.on_gradient(
                leaf.raw,
                { context in
                    guard let context else { return 1 }
                    let box = Unmanaged<Box>.fromOpaque(context).takeUnretainedValue()
                    do {
                        try box.body()
                        return 0
                    } catch {
                        box.failure = error
                        return 1
                    }
                },
                { context in
                    if let context { Unmanaged<Box>.fromOpaque(context).release() }
                }, context)
        }
        try Engine.check(status ?? 1, "on_gradient")
    }

    /// What `body` threw.
    public var failure: (any Error)? { box.failure }

    /// Takes the hook away.
    public func remove() throws {
        let status = withExtendedLifetime(leaf) {
            ct_engine_loaded()?.pointee.on_gradient(leaf.raw, nil, nil, nil)
        }
        try Engine.check(status ?? 1, "on_gradient")
    }
}
