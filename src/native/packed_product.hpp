// Products with a packed operand: panel by panel, each in tiles.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include "listed_panel.hpp"

namespace zk::ZK_ISA {

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
    const T* const after = after_rows(left, left_row, row, row_end, k_end, depth);
    i64 i = row;
    for (; i + rows <= row_end; i += rows) {
        const auto tile = distant ? wide_and_thin_tile<T, columns, true> : wide_and_thin_tile<T, columns, false>;
        tile(k_end - k, depth, left + i * left_row + k, left_row,
             next_rows(left, left_row, i + rows, row_end, k, after), panel + k * kWide<T>, thin,
             out + i * out_row, out_row, add, reading.take(k_end - k));
    }
    return i;
}

// The depth [k, k_end) of one panel, the columns from j on: as thin as it is, as in pack.cpp.
template <class T>
void product_panel(i64 row, i64 row_end, i64 k, i64 k_end, i64 depth, i64 rest, i64 width, bool thin,
                   const T* left, i64 left_row, Rows<T> panel, const T* behind, T* out, i64 out_row, bool add,
                   bool distant, Asking& reading, Lists& lists) {
    if (width > kWide<T>) {
        i64 i = row;
        if (lists.first == nullptr) with_rows<kLanes<T> / 4>(static_cast<int>(width - kWide<T>), [&]<int count>() {
            i = wide_and_thin_tiles<T, count>(row, row_end, k, k_end, depth, left, left_row, panel.data, out,
                                              out_row, add, distant, reading);
        });
        if (i == row_end) return;
        const auto rows_left = [&](i64 j, i64 across, bool is_thin) {
            product_panel<T>(i, row_end, k, k_end, depth, rest - j, across, is_thin, left, left_row,
                             {panel.data + j * depth, across}, nullptr, out + j, out_row, add,
                             distant && lists.first != nullptr, reading, lists);
        };
        rows_left(0, kWide<T>, false);
        rows_left(kWide<T>, kLanes<T>, true);
    } else if (thin) {
        with_thin<T>(rest, [&]<int count>() {
            thin_panel<T, count>(row, row_end, k, k_end, depth, left, left_row, panel.data, out, out_row, add);
        });
    } else {
        const auto run = [&]<int vectors, bool stored>() {
            alignas(kLineBytes) T copy[kCopyNumbers<T, vectors, stored>];
            const T* const after = after_rows(left, left_row, row, row_end, k_end, depth);
            if constexpr (vectors > 1)
                if (lists.first != nullptr)
                    return listed_panel<T, vectors, stored>(row, row_end, k, k_end, left, left_row, after, panel,
                                                            behind, out, out_row, add, distant, reading, copy, lists);
            packed_panel<T, vectors, stored>(row, row_end, k, k_end, left, left_row, after, panel, behind, out, out_row,
                                             add, distant, reading, copy);
        };
        if (width == kLanes<T>) run.template operator()<1, false>();
        else if (width == kWide<T>) run.template operator()<kWideVectors, false>();
        else if (panel.step == kPanel<T>) run.template operator()<kTileVectors, false>();
        else run.template operator()<kTileVectors, true>();
    }
}

// The columns [column, column_end) of a product, `columns` in all, over the parts [first, last) of its depth.
// finish(j, width) is called when the numbers of a panel are complete, and still near. A narrow packed B may be one
// wide panel where `can_be_wide`. While a panel of a large B is multiplied, the one behind it is asked for. `lists`:
// room for those of the steps at which `left` is not zero, or null.
template <class T, bool can_be_wide, bool may_be_thin = true, class Finish>
inline void packed_product(i64 row, i64 row_end, i64 depth, i64 first, i64 last, i64 columns, i64 column,
                           i64 column_end, const T* left, i64 left_row, Panels<T> panels, T* out,
                           i64 out_row, bool distant, const Ahead& read_next, Step* lists, Finish&& finish) {
    const bool can_be_thin = may_be_thin && pays_thin<T>(depth);
    const bool large = depth * columns * static_cast<i64>(sizeof(T)) > kMostPanels;
    const i64 steps = steps_of<T>(row_end - row, column_end - column,
                                  depth_cut<T>(depth, last) - depth_cut<T>(depth, first));
    Asking reading(read_next, steps);
    for (i64 part = first; part < last; ++part) {
        const i64 k = depth_cut<T>(depth, part), k_end = depth_cut<T>(depth, part + 1);
        Lists of_part{lists};
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
                             distant && j == column, panel.done() ? reading : panel, of_part);
            if (part + 1 == last) finish(j, width);
        }
    }
}

}  // namespace zk::ZK_ISA
