// Real parts of Fourier transforms of real matrices.
#include <ATen/ops/fft_rfft2.h>
#include <torch/csrc/autograd/custom_function.h>

#include "engine.h"

namespace graft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// Re(ifft2(a)) of real a [rows, columns]: sums of a times cosines, which both directions of the transform give. The
/// transform of a real matrix is known from half its columns, the other half being their mirror image.
at::Tensor cosine_sums(const at::Tensor &a) {
    at::NoGradGuard no_grad;
    auto rows = a.size(0), columns = a.size(1);
    auto half = at::real(at::fft_rfft2(a, c10::nullopt, {-2, -1}, "forward"));
    auto sums = at::empty({rows, columns}, half.options());
    auto known = half.size(1), mirrored = columns - known;
    sums.narrow(1, 0, known).copy_(half);
    if (mirrored > 0) {
        // Column c is column `columns - c` with its rows from the last to the second, the first staying in its place.
        auto mirror = half.narrow(1, columns - known - mirrored + 1, mirrored).flip({1});
        auto target = sums.narrow(1, known, mirrored);
        target.narrow(0, 0, 1).copy_(mirror.narrow(0, 0, 1));
        if (rows > 1) target.narrow(0, 1, rows - 1).copy_(mirror.narrow(0, 1, rows - 1).flip({0}));
    }
    return sums;
}

/// The sums' matrix of cosines is symmetric: the backward is the forward of the gradient, and nothing is kept for it.
struct InverseFourierReal : Function<InverseFourierReal> {
    static at::Tensor forward(AutogradContext *, const at::Tensor &a) { return cosine_sums(a); }

    static variable_list backward(AutogradContext *, variable_list gradients) { return {cosine_sums(gradients[0])}; }
};

}  // namespace

at::Tensor ifft2_real(const at::Tensor &a) {
    bool is_plain = a.dim() == 2 && a.numel() > 0 && (a.scalar_type() == at::kFloat || a.scalar_type() == at::kDouble);
    return is_plain ? InverseFourierReal::apply(a) : at::real(at::fft_ifft2(a));
}

}  // namespace graft
