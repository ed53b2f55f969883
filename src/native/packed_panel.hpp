// One panel of a packed operand, over a part of the depth, in tiles.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include "thin_panel.hpp"

namespace zk::ZK_ISA {

// How much of the depth is gone through at a time, so that a panel's share stays in the first-level
// cache while tile after tile reads it. The sums of each part are added to those before it, so where the
// cuts lie is in the bits; they hang on the depth alone.
constexpr i64 kDepthBlock = kListSteps;

inline i64 depth_parts(i64 depth) { return depth > kDepthBlock ? (depth - 1) / kDepthBlock + 1 : 1; }

// As even as can be, for threads take a part each: 784 = 392 + 392. Not at any number: half a line of floats.
template <class T>
inline i64 depth_cut(i64 depth, i64 part) {
    const i64 parts = depth_parts(depth);
    return part >= parts ? depth : depth * part / parts / 8 * 8;
}

// B of a product: in panels, or as it is stored, in rows so far apart; its columns are whole panels then.
template <class T>
struct Panels {
    const T* data;
    i64 row = 0;

    bool stored() const { return row != 0; }
    Rows<T> panel(i64 j, i64 width, i64 depth) const {
        return stored() ? Rows<T>{data + j, row} : Rows<T>{data + j * depth, width};
    }
};

// A tile's product in pieces of the depth, with after(k, count) behind each piece, which went from k on.
// With `asks`, rows that lie in no cache and come `next` are asked for, one line of one row at a time: rows begin
// anew every few lines, where the processor's own prefetching comes late, and asked for all at once they would
// keep the panel's lines waiting.
template <class T, int rows, int vectors, bool asks, class After>
__attribute__((always_inline)) inline void multiply_in_pieces(i64 depth, Scalars<T> a, Rows<T> b,
                                                              Vector<T> (&sum)[rows][vectors],
                                                              [[maybe_unused]] const T* next, After&& after) {
    const auto multiply_from = [&](i64 k, i64 count) __attribute__((always_inline)) {
        multiply<T, rows, vectors, false>(count, Scalars<T>{a.data + k, a.row, 1},
                                          Rows<T>{b.data + k * b.step, b.step}, sum);
    };
    i64 k = 0;
    for (; k + kPiece<T> <= depth; k += kPiece<T>) {
        if constexpr (asks) {
            // Once in so many steps, for so many rows.
            constexpr i64 line = kPiece<T> / 2;
            constexpr int at_once = rows > line ? 2 : 1, times = rows / at_once;
            constexpr i64 steps = line / times;
            for (i64 at = k; at < k + kPiece<T>; at += line) {
                const T* ask = next + at;
#pragma GCC unroll 1
                for (int time = 0; time < times; ++time) {
                    for (int r = 0; r < at_once; ++r, ask += a.row) __builtin_prefetch(ask, 0, 2);
                    multiply_from(at + time * steps, steps);
                }
                multiply_from(at + times * steps, line - times * steps);
            }
        } else {
            multiply_from(k, kPiece<T>);
        }
        after(k, kPiece<T>);
    }
    if (k == depth) return;
    multiply_from(k, depth - k);
    after(k, depth - k);
}

// What is read of x behind the last tile of a part of the depth: the next part, or the rows that come after these.
template <class T>
inline const T* after_rows(const T* left, i64 left_row, i64 row, i64 row_end, i64 k_end, i64 depth) {
    return k_end < depth ? left + row * left_row + k_end : left + row_end * left_row;
}

// What the tile behind one reads, where that one ends before row `at`.
template <class T>
inline const T* next_rows(const T* left, i64 left_row, i64 at, i64 row_end, i64 k, const T* after) {
    return at < row_end ? left + at * left_row + k : after;
}

// A tile's sums into their rows, or to what is there.
template <class T, int rows, int vectors>
__attribute__((always_inline)) inline void keep_tile(Vector<T> (&sum)[rows][vectors], T* to, i64 row,
                                                     bool add) {
    if (add) {
#pragma GCC unroll 24
        for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; ++v) sum[r][v] += load(to + r * row + v * kLanes<T>);
    }
#pragma GCC unroll 24
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) store(to + r * row + v * kLanes<T>, sum[r][v]);
}

