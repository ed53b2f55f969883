// Products with a packed operand: panel by panel, each in tiles.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include "thin_panel.hpp"

namespace zk::ZK_ISA {

// How much of the depth is gone through at a time, so that a panel's share stays in the first-level
// cache while tile after tile reads it. The sums of each part are added to those before it, so where the
// cuts lie is in the bits; they hang on the depth alone.
constexpr i64 kDepthBlock = 400;

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

// What the tile behind one reads of x, where that one ends before row `at`: of this part of the depth, of the next
// part, or of the rows that come after these.
template <class T>
inline const T* next_rows(const T* left, i64 left_row, i64 at, i64 row, i64 row_end, i64 k, i64 k_end, i64 depth) {
    if (at < row_end) return left + at * left_row + k;
    return k_end < depth ? left + row * left_row + k_end : left + row_end * left_row;
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

// out[row..][0..width) of a product over the depth [k, k_end), where `panel` holds B. With `add`, the
// sums are added to what `out` holds. `behind`: the panel that comes next, from its first row on, if it lies in rows
// of a stored B; the first tile asks for the first vector of every row and, where it does not copy, the second for the
// second. Null: none does.
template <class T, int vectors, bool stored>
void packed_panel(i64 row, i64 row_end, i64 k, i64 k_end, i64 depth, const T* left, i64 left_row,
                  Rows<T> panel, const T* behind, T* out, i64 out_row, bool add, bool distant, Asking& reading) {
    constexpr bool copies = stored && kCopies<T>;
    constexpr i64 width = vectors * kLanes<T>;
    alignas(kLineBytes) T copy[copies ? kDepthBlock * width : 1];
    for_tiles<vectors>(row, row_end, [&]<int rows>(i64 i) {
        Vector<T> sum[rows][vectors] = {};
        T* to = out + i * out_row;
        const Scalars<T> a{left + i * left_row + k, left_row, 1};
        const i64 step = stored && !copies ? panel.step : width;  // a constant saves a register
        const Rows<T> b{copies ? copy : panel.data + k * step, step};
        if (copies && i == row)
            multiply_and_copy<T, rows, vectors>(k_end - k, a, {panel.data + k * panel.step, panel.step}, sum, behind,
                                                copy);
        else if (vectors > 1 && rows == kRowsOf<vectors> && distant)
            multiply_in_pieces<T, rows, vectors, true>(
                k_end - k, a, b, sum, next_rows(left, left_row, i + rows, row, row_end, k, k_end, depth),
                [](i64, i64) {});
        else if (stored && !copies && rows == kRowsOf<vectors> && behind != nullptr && i < row + vectors * rows)
            multiply<T, rows, vectors, false>(
                k_end - k, a, b, sum, [ask = behind + (i == row ? 0 : kLanes<T>), step]() mutable {
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

// A whole tile of a wide panel and the thin one behind it at once: rows that are far are then read but once.
// Not inlined, for addresses that have no register to themselves cost a load at every step.
template <class T, int columns, bool asks>
__attribute__((noinline)) void wide_and_thin_tile(i64 count, i64 depth, const T* left, i64 left_row, const T* next,
                                                  const T* panel, const T* thin, T* out, i64 out_row, bool add,
                                                  Asking::Piece read) {
    constexpr int vectors = kWideVectors, rows = kRowsOf<vectors>;
    Vector<T> sum[rows][vectors] = {}, thin_sum[rows][columns] = {};
    multiply_in_pieces<T, rows, vectors, asks>(
        count, {left, left_row, 1}, {panel, kWide<T>}, sum, next, [&](i64 at, i64 some) {
            read.steps(some);
            multiply_beside<T, rows, columns>(some, depth, left + at, left_row, thin + at, thin_sum);
        });
    keep_tile<T, rows, vectors>(sum, out, out_row, add);
#pragma GCC unroll 24
    for (int r = 0; r < rows; ++r) keep_sums<T, columns>(thin_sum[r], out + r * out_row + kWide<T>, add);
}

// All whole tiles; gives the row behind them.
template <class T, int columns>
i64 wide_and_thin_tiles(i64 row, i64 row_end, i64 k, i64 k_end, i64 depth, const T* left, i64 left_row,
                        const T* panel, T* out, i64 out_row, bool add, bool distant, Asking& reading) {
    constexpr int rows = kRowsOf<kWideVectors>;
    const T* const thin = panel + depth * kWide<T> + k;
    i64 i = row;
    for (; i + rows <= row_end; i += rows) {
        const auto tile = distant ? wide_and_thin_tile<T, columns, true> : wide_and_thin_tile<T, columns, false>;
        tile(k_end - k, depth, left + i * left_row + k, left_row,
             next_rows(left, left_row, i + rows, row, row_end, k, k_end, depth), panel + k * kWide<T>, thin,
             out + i * out_row, out_row, add, reading.take(k_end - k));
    }
    return i;
}

// The depth [k, k_end) of one panel, the columns from j on: as thin as it is, as in pack.cpp.
template <class T>
void product_panel(i64 row, i64 row_end, i64 k, i64 k_end, i64 depth, i64 rest, i64 width, bool thin,
                   const T* left, i64 left_row, Rows<T> panel, const T* behind, T* out, i64 out_row, bool add,
                   bool distant, Asking& reading) {
    if (width > kWide<T>) {
        i64 i = row;
        with_rows<kLanes<T> / 4>(static_cast<int>(width - kWide<T>), [&]<int count>() {
            i = wide_and_thin_tiles<T, count>(row, row_end, k, k_end, depth, left, left_row, panel.data, out,
                                              out_row, add, distant, reading);
        });
        if (i == row_end) return;
        const auto rows_left = [&](i64 j, i64 across, bool is_thin) {
            product_panel<T>(i, row_end, k, k_end, depth, rest - j, across, is_thin, left, left_row,
                             {panel.data + j * depth, across}, nullptr, out + j, out_row, add, false, reading);
        };
        rows_left(0, kWide<T>, false);
        rows_left(kWide<T>, kLanes<T>, true);
    } else if (thin) {
        with_thin<T>(rest, [&]<int count>() {
            thin_panel<T, count>(row, row_end, k, k_end, depth, left, left_row, panel.data, out, out_row, add);
        });
    } else if (width == kLanes<T>) {
        packed_panel<T, 1, false>(row, row_end, k, k_end, depth, left, left_row, panel, nullptr, out, out_row,
                                  add, false, reading);
    } else if (width == kWide<T>) {
        packed_panel<T, kWideVectors, false>(row, row_end, k, k_end, depth, left, left_row, panel, nullptr, out,
                                             out_row, add, distant, reading);
    } else if (panel.step == kPanel<T>) {
        packed_panel<T, kTileVectors, false>(row, row_end, k, k_end, depth, left, left_row, panel, nullptr, out,
                                             out_row, add, distant, reading);
    } else {
        packed_panel<T, kTileVectors, true>(row, row_end, k, k_end, depth, left, left_row, panel, behind, out,
                                            out_row, add, distant, reading);
    }
}

// The columns [column, column_end) of a product, `columns` in all, over the parts [first, last) of its depth.
// finish(j, width) is called when the numbers of a panel are complete, and still near. A narrow packed B may be one
// wide panel where `can_be_wide`. While a panel of a large B is multiplied, the one behind it is asked for.
template <class T, bool can_be_wide, bool may_be_thin = true, class Finish>
inline void packed_product(i64 row, i64 row_end, i64 depth, i64 first, i64 last, i64 columns, i64 column,
                           i64 column_end, const T* left, i64 left_row, Panels<T> panels, T* out,
                           i64 out_row, bool distant, const Ahead& read_next, Finish&& finish) {
    const bool can_be_thin = may_be_thin && pays_thin<T>(depth);
    const bool large = depth * columns * static_cast<i64>(sizeof(T)) > kMostPanels;
    const i64 steps = steps_of<T>(row_end - row, column_end - column,
                                  depth_cut<T>(depth, last) - depth_cut<T>(depth, first));
    Asking reading(read_next, steps);
    for (i64 part = first; part < last; ++part) {
        const i64 k = depth_cut<T>(depth, part), k_end = depth_cut<T>(depth, part + 1);
        for (i64 j = column, width = 0; j < column_end; j += width) {
            width = panel_width<T>(columns - j, can_be_thin, can_be_wide && j == 0);
            if (width == kWide<T> && columns > width) width = columns;  // with the thin one behind it
            const bool ends = j + width >= column_end, more = ends && part + 1 < last;
            const i64 next = more ? column : j + width, of = more ? part + 1 : ends ? first : part;
            Stretch packed{};
            const T* stored = nullptr;
            if ((large || panels.stored()) && next < columns) {
                const i64 across = panel_width<T>(columns - next, can_be_thin, can_be_wide && next == 0);
                const i64 from = depth_cut<T>(depth, of), to = depth_cut<T>(depth, of + 1);
                const Rows<T> behind = panels.panel(next, across, depth);
                const T* const begin = behind.data + from * behind.step;
                if (panels.stored()) stored = begin;
                else packed = {begin, (to - from) * across * static_cast<i64>(sizeof(T))};
            }
            Asking panel({&packed, packed.bytes > 0}, steps_of<T>(row_end - row, width, k_end - k));
            product_panel<T>(row, row_end, k, k_end, depth, columns - j, width,
                             can_be_thin && is_thin<T>(columns - j), left, left_row,
                             panels.panel(j, width, depth), stored, out + j, out_row, part > first,
                             distant && j == column, panel.done() ? reading : panel);
            if (part + 1 == last) finish(j, width);
        }
    }
}

}  // namespace zk::ZK_ISA
