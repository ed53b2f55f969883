// Dropout's noise, and what it leaves of x: the noise of layers/dropout.py, number for number.
#include "philox.hpp"
#include "tables.hpp"

namespace zk::ZK_ISA {
namespace {

// The blocks that give the lower 16 bits.
constexpr std::uint32_t kLower = 1u << 31;

// What stands in `count` columns from j on. `lower` may be null where no number is tied.
// Rows are padded to whole vectors, so the last one may reach past the end.
template <class T, bool keep>
inline void drop(const DropoutRows<T>& op, i64 row, i64 j, i64 count, const std::uint32_t* upper,
                 const std::uint32_t* lower) {
    const T* const x = op.x + row * op.x_row + j;
    T* const kept = keep ? op.noise + row * op.noise_row + j : nullptr;
    T* const out = op.out + row * op.out_row + j;
    const auto least = static_cast<std::int32_t>(op.least >> 16);
    const auto least_lower = static_cast<std::int32_t>(op.least & 0xffffu);
    const Vector<T> factor = splat(op.factor), zero = splat(T(0));
    for (i64 k = 0; k < count; k += kLanes<T>) {
        const Bits<T> u = load_halves<T>(upper + k);
        Bits<T> stays = u > least;
        if (lower != nullptr) stays |= (u == least) & (load_halves<T>(lower + k) >= least_lower);
        const Vector<T> noise = stays ? factor : zero;
        if constexpr (keep) store(kept + k, noise);
        store(out + k, load(x + k) * noise);
    }
}

template <class T, bool keep, int rows>
inline void drop_rows(const DropoutRows<T>& op, const Philox& random, i64 i) {
    constexpr i64 most = kGroups * kGroup;
    alignas(64) std::uint32_t upper[rows * most], lower[most];
    for (i64 j = 0; j < op.columns; j += most) {
        const i64 count = op.columns - j < most ? op.columns - j : most;
        const auto block = static_cast<std::uint32_t>(j / 8);
        const i64 apart = count > kGroup ? most : kGroup;
        if (count > kGroup) random.draw<rows, kGroups>(static_cast<std::uint64_t>(i), block, upper);
        else random.draw<rows, 1>(static_cast<std::uint64_t>(i), block, upper);
        for (int r = 0; r < rows; ++r) {
            const std::uint32_t* const halves = upper + r * apart;
            // Where a number is as large as the least that stays, the lower bits decide.
            const bool tied = any_equal(halves, count, op.least >> 16);
            if (tied) random.draw<1, kGroups>(static_cast<std::uint64_t>(i + r), block + kLower, lower);
            drop<T, keep>(op, i + r, j, count, halves, tied ? lower : nullptr);
        }
    }
}

template <class T, bool keep>
void dropout_rows(const DropoutRows<T>& op, i64 row, i64 row_end) {
    const Philox random(op.seed, op.pass);
    i64 i = row;
    for (; i + kSamples <= row_end; i += kSamples) drop_rows<T, keep, kSamples>(op, random, i);
    for (; i < row_end; ++i) drop_rows<T, keep, 1>(op, random, i);
}

template <class T>
void dropout(const DropoutRows<T>& op, i64 row, i64 row_end) {
    if (op.noise != nullptr) dropout_rows<T, true>(op, row, row_end);
    else dropout_rows<T, false>(op, row, row_end);
}

}  // namespace

void add_dropout(Kernels& table) {
    table.f32.dropout = dropout<float>;
    table.f64.dropout = dropout<double>;
}

}  // namespace zk::ZK_ISA