// Whether a part of a panel of a stored B is copied by the tile that reads it first: its rows are so far apart that
// they share a few sets of the cache, and only a copy stays in the first level. Wider vectors' parts are larger
// than that level, copied or not.
template <class T>
constexpr bool kCopies = kDepthBlock * kPanel<T> * static_cast<i64>(sizeof(T)) <= 7 << 12;

// A tile's product that leaves the rows of B side by side in `copy`, and asks for those that come `next`, if any do.
template <class T, int rows, int vectors>
__attribute__((always_inline)) inline void multiply_and_copy(i64 depth, Scalars<T> a, Rows<T> b,
                                                             Vector<T> (&sum)[rows][vectors], const T* next, T* copy) {
    const T* ask = next == nullptr ? b.data : next;
    multiply<T, rows, vectors, false>(depth, a, b, sum, [&, from = b.data]() mutable {
        __builtin_prefetch(ask, 0, 2);
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) store(copy + v * kLanes<T>, load(from + v * kLanes<T>));
        ask += b.step, from += b.step, copy += vectors * kLanes<T>;
    });
}

// Numbers of a panel's copy; one, where none is made.
template <class T, int vectors, bool stored>
constexpr i64 kCopyNumbers = stored && kCopies<T> ? kDepthBlock * vectors * kLanes<T> : 1;

// The panel's rows from k on, or their copy.
template <class T, int vectors, bool stored>
inline Rows<T> rows_of(Rows<T> panel, i64 k, const T* copy) {
    if (stored && kCopies<T>) return {copy, vectors * kLanes<T>};
    const i64 step = stored ? panel.step : vectors * kLanes<T>;  // a constant saves a register
    return {panel.data + k * step, step};
}

// out[row..][0..width) of a product over the depth [k, k_end), where `panel` holds B. With `add`, the
// sums are added to what `out` holds. `behind`: the panel that comes next, from its first row on, if it lies in rows
// of a stored B; the first tile asks for the first vector of every row and, where it does not copy, the second for the
// second. Null: none does. `copy`: room for kCopyNumbers. `after`: what is read of `left` next, if that is `distant`.
template <class T, int vectors, bool stored>
__attribute__((noinline)) void packed_panel(i64 row, i64 row_end, i64 k, i64 k_end, const T* left, i64 left_row, const T* after,
                  Rows<T> panel, const T* behind, T* out, i64 out_row, bool add, bool distant, Asking& reading,
                  T* copy) {
    constexpr bool copies = stored && kCopies<T>;
    for_tiles<vectors>(row, row_end, [&]<int rows>(i64 i) {
        Vector<T> sum[rows][vectors] = {};
        T* to = out + i * out_row;
        const Scalars<T> a{left + i * left_row + k, left_row, 1};
        const Rows<T> b = rows_of<T, vectors, stored>(panel, k, copy);
        if (copies && i == row)
            multiply_and_copy<T, rows, vectors>(k_end - k, a, {panel.data + k * panel.step, panel.step}, sum, behind,
                                                copy);
        else if (vectors > 1 && rows == kRowsOf<vectors> && distant)
            multiply_in_pieces<T, rows, vectors, true>(
                k_end - k, a, b, sum, next_rows(left, left_row, i + rows, row_end, k, after),
                [](i64, i64) {});
        else if (stored && !copies && rows == kRowsOf<vectors> && behind != nullptr && i < row + vectors * rows)
            multiply<T, rows, vectors, false>(
                k_end - k, a, b, sum, [ask = behind + (i == row ? 0 : kLanes<T>), step = b.step]() mutable {
                    __builtin_prefetch(ask, 0, 2);
                    ask += step;
                });
        else if (kAsks<rows, vectors> && !reading.done())
            multiply<T, rows, vectors, false>(
                k_end - k, a, b, sum, [read = reading.take(k_end - k)]() mutable { read.step<0>(); });
        else
            multiply<T, rows, vectors, false>(k_end - k, a, b, sum);
        keep_tile<T, rows, vectors>(sum, to, out_row, add);
    });
}

}  // namespace zk::ZK_ISA
