// Batch normalization in a program. Threads that have gone through what lies in front sum the columns of
// their own rows; when all are done, the parts are put together, and each goes on with its rows.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "program.hpp"

namespace zk {

template <class T>
i64 Program<T>::normalization(i64 gamma, i64 beta, i64 columns, T* mean, T* variance, double keep,
                              double take, double eps) {
    if (gamma < 0 || beta < 0 || std::max(gamma, beta) + columns > buffers_.size)
        throw std::invalid_argument("program: a layer's parameters lie outside the buffer");
    const i64 width = round_up(columns, math_.panel);
    norms_.push_back({gamma, beta, columns, width, mean, variance, keep, take, eps,
                      aligned_zeros<T>(width), aligned_zeros<T>(width),
                      {nullptr, std::free}, {nullptr, std::free}, -1});
    return static_cast<i64>(norms_.size()) - 1;
}

// An image is a part of its own; rows are summed several at a time.
template <class T>
i64 Program<T>::rows_of_part(const Slot& x) { return x.channels > 0 ? 1 : kSumRows; }

template <class T>
void Program<T>::column_sums(i64 norm, i64 x, i64 normal) {
    const Kind kind = at(x).channels > 0 ? Kind::images : Kind::rows;
    const auto is_call = [](const Segment& s) { return std::holds_alternative<Call>(s.ops.front()); };
    if (segments_.empty() || segments_.back().kind != kind || is_call(segments_.back()))
        segment(kind);
    Norm& n = norms_.at(static_cast<std::size_t>(norm));
    if (!n.parts) {
        const i64 rows = rows_of_part(at(x));
        n.parts = aligned_zeros<T>(((max_rows_ - 1) / rows + 1) * 2 * n.width);
        n.sums = aligned_zeros<T>(2 * n.width);
    }
    add_op(SumColumns{norm, x, normal});
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

// Where a slot's numbers of some rows lie: those of the row `row` first.
template <class T>
Grid<T> Program<T>::grid(i64 slot, i64 row, T* local) const {
    const Slot& s = at(slot);
    T* const data = s.local < 0 ? s.sample(row) : local + s.local;
    return {data + s.lay.origin, s.row, s.lay.line, s.lay.pixel};
}

template <class T>
Grid<const T> Program<T>::reading(i64 slot, i64 row, T* local) const {
    const Grid<T> g = grid(slot, row, local);
    return {g.data, g.row, g.line, g.pixel};
}

template <class T>
Places Program<T>::places(i64 slot, i64 rows) const {
    const Slot& s = at(slot);
    return s.channels > 0 ? Places{rows, s.height, s.width} : Places{rows, 1, 1};
}

template <class T>
void Program<T>::run_norm(const Op& op, const Batch& batch, i64 row, i64 row_end, T* local) {
    const i64 rows = row_end - row;
    if (const SumColumns* c = std::get_if<SumColumns>(&op)) {
        const Norm& n = norms_[static_cast<std::size_t>(c->norm)];
        const i64 height = rows_of_part(at(c->x));
        for (i64 r = row; r < row_end; r += height) {
            T* const part = n.parts.get() + r / height * 2 * n.width;
            Grid<const T> normal{nullptr, 0, 0, 0};
            if (c->normal >= 0) normal = reading(c->normal, r, local);
            math_.images.column_sums({places(c->x, std::min(height, row_end - r)),
                                      reading(c->x, r, local), normal, n.columns, part,
                                      part + n.width});
        }
    } else if (const Normalize* f = std::get_if<Normalize>(&op)) {
        const Norm& n = norms_[static_cast<std::size_t>(f->norm)];
        math_.images.normalize({places(f->x, rows), reading(f->x, row, local),
                                grid(f->normal, row, local), grid(f->out, row, local), n.columns,
                                n.shift.get(), n.scale.get(), buffers_.params + n.gamma,
                                buffers_.params + n.beta, f->act});
    } else if (const NormalizeBack* b = std::get_if<NormalizeBack>(&op)) {
        if (b->dx < 0) return;  // of a first layer only the sums are asked for
        const Norm& n = norms_[static_cast<std::size_t>(b->norm)];
        const i64 count = places(b->normal, batch.rows).count();
        math_.images.normalize_back({places(b->normal, rows), reading(b->dout, row, local),
                                     reading(b->normal, row, local), grid(b->dx, row, local),
                                     n.columns, buffers_.params + n.gamma, n.scale.get(),
                                     n.sums.get(), n.sums.get() + n.width,
                                     count > 1 ? T(1) / static_cast<T>(count) : T(0)});
    } else if (const Rescale* s = std::get_if<Rescale>(&op)) {
        const Norm& n = norms_[static_cast<std::size_t>(s->norm)];
        math_.images.rescale({places(s->out, rows), reading(s->x, row, local),
                              grid(s->out, row, local), n.columns, n.scale.get(), n.shift.get(),
                              s->act});
    }
}

// When all threads have summed their rows.
template <class T>
void Program<T>::settle(const SumColumns& op, i64 rows) {
    Norm& n = norms_[static_cast<std::size_t>(op.norm)];
    const i64 height = rows_of_part(at(op.x)), parts = (rows - 1) / height + 1, apart = 2 * n.width;
    if (op.normal < 0) {
        math_.images.settle({n.parts.get(), parts, apart, places(op.x, height).count(),
                             places(op.x, rows - (parts - 1) * height).count(), n.columns, n.mean,
                             n.variance, n.shift.get(), n.scale.get(), static_cast<T>(n.keep),
                             static_cast<T>(n.take), static_cast<T>(n.eps),
                             places(op.x, rows).count() > 1});
    } else {
        math_.images.sum_parts(n.parts.get(), apart, parts, apart, n.sums.get());
        std::copy_n(n.sums.get(), n.columns, buffers_.grads + n.beta);
        std::copy_n(n.sums.get() + n.width, n.columns, buffers_.grads + n.gamma);
    }
}

#define ZK_NORM(T)                                                                               \
    template i64 Program<T>::normalization(i64, i64, i64, T*, T*, double, double, double);       \
    template i64 Program<T>::rows_of_part(const Slot&);                                          \
    template void Program<T>::column_sums(i64, i64, i64);                                        \
    template void Program<T>::normalize(i64, i64, i64, i64, Activation);                         \
    template void Program<T>::normalize_back(i64, i64, i64, i64);                                \
    template void Program<T>::rescale(i64, i64, i64, Activation);                                \
    template void Program<T>::fold_into(i64, i64);                                               \
    template const T* Program<T>::scale_of(i64) const;                                           \
    template void Program<T>::fold_norms();                                                      \
    template void Program<T>::run_norm(const Op&, const Batch&, i64, i64, T*);                   \
    template void Program<T>::settle(const SumColumns&, i64);

ZK_NORM(float)
ZK_NORM(double)

}  // namespace zk
