// A weight gradient where x is mostly zeros: tiles leave out the samples in which all their columns of x are.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include "gradient_tile.hpp"
#include "zeros.hpp"

namespace zk::ZK_ISA {

// Four rows of dW by three vectors, of the samples of a list. `next`: the columns of dy that come next, of the sample
// from which on they are asked for, or null.
template <class T>
inline void listed_tile(const AffineGradient<T>& op, const Step* list, i64 k, i64 j, i64 first, T* out, i64 out_row,
                        const T* next, Asking& reading, Asking& writing) {
    constexpr int rows = kListedRows, vectors = kWideVectors;
    Vector<T> sum[rows][vectors] = {};
    const Scalars<T, true> x{op.x + first * op.x_row + k, 1, op.x_row};
    const Rows<T> dy{op.dy + first * op.dy_row + j, op.dy_row};
    if (next != nullptr) {
        multiply_listed<T, rows, vectors, true>(list, x, dy, sum, [&, step = op.dy_row] {
            __builtin_prefetch(next, 0, 3);
            __builtin_prefetch(next + kWide<T> - 1, 0, 3);
            next += step;
        });
    } else if (reading.done() && writing.done()) {
        multiply_listed<T, rows, vectors, true>(list, x, dy, sum);
    } else {
        Asking::Piece read = reading.take(list[0]), write = writing.take(list[0]);
        multiply_listed<T, rows, vectors, true>(list, x, dy, sum, [&] {
            read.step<0>();
            write.step<1>();
        });
    }
    keep_gradient<T, rows, vectors>(sum, out, out_row, kWide<T>, first > 0);
}

// Whether so few steps are left of so many that those which lists leave out pay for those that are looked up.
inline bool pays(i64 steps, i64 of) { return 16 * steps <= 15 * of; }

// For every kListedRows rows of dW from `row` on, the samples in [first, last) at which one of these columns of x
// is not zero. Returns how many there are, of all lists.
template <class T>
i64 list_samples(const AffineGradient<T>& op, i64 row, i64 row_end, i64 first, i64 last, Step* lists) {
    constexpr int columns = 16, groups = columns / kListedRows, vectors = columns / kLanes<T>, at_once = 32;
    i64 total = 0;
    for (i64 k = row; k < row_end; k += columns, lists += groups * kListRoom) {
        List list[groups] = {List(lists), List(lists + kListRoom), List(lists + 2 * kListRoom),
                             List(lists + 3 * kListRoom)};
        for (i64 i = first; i < last; i += at_once) {
            // A bit for each sample, in every column.
            Bits<T> set[vectors] = {}, bit = Bits<T>{} + 1;
            const i64 end = last - i < at_once ? last : i + at_once;
            const auto look = [&](auto&& read) __attribute__((always_inline)) {
                const T* x = op.x + i * op.x_row + k;
                for (i64 at = i; at < end; ++at, x += op.x_row, bit <<= 1)
#pragma GCC unroll 8
                    for (int v = 0; v < vectors; ++v) set[v] |= (Bits<T>)(read(x, v) != 0) & bit;
            };
            if (k + columns <= row_end)
                look([](const T* x, int v) { return load(x + v * kLanes<T>); });
            else
                look([left = row_end - k](const T* x, int v) {
                    const i64 rest = left - v * kLanes<T>;
                    return rest >= kLanes<T> ? load(x + v * kLanes<T>)
                           : rest > 0        ? load_part(x + v * kLanes<T>, rest)
                                             : Vector<T>{};
                });
            decltype(set[0][0] + 0) of_column[columns];
            std::memcpy(of_column, set, sizeof set);
            for (int g = 0; g < groups; ++g) {
                std::uint32_t any = 0;
                for (int c = 0; c < kListedRows; ++c) any |= static_cast<std::uint32_t>(of_column[g * kListedRows + c]);
                list[g].template add<at_once>(i - first, any);
            }
        }
        for (List& each : list) {
            each.end();
            total += each.count();
        }
    }
    return total;
}

// A block of dW over the samples [first, last), where their lists are worth it: panels of three vectors, and what is
// left of the rows and columns in full.
template <class T>
bool listed_gradient(const AffineGradient<T>& op, i64 row, i64 row_end, i64 column, i64 column_end, i64 first,
                     i64 last, T* out, i64 out_row) {
    const i64 depth = last - first, whole = (row_end - row) / kListedRows, rest = row + whole * kListedRows;
    if (column_end - column < kWide<T> || whole == 0) return false;
    const i64 total = list_samples(op, row, rest, first, last, op.lists);
    if (!pays(total, whole * depth)) return false;
    const i64 steps = total * ((column_end - column) / kWide<T>);
    const Ahead none{};
    Asking reading(first == 0 ? op.read_next : none, steps), writing(first == 0 ? op.write_next : none, steps);
    i64 j = column;
    for (; j + kWide<T> <= column_end; j += kWide<T>) {
        // The panel of dy behind this one is asked for by the first tiles.
        const T* next = j + kWide<T> < column_end ? op.dy + first * op.dy_row + j + kWide<T> : nullptr;
        const Step* list = op.lists;
        i64 asked = 0;
        for (i64 k = row; k < rest; k += kListedRows, list += kListRoom) {
            listed_tile(op, list, k, j, first, out + (k - row) * out_row + (j - column), out_row,
                        next != nullptr && asked < depth ? next + asked * op.dy_row : nullptr, reading, writing);
            asked += list[0];
        }
    }
    gradient_columns(op, rest, row_end, column, j, first, last, out + (rest - row) * out_row, out_row, reading, writing);
    gradient_columns(op, row, row_end, j, column_end, first, last, out + (j - column), out_row, reading, writing);
    return true;
}

}  // namespace zk::ZK_ISA
