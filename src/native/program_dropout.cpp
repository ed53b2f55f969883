// Dropout in a program: the noise of layers/dropout.py, number for number, computed where it falls.
#include <algorithm>
#include <cmath>

#include "program.hpp"

namespace zk {

template <class T>
void Program<T>::dropout(i64 x, i64 out, i64 noise, double ratio, double factor,
                         std::uint64_t* state) {
    add_op(Dropout{x, out, noise, ratio, factor, state, 0, 0});
}

// Each pass has noise of its own; the layer counts them.
template <class T>
void Program<T>::next_noise() {
    for (Segment& segment : segments_) {
        for (Op& op : segment.ops) {
            Dropout* const d = std::get_if<Dropout>(&op);
            if (d == nullptr || d->state == nullptr) continue;
            d->seed = d->state[0];
            d->pass = d->state[1]++;
        }
    }
}

template <class T>
void Program<T>::run_dropout(const Dropout& op, i64 row, i64 row_end) {
    const Slot &from = at(op.x), &to = at(op.out);
    const T factor = static_cast<T>(op.factor);
    if (op.state == nullptr) {
        for (i64 r = row; r < row_end; ++r)
            for (i64 c = 0; c < to.columns; ++c) to.sample(r)[c] = from.sample(r)[c] * factor;
        return;
    }
    const Slot none{};
    const Slot& noise = op.noise < 0 ? none : at(op.noise);
    const auto least = static_cast<std::uint32_t>(
        std::min(std::nearbyint(op.ratio * 4294967296.0), 4294967295.0));
    math_.dropout({from.data, from.row, noise.data, noise.row, to.data, to.row, to.columns, factor,
                   least, op.seed, op.pass},
                  row, row_end);
}

#define ZK_DROPOUT(T)                                                                        \
    template void Program<T>::dropout(i64, i64, i64, double, double, std::uint64_t*);        \
    template void Program<T>::next_noise();                                                  \
    template void Program<T>::run_dropout(const Dropout&, i64, i64);

ZK_DROPOUT(float)
ZK_DROPOUT(double)

}  // namespace zk
