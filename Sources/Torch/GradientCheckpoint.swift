import CTorch

/// What `body` gives, keeping nothing of what its operations would save for the backward: when that asks for it, `body`
/// is run once more, with gradients, and its result dropped. Memory for time; values and gradients are the same.
///
/// Tensors may come from outside and go out in any way; gradients flow through all of them. What `body` computes must not
/// depend on anything that changes between forward and backward: where it then saves other tensors, the backward ends with
/// an error. It is called on the thread of the backward, for a GPU on the engine's.
///
/// Source: Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", section 3.
public func gradientCheckpoint<Result>(_ body: @escaping () throws -> Result) throws -> Result {
    try Engine.ensureLoaded()
    var first: Swift.Result<Result, any Error>?
    var isFirst = true
    let part = CheckpointedPart {
        let result = Swift.Result { try body() }
        if isFirst { (first, isFirst) = (result, false) }
        _ = try result.get()
    }
    // The result holds the graph, and the graph holds the part.
    defer { first = nil }
    let status = ct_engine_loaded()?.pointee.gradient_checkpoint(
        { context in
            guard let context else { return Int32(CT_UNKNOWN.rawValue) }
            return Unmanaged<CheckpointedPart>.fromOpaque(context).takeUnretainedValue().status()
        },
        { context in
            if let context { Unmanaged<CheckpointedPart>.fromOpaque(context).release() }
        }, Unmanaged.passRetained(part).toOpaque())
    if let first { return try first.get() }
    try Engine.check(status ?? 1, "gradient_checkpoint")
    throw TorchError.invalid("the engine did not run a part of the forward")
}

/// What the engine calls.
private final class CheckpointedPart {
    private let run: () throws -> Void

    init(_ run: @escaping () throws -> Void) {
        self.run = run
    }

    func status() -> Int32 {
        do {
            try run()
            return Int32(CT_OK.rawValue)
        } catch is TorchError {
            return Int32(CT_ERROR.rawValue)
        } catch {
            return Int32(CT_UNKNOWN.rawValue)
        }
    }
}
