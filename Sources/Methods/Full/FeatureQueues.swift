import Networks
import Torch

/// Features of the last examples by the trained and by the untouched model, with their classes: see `DRTune`.
final class FeatureQueues {
    /// [size, width], of the trained model.
    let down: Variable
    /// [size, width], of the untouched model.
    let pre: Variable
    /// [size]
    let labels: Variable
    /// The row that the next feature takes.
    var pointer = 0

    init(size: Int, width: Int) throws {
        down = try Variable("dr_tune.down_queue", .zeros([size, width]), role: .state)
        pre = try Variable("dr_tune.pre_queue", .zeros([size, width]), role: .state)
        labels = try Variable("dr_tune.label_queue", .zeros([size], dtype: .int64), role: .state)
    }

    /// The queues among an adapter's variables; nil where there are none.
    init?(_ variables: [Variable]) {
        func named(_ name: String) -> Variable? { variables.first { $0.name == "dr_tune." + name } }
        guard let down = named("down_queue"), let pre = named("pre_queue"), let labels = named("label_queue") else {
            return nil
        }
        (self.down, self.pre, self.labels) = (down, pre, labels)
    }

    var variables: [Variable] { [down, pre, labels] }

    /// Takes the features of a batch [rows, width]; of more than fit, the last.
    func push(down features: Tensor, pre untouched: Tensor, labels classes: Tensor) throws {
        try withoutGradients {
            let size = try labels.value.count
            let count = try features.size(0)
            var taken = max(0, count - size)
            pointer = (pointer + taken) % size
            while taken < count {
                let length = min(count - taken, size - pointer)
                for (queue, rows) in [(down, features), (pre, untouched), (labels, classes)] {
                    try queue.value.narrow(0, pointer, length).copyInPlace(rows.detach().narrow(0, taken, length))
                }
                taken += length
                pointer = (pointer + length) % size
            }
        }
    }

    /// The untouched model's features where the trained model's are now, [size, width].
    /// - Parameters:
    ///   - features: of the batch, whose length they take.
    ///   - head: W [classes, width].
    ///   - rotates: whether they are rotated as a whole first.
    func calibrated(to features: Tensor, head: Tensor, rotates: Bool) throws -> Tensor {
        try withoutGradients {
            let length = try features.detach().norm(2, dims: [1]).mean()
            let trained = try FeatureQueues.unit(down.value)
            var untouched = try FeatureQueues.unit(pre.value)
            if rotates { untouched = try FeatureQueues.rotated(untouched, onto: trained) }
            untouched = try shifted(untouched, onto: trained, head: FeatureQueues.unit(head.detach()))
            return try FeatureQueues.unit(untouched) * length
        }
    }

    /// Each class's rows moved so that their mean is that of the trained features, weighted by their likeness to the
    /// head's row of the class. A class without rows has nothing to move.
    private func shifted(_ untouched: Tensor, onto trained: Tensor, head: Tensor) throws -> Tensor {
        let classes = try Tensor.arange(to: Double(head.size(0)), device: head.device).unsqueeze(0)
        let isMember = try labels.value.unsqueeze(1).eq(classes)
        let members = try isMember.to(trained.dtype)
        let likeness = try trained.matmul(head.t()).maskedFill(isMember.not(), -1e30)
        let weights = try likeness.softmax(0) * members
        let counts = try members.sum([0]).clamp(1, .infinity).unsqueeze(1)
        let shifts = try weights.t().matmul(trained) - members.t().matmul(untouched) / counts
        return try untouched + members.matmul(shifts)
    }

    private static func unit(_ rows: Tensor) throws -> Tensor {
        try rows / rows.norm(2, dims: [1], keepDim: true).clamp(1e-12, .infinity)
    }

    /// The rows turned by the rotation that brings them closest to others (Kabsch), with their mean at the origin.
    static func rotated(_ rows: Tensor, onto others: Tensor) throws -> Tensor {
        let dtype = try rows.dtype
        let (x, y) = (try rows.to(.float64), try others.to(.float64))
        let (centredX, centredY) = (try x - x.mean([0], keepDim: true), try y - y.mean([0], keepDim: true))
        let turned = try centredX.matmul(rotation(centredX.t().matmul(centredY)).t())
        return try (turned + (centredY - turned).mean([0], keepDim: true)).to(dtype)
    }

    /// R = V Uᵀ of a covariance U Σ Vᵀ, with the last column of V turned round where R would reflect.
    static func rotation(_ covariance: Tensor) throws -> Tensor {
        let (u, _, vT) = try covariance.svd()
        let free = try vT.t().matmul(u.t())
        guard try isReflection(free) else { return free }
        let last = try vT.size(0) - 1
        let flipped = try Tensor.cat([vT.narrow(0, 0, last), -vT.narrow(0, last, 1)])
        return try flipped.t().matmul(u.t())
    }

    /// Whether the determinant of an orthogonal matrix is -1. Its complex eigenvalues come in pairs of one real part, and
    /// the real ones are 1 and -1: it reflects when an odd number of real parts is negative.
    private static func isReflection(_ orthogonal: Tensor) throws -> Bool {
        let realParts = try ((orthogonal + orthogonal.t()) / 2).eigh().values
        return try Int(realParts.lt(0).to(.int64).sum().item()) % 2 == 1
    }
}
