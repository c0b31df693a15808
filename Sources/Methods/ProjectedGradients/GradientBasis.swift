import Networks
import Optimization
import Torch

/// The subspace that a matrix's gradient is projected onto: from the right, from the left, or from both sides.
struct GradientBasis {
    /// U_r: [p, r].
    var left: Tensor?
    /// V_r: [r, q].
    var right: Tensor?

    /// The first singular vectors of a gradient.
    init(_ gradient: Tensor, rank: Int, _ type: GradNormLoRP.ProjectionType) throws {
        let (rows, columns) = (try gradient.size(0), try gradient.size(1))
        let (u, _, vT) = try gradient.to(.float32).svd()
        let count = min(rank, rows, columns)
        let isRight: Bool
        switch type {
        case .std: isRight = rows >= columns
        case .reverseStd: isRight = rows < columns
        case .right, .full: isRight = true
        case .left: isRight = false
        }
        if isRight { right = try vT.narrow(0, 0, count).contiguous() }
        if !isRight || type == .full { left = try u.narrow(1, 0, count).contiguous() }
    }

    /// The basis that a group holds for a variable.
    init(of variable: Variable, in group: ParameterGroup) {
        left = group.extras[variable.name + "/left"]
        right = group.extras[variable.name + "/right"]
    }

    /// A basis that is given.
    init(left: Tensor?, right: Tensor?) {
        (self.left, self.right) = (left, right)
    }

    /// Keeps the basis in a group.
    func put(for variable: Variable, in group: ParameterGroup) throws {
        group.extras[variable.name + "/left"] = left
        group.extras[variable.name + "/right"] = right
    }

    /// Whether there is any.
    var isThere: Bool { left != nil || right != nil }

    /// A gradient in the basis.
    func down(_ gradient: Tensor) throws -> Tensor {
        var result = gradient
        if let left { result = try left.t().matmul(result) }
        if let right { result = try result.matmul(right.t()) }
        return result
    }

    /// An update out of it.
    func up(_ update: Tensor) throws -> Tensor {
        var result = update
        if let left { result = try left.matmul(result) }
        if let right { result = try result.matmul(right) }
        return result
    }
}
