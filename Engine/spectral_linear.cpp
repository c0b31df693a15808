// A linear map whose weight is changed by a matrix that a few entries of its spectrum give (FourierFT).
#include <ATen/ops/fft_irfft.h>
#include <ATen/ops/fft_irfft2.h>
#include <ATen/ops/fft_rfft.h>
#include <torch/csrc/autograd/custom_function.h>

#include "engine.h"

namespace graft {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

int64_t part_length(const at::Tensor &rows) {
    return rows.is_cpu() ? 64 : 4096;
}

int64_t part_count(const at::Tensor &rows) {
    return (rows.size(0) + part_length(rows) - 1) / part_length(rows);
}

/// One side, outputs or inputs, of a spectrum's entries. Spectra of real vectors of n numbers are known up to frequency
/// n / 2, those above being the conjugates of their mirror images n - f.
struct Side {
    int64_t size;
    /// [n], of the whole range.
    at::Tensor frequency;
    /// [n], of the half that is known.
    at::Tensor known = at::minimum(frequency, size - frequency);
    /// [n], where the known frequency is the mirror image.
    at::Tensor is_mirrored = known.ne(frequency);

    /// What an entry adds at its known frequency: half of it, the mirror image having the other half, or all of it where
    /// both are the same.
    at::Tensor share() const { return at::where((known * 2).remainder(size).eq(0), 1.0, 0.5); }

    /// The spectra of rows at the entries' frequencies, conjugated where mirrored: real and imaginary parts, [rows, n, 2].
    at::Tensor spectra(const at::Tensor &rows) const {
        return at::view_as_real(at::fft_rfft(rows).gather(1, known.expand({rows.size(0), -1})));
    }

    /// The real rows of which `terms` [rows, n, 2] are parts of the spectra at the entries' frequencies.
    at::Tensor rows(const at::Tensor &terms) const {
        auto complex = at::view_as_complex(terms);
        auto spectra = at::zeros({terms.size(0), size / 2 + 1}, complex.options());
        spectra.scatter_add_(1, known.expand({terms.size(0), -1}), complex);
        // Sums over all of a row, and of alternating signs, are real: of the entries there the real parts count.
        at::imag(spectra.select(1, 0)).zero_();
        if (size % 2 == 0) at::imag(spectra.select(1, size / 2)).zero_();
        return at::fft_irfft(spectra, size, -1, "forward");
    }
};

/// ΔW[u, v] = Σ_j c_j cos(2π(row_j u / outputs + column_j v / inputs)): c with all factors in it, and where it is.
///
/// x ΔWᵀ is a transform of x, its n entries moved from one side's frequencies to the other's, and a transform back; for a
/// few entries of a large matrix that is a hundredth of the work of a product.
struct Change {
    at::Tensor c;
    Side outputs, inputs;

    Change(const at::Tensor &weight, const at::Tensor &spectrum, const at::Tensor &positions, double scaling)
        : c(spectrum * (scaling / static_cast<double>(weight.numel()))),
          outputs{weight.size(0), positions.div(weight.size(1), "floor")},
          inputs{weight.size(1), positions.remainder(weight.size(1))} {}

    /// Whether going entry by entry is less work than a product, measured on shapes of models: an entry costs a row as much
    /// as some 500 multiplications.
    bool is_sparse() const { return c.numel() <= outputs.size * inputs.size / 512; }

    /// [n, 2]: real and imaginary parts times these are those of the product of both sides' terms, or of one side's term
    /// where it goes to the other.
    at::Tensor signs() const {
        auto imaginary = at::where(outputs.is_mirrored.eq(inputs.is_mirrored), -1.0, 1.0).to(c.scalar_type());
        return at::stack({at::ones_like(imaginary), imaginary}, 1);
    }

    /// What takes one side's spectra to the terms of `target`, [n, 2].
    at::Tensor factors(const Side &target) const {
        return signs().mul_((c * target.share().to(c.scalar_type())).unsqueeze(1));
    }

