// Batch normalization in a program: columns of all rows, which no thread may have before all have
// gone through what lies in front.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "parallel.hpp"
#include "program.hpp"

namespace zk {
namespace {

// Numbers of a task: fewer are not worth handing out.
constexpr i64 kNumbers = 4096;

}  // namespace

template <class T>
i64 Program<T>::normalization(i64 gamma, i64 beta, i64 columns, T* mean, T* variance, double keep,
                              double take, double eps) {
    if (gamma < 0 || beta < 0 || std::max(gamma, beta) + columns > buffers_.size)
        throw std::invalid_argument("program: a layer's parameters lie outside the buffer");
    norms_.push_back({gamma, beta, columns, mean, variance, keep, take, eps,
                      aligned_zeros<T>(round_up(columns, math_.panel)),
                      aligned_zeros<T>(round_up(columns, math_.panel)), -1});
    return static_cast<i64>(norms_.size()) - 1;
}

template <class T>
void Program<T>::normalize(i64 norm, i64 x, i64 normal, i64 out, Activation act) {
    add_op(Normalize{norm, x, normal, out, act});
}

template <class T>
void Program<T>::normalize_back(i64 norm, i64 dout, i64 normal, i64 dx) {
    add_op(NormalizeBack{norm, dout, normal, dx});
}

template <class T>
void Program<T>::rescale(i64 norm, i64 x, i64 out, Activation act) {
    add_op(Rescale{norm, x, out, act});
}

template <class T>
void Program<T>::fold_into(i64 norm, i64 bias) {
    if (norm >= 0) norms_.at(static_cast<std::size_t>(norm)).bias = bias;
}

template <class T>
const T* Program<T>::scale_of(i64 norm) const {
    return norm < 0 ? nullptr : norms_[static_cast<std::size_t>(norm)].scale.get();
}

// gamma (x + b - mean) / std + beta = x * scale + shift.
template <class T>
void Program<T>::fold_norms() {
    for (Norm& n : norms_) {
        for (i64 c = 0; c < n.columns; ++c) {
            const T bias = n.bias < 0 ? T(0) : buffers_.params[n.bias + c];
            const T scale = buffers_.params[n.gamma + c] /
                            std::sqrt(n.variance[c] + static_cast<T>(n.eps));
            n.scale[static_cast<std::size_t>(c)] = scale;
            n.shift[static_cast<std::size_t>(c)] =
                (bias - n.mean[c]) * scale + buffers_.params[n.beta + c];
        }
    }
}

template <class T>
void Program<T>::run_rescale(const Rescale& op, const Batch&, i64 row, i64 row_end, T* local) {
    const Norm& n = norms_[static_cast<std::size_t>(op.norm)];
    const auto grid = [&](i64 id) -> Grid<T> {
        const Slot& s = at(id);
        T* const data = s.local < 0 ? s.sample(row) : local + s.local;
        return {data + s.lay.origin, s.row, s.lay.line, s.lay.pixel};
    };
    const Slot& out = at(op.out);
    const Grid<T> x = grid(op.x);
    const bool image = out.channels > 0;
    math_.images.rescale({{row_end - row, image ? out.height : 1, image ? out.width : 1},
                          {x.data, x.row, x.line, x.pixel},
                          grid(op.out),
                          n.columns,
                          n.scale.get(),
                          n.shift.get(),
                          op.act});
}

template <class T>
void Program<T>::run_whole_columns(const Segment& segment, const Batch& batch) {
    for (const Op& op : segment.ops) {
        const auto* f = std::get_if<Normalize>(&op);
        const auto* b = std::get_if<NormalizeBack>(&op);
        if (f == nullptr && b == nullptr) continue;
        const i64 columns = norms_[static_cast<std::size_t>(f ? f->norm : b->norm)].columns;
        const Slot& s = at(f ? f->normal : b->normal);
        const i64 a_column = batch.rows * std::max<i64>(1, s.height * s.width);
        const i64 share = std::max<i64>(1, kNumbers / a_column / math_.lanes) * math_.lanes;
        parallel_for(batch.threads, (columns + share - 1) / share, [&](i64 i, int) {
            run_norm(op, batch, i * share, std::min(columns, (i + 1) * share));
        });
    }
}

template <class T>
void Program<T>::run_norm(const Op& op, const Batch& batch, i64 column, i64 column_end) {
    const auto grid = [&](i64 id) -> Grid<T> {
        if (id < 0) return {nullptr, 0, 0, 0};
        const Slot& s = at(id);
        return {s.data + s.lay.origin, s.row, s.lay.line, s.lay.pixel};
    };
    const auto reading = [&](i64 id) -> Grid<const T> {
        const Grid<T> g = grid(id);
        return {g.data, g.row, g.line, g.pixel};
    };
    const auto places = [&](const Slot& s) -> Places {
        return s.channels > 0 ? Places{batch.rows, s.height, s.width} : Places{batch.rows, 1, 1};
    };
    // A single number has no variance of its own.
    const auto own = [](const Places& p) { return p.rows * p.height * p.width > 1; };
    if (const Normalize* f = std::get_if<Normalize>(&op)) {
        const Norm& n = norms_[static_cast<std::size_t>(f->norm)];
        const Places p = places(at(f->x));
        math_.images.normalize({p, reading(f->x), grid(f->normal), grid(f->out), n.columns,
                                buffers_.params + n.gamma, buffers_.params + n.beta, n.mean,
                                n.variance, n.scale.get(), static_cast<T>(n.keep),
                                static_cast<T>(n.take), static_cast<T>(n.eps), own(p), f->act},
                               column, column_end);
    } else if (const NormalizeBack* b = std::get_if<NormalizeBack>(&op)) {
        const Norm& n = norms_[static_cast<std::size_t>(b->norm)];
        const Places p = places(at(b->normal));
        math_.images.normalize_back({p, reading(b->dout), reading(b->normal), grid(b->dx),
                                     n.columns, buffers_.params + n.gamma, n.scale.get(),
                                     buffers_.grads + n.gamma, buffers_.grads + n.beta, own(p)},
                                    column, column_end);
    }
}

#define ZK_NORM(T)                                                                               \
    template i64 Program<T>::normalization(i64, i64, i64, T*, T*, double, double, double);       \
    template void Program<T>::normalize(i64, i64, i64, i64, Activation);                         \
    template void Program<T>::normalize_back(i64, i64, i64, i64);                                \
    template void Program<T>::rescale(i64, i64, i64, Activation);                                \
    template void Program<T>::fold_into(i64, i64);                                               \
    template const T* Program<T>::scale_of(i64) const;                                           \
    template void Program<T>::fold_norms();                                                      \
    template void Program<T>::run_rescale(const Rescale&, const Batch&, i64, i64, T*);           \
    template void Program<T>::run_whole_columns(const Segment&, const Batch&);

ZK_NORM(float)
ZK_NORM(double)

}  // namespace zk
