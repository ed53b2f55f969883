// The filters of a program's convolutions: packing, gradients and update, a panel at a time.
#include <algorithm>
#include <cstring>

#include "program.hpp"

namespace zk {
namespace {

// Bytes of images that are summed over at a time, so that they stay in the first-level cache.
constexpr i64 kRunBytes = 20480;

}  // namespace

// Numbers go where the tables of the packing say; the rest of a panel stays 0.
template <class T>
void Program<T>::pack_filters(Filters& filters) {
    filters.packed.clear();
    Conv& c = convs_[static_cast<std::size_t>(filters.conv)];
    const i64 each = c.of_a_filter();
    const T* const weights = buffers_.params + c.weights;
    if (c.way != Way::tiles) pack_turned(filters, false);
    else
        for (i64 i = filters.first * each; i < filters.end * each; ++i)
            c.panels[c.packing.at[static_cast<std::size_t>(i)]] = weights[i];
    if (c.back_way != Way::tiles) {
        pack_turned(filters, true);
    } else if (c.back_panels) {
        for (i64 i = filters.first * each; i < filters.end * each; ++i)
            c.back_panels[c.back_packing.at[static_cast<std::size_t>(i)]] = weights[i];
    }
    std::copy(buffers_.params + c.bias + filters.first, buffers_.params + c.bias + filters.end,
              c.bias_panel.get() + filters.first);
}

// Few samples are done sooner than W is packed: so it is only where it is another than last time.
template <class T>
void Program<T>::pack_changed(Filters& filters) {
    const Conv& c = convs_[static_cast<std::size_t>(filters.conv)];
    const i64 each = c.of_a_filter();
    const T* const w = buffers_.params + c.weights + filters.first * each;
    const T* const b = buffers_.params + c.bias + filters.first;
    const auto count = static_cast<std::size_t>(filters.end - filters.first);
    const std::size_t numbers = count * static_cast<std::size_t>(each);
    std::vector<T>& packed = filters.packed;
    // By their bytes: a NaN is equal to itself.
    if (!packed.empty() && std::memcmp(packed.data(), w, numbers * sizeof(T)) == 0 &&
        std::memcmp(packed.data() + numbers, b, count * sizeof(T)) == 0)
        return;
    pack_filters(filters);
    packed.assign(w, w + numbers);
    packed.insert(packed.end(), b, b + count);
}

template <class T>
void Program<T>::filter_gradient(i64 conv, i64 dout, i64 winner, i64 output, Activation act) {
    Conv& c = convs_.at(static_cast<std::size_t>(conv));
    const Lay& x = at(c.x).lay;
    c.x_step = c.shape.stride[1] * x.pixel;
    if (winner < 0) {
        c.runs = window_runs(c.shape, x, at(dout).lay);
        c.dy_step = at(dout).lay.pixel;
        const i64 bytes = (c.shape.stride[0] * x.line + c.shape.out_width * math_.panel) *
                          static_cast<i64>(sizeof(T));
        c.runs_at_once = std::max<i64>(1, kRunBytes / bytes);
    }
    c.part = c.packing.size + round_up(c.shape.filters, math_.panel);
    c.sums = aligned_zeros<T>(c.part * parts_of(max_rows_));
    add_op(FilterGradient{conv, dout, winner, output, act});
}

template <class T>
void Program<T>::run_filter_gradient(const FilterGradient& op, const Sample& sample) {
    const Conv& c = convs_[static_cast<std::size_t>(op.conv)];
    const std::vector<Tap>& taps = c.windows.taps;
    const auto count = static_cast<i64>(taps.size());
    const T* const x = numbers(c.x, sample);
    T* const sums = c.sums.get() + sample.part * c.part;
    T* const bias_sums = sums + c.packing.size;
    if (op.winner < 0) {
        math_.images.filter_gradient({x, numbers(op.dout, sample), c.runs.data(),
                                      static_cast<i64>(c.runs.size()), c.runs_at_once, c.x_step,
                                      c.dy_step, taps.data(), count, c.windows.depth,
                                      c.shape.filters, sums, bias_sums, sample.first});
        return;
    }
    const Slot& pooled = at(op.dout);
    PooledGradient<T> call{x + c.windows.places.front().from,
                           c.shape.stride[0] * at(c.x).lay.line,
                           c.x_step,
                           to_read(plane(op.dout, sample)),
                           to_read(plane(op.winner, sample)),
                           to_read(plane(op.output, sample)),
                           op.act,
                           taps.data(),
                           count,
                           c.windows.depth,
                           c.shape.filters,
                           pooled.height,
                           pooled.width,
                           sums,
                           bias_sums,
                           sample.first,
                           nullptr};
    call.scratch = scratch<T>(math_.images.pooled_gradient_scratch(call));
    math_.images.pooled_gradient(call);
}

// The gradients of these filters in the order of W, and behind them those of their biases, in the
// thread's own memory.
template <class T>
const T* Program<T>::filter_sums(const Filters& filters, i64 rows) {
    const Conv& c = convs_[static_cast<std::size_t>(filters.conv)];
    const i64 parts = parts_of(rows), depth = c.windows.depth, count = filters.end - filters.first;
    const i64 each = c.of_a_filter();
    const i64 from = filters.first * depth;
    const i64 packed = depth * (count <= math_.lanes ? math_.lanes : math_.panel);
    T* const sums = scratch<T>(packed + math_.panel + count * (each + 1));
    T* const out = sums + packed + math_.panel;
    math_.images.sum_parts(c.sums.get() + from, c.part, parts, packed, sums);
    math_.images.sum_parts(c.sums.get() + c.packing.size + filters.first, c.part, parts,
                           round_up(count, math_.lanes), sums + packed);
    for (i64 i = 0; i < count * each; ++i)
        out[i] = sums[c.packing.at[static_cast<std::size_t>(filters.first * each + i)] - from];
    std::copy_n(sums + packed, count, out + count * each);
    return out;
}

template <class T>
void Program<T>::update_filters(Filters& filters, const Batch& batch, const Update<T>& step,
                                bool repack) {
    const Conv& c = convs_[static_cast<std::size_t>(filters.conv)];
    const i64 each = c.of_a_filter();
    const i64 count = filters.end - filters.first;
    const T* const grads = filter_sums(filters, batch.rows);
    apply(step, c.weights + filters.first * each, grads, count * each);
    apply(step, c.bias + filters.first, grads + count * each, count);
    if (repack) pack_filters(filters);
}

template <class T>
void Program<T>::write_filter_gradients(const Filters& filters, i64 rows) {
    const Conv& c = convs_[static_cast<std::size_t>(filters.conv)];
    const i64 each = c.of_a_filter();
    const i64 count = filters.end - filters.first;
    const T* const grads = filter_sums(filters, rows);
    std::copy_n(grads, count * each, buffers_.grads + c.weights + filters.first * each);
    std::copy_n(grads + count * each, count, buffers_.grads + c.bias + filters.first);
}

#define ZK_FILTERS(T)                                                                            \
    template void Program<T>::pack_filters(Filters&);                                            \
    template void Program<T>::pack_changed(Filters&);                                            \
    template void Program<T>::filter_gradient(i64, i64, i64, i64, Activation);                   \
    template void Program<T>::run_filter_gradient(const FilterGradient&, const Sample&);         \
    template void Program<T>::update_filters(Filters&, const Batch&, const Update<T>&, bool);  \
    template void Program<T>::write_filter_gradients(const Filters&, i64);

ZK_FILTERS(float)
ZK_FILTERS(double)

}  // namespace zk
