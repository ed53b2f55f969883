// Dropout's noise, and what it leaves of x: the noise of layers/dropout.py, number for number.
#include "philox.hpp"
#include "tables.hpp"

namespace zk::ZK_ISA {
namespace {

template <class T>
void dropout(const DropoutRows<T>& op, i64 row, i64 row_end) {
    const Philox random(op.seed, op.pass);
    alignas(64) std::uint32_t words[kGroup];
    for (i64 i = row; i < row_end; ++i) {
        const T* const x = op.x + i * op.x_row;
        T* const kept = op.noise + i * op.noise_row;
        T* const out = op.out + i * op.out_row;
        for (i64 j = 0; j < op.columns; j += kGroup) {
            random.draw(static_cast<std::uint64_t>(i), static_cast<std::uint32_t>(j / 4), words);
            // Rows are padded to whole vectors, so the last group stops at its last one.
            const i64 end = op.columns - j < kGroup ? op.columns - j : kGroup;
            for (i64 k = 0; k < end; k += kLanes<T>) {
                const Bits<T> stays = at_least<T>(words + k, op.least);
                const Vector<T> factor = stays ? splat(op.factor) : splat(T(0));
                store(kept + j + k, factor);
                store(out + j + k, load(x + j + k) * factor);
            }
        }
    }
}

}  // namespace

void add_dropout(Kernels& table) {
    table.f32.dropout = dropout<float>;
    table.f64.dropout = dropout<double>;
}

}  // namespace zk::ZK_ISA