    /// W + ΔW.
    at::Tensor added_to(const at::Tensor &weight) const {
        // Half of every entry, and half of its mirror image, where they are in the half of the columns that is known.
        auto row = at::cat({outputs.frequency, (outputs.size - outputs.frequency).remainder(outputs.size)});
        auto column = at::cat({inputs.frequency, (inputs.size - inputs.frequency).remainder(inputs.size)});
        auto known = inputs.size / 2 + 1;
        auto values = at::where(column.lt(known), at::cat({c, c}) * 0.5, 0.0);
        auto place = row * known + column.clamp_max(known - 1);
        auto half = at::zeros({outputs.size * known}, c.options().dtype(at::toComplexType(c.scalar_type())));
        at::real(half).scatter_add_(0, place, values);
        return at::fft_irfft2(half.view({outputs.size, known}), {{outputs.size, inputs.size}}, {-2, -1}, "forward")
            .add_(weight);
    }
};

/// Takes rows in parts whose spectra stay in the cache, several parts at once: `body` gets the number of a part, where it
/// starts and how long it is. Parts are the same for every number of threads, and so are sums of them.
template <typename Body>
void in_parts(const at::Tensor &rows, Body body) {
    auto step = part_length(rows);
    auto run = [&](int64_t begin, int64_t end) {
        at::NoGradGuard no_grad;  // Other threads have a mode of their own.
        for (auto part = begin; part < end; ++part) {
            body(part, part * step, std::min(step, rows.size(0) - part * step));
        }
    };
    if (rows.is_cpu()) {
        at::parallel_for(0, part_count(rows), 1, run);
    } else {
        run(0, part_count(rows));
    }
}

/// x (W + ΔW)ᵀ + bias. Keeps x, W and the entries; what is as large as the weight is made again.
struct SpectralLinear : Function<SpectralLinear> {
    static at::Tensor forward(AutogradContext *context, const at::Tensor &x, const at::Tensor &weight,
                              const std::optional<at::Tensor> &bias, const at::Tensor &spectrum,
                              const at::Tensor &positions, double scaling) {
        auto rows = rows_of(x);
        Change change(weight, spectrum, positions, scaling);
        bool dx = x.requires_grad(), dw = weight.requires_grad(), dc = spectrum.requires_grad();
        context->saved_data["bias"] = bias.has_value() && bias->requires_grad();
        context->saved_data["dx"] = dx;
        context->saved_data["dw"] = dw;
        context->saved_data["dc"] = dc;
        context->saved_data["scaling"] = scaling;
        context->saved_data["shape"] = x.sizes().vec();
        context->save_for_backward({dw || dc ? rows : at::Tensor(), weight, spectrum, positions});
        at::Tensor y;
        // Transforms of few rows are less than one of the matrix.
        if (change.is_sparse() && rows.size(0) < 2 * weight.numel() / (weight.size(0) + weight.size(1))) {
            y = product(rows, weight, bias);
            auto factors = change.factors(change.outputs);
            in_parts(rows, [&](int64_t, int64_t start, int64_t count) {
                auto terms = change.inputs.spectra(rows.narrow(0, start, count)).mul_(factors);
                y.narrow(0, start, count).add_(change.outputs.rows(terms));
            });
        } else {
            y = product(rows, change.added_to(weight), bias);
        }
        return y.view(shape_with(x, weight.size(0)));
    }

    static variable_list backward(AutogradContext *context, variable_list gradients) {
        auto saved = context->get_saved_variables();
        auto &rows = saved[0], &weight = saved[1], &spectrum = saved[2], &positions = saved[3];
        auto scaling = context->saved_data["scaling"].toDouble();
        bool dx = context->saved_data["dx"].toBool(), dc = context->saved_data["dc"].toBool();
        auto dy = rows_of(gradients[0]);
        Change change(weight, spectrum, positions, scaling);
        variable_list result(6);
        if (change.is_sparse()) {
            if (dx) result[0] = product(dy, weight.t(), {});
            auto sums = dc ? at::empty({part_count(dy), positions.numel(), 2}, dy.options()) : at::Tensor();
            auto factors = change.factors(change.inputs);
            in_parts(dy, [&](int64_t part, int64_t start, int64_t count) {
                if (!dx && !dc) return;
                auto terms = change.outputs.spectra(dy.narrow(0, start, count));
                if (dc) sums[part].copy_(change.inputs.spectra(rows.narrow(0, start, count)).mul_(terms).sum(0));
                if (dx) result[0].narrow(0, start, count).add_(change.inputs.rows(terms.mul_(factors)));
            });
            if (dc) {
                auto scale = scaling / static_cast<double>(weight.numel());
                result[3] = sums.sum(0).mul_(change.signs()).sum(1).mul_(scale);
            }
        } else {
            if (dc) {
                auto gradient = ifft2_real(product(dy.t(), rows.t(), {}));
                result[3] = gradient.reshape({-1}).index_select(0, positions).mul_(scaling);
            }
            if (dx) result[0] = product(dy, change.added_to(weight).t(), {});
        }
        if (dx) result[0] = result[0].view(context->saved_data["shape"].toIntVector());
        if (context->saved_data["dw"].toBool()) result[1] = product(dy.t(), rows.t(), {});
        if (context->saved_data["bias"].toBool()) result[2] = dy.sum(0);
        return result;
    }
};

}  // namespace

at::Tensor spectral_linear(const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
                           const at::Tensor &spectrum, const at::Tensor &positions, double scaling) {
    return SpectralLinear::apply(x, weight, bias, spectrum, positions, scaling);
}

}  // namespace graft
