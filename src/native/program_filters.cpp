// The filters of a program's convolutions: packing, gradients and update, a panel at a time.
#include <algorithm>

#include "program.hpp"

namespace zk {

// Numbers go where the tables of the packing say; the rest of a panel stays 0.
template <class T>
void Program<T>::pack_filters(const Filters& filters) {
    Conv& c = convs_[static_cast<std::size_t>(filters.conv)];
    const i64 each = static_cast<i64>(c.packing.at.size()) / c.shape.filters;
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

// The gradients of these filters in the order of W, and behind them those of their biases, in the
// thread's own memory.
template <class T>
const T* Program<T>::filter_sums(const Filters& filters, i64 rows) {
    const Conv& c = convs_[static_cast<std::size_t>(filters.conv)];
    const i64 parts = parts_of(rows), depth = c.windows.depth, count = filters.end - filters.first;
    const i64 each = static_cast<i64>(c.packing.at.size()) / c.shape.filters;
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
void Program<T>::update_filters(const Filters& filters, const Batch& batch, const Update<T>& step,
                                bool repack) {
    const Conv& c = convs_[static_cast<std::size_t>(filters.conv)];
    const i64 each = static_cast<i64>(c.packing.at.size()) / c.shape.filters;
    const i64 count = filters.end - filters.first;
    const T* const grads = filter_sums(filters, batch.rows);
    apply(step, c.weights + filters.first * each, grads, count * each);
    apply(step, c.bias + filters.first, grads + count * each, count);
    if (repack) pack_filters(filters);
}

template <class T>
void Program<T>::write_filter_gradients(const Filters& filters, i64 rows) {
    const Conv& c = convs_[static_cast<std::size_t>(filters.conv)];
    const i64 each = static_cast<i64>(c.packing.at.size()) / c.shape.filters;
    const i64 count = filters.end - filters.first;
    const T* const grads = filter_sums(filters, rows);
    std::copy_n(grads, count * each, buffers_.grads + c.weights + filters.first * each);
    std::copy_n(grads + count * each, count, buffers_.grads + c.bias + filters.first);
}

#define ZK_FILTERS(T)                                                                            \
    template void Program<T>::pack_filters(const Filters&);                                      \
    template void Program<T>::update_filters(const Filters&, const Batch&, const Update<T>&, bool); \
    template void Program<T>::write_filter_gradients(const Filters&, i64);

ZK_FILTERS(float)
ZK_FILTERS(double)

}  // namespace zk
