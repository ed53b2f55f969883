// One panel of a product whose left operand is mostly zeros: tiles leave out the steps at which all their rows are.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include "packed_panel.hpp"
#include "zeros.hpp"

namespace zk::ZK_ISA {

// The lists of a part of the depth, one a tile, kListRoom apart; null: none. The first panel that can use them makes
// them; the others are as wide and so have the same tiles.
struct Lists {
    Step* first = nullptr;
    bool made = false;
};

// packed_panel() by lists. The first tile leaves nothing out: where its sums are finite, so is this part of the panel,
// and what other tiles leave out is 0. Where they are not, no tile leaves anything out.
template <class T, int vectors, bool stored>
void listed_panel(i64 row, i64 row_end, i64 k, i64 k_end, const T* left, i64 left_row, const T* after, Rows<T> panel,
                  const T* behind, T* out, i64 out_row, bool add, bool distant, Asking& reading, T* copy, Lists& lists) {
    const auto in_full = [&](i64 begin, i64 end) {
        packed_panel<T, vectors, stored>(begin, end, k, k_end, left, left_row,
                                         next_rows(left, left_row, end, row_end, k, after), panel, behind, out, out_row,
                                         add, distant, reading, copy);
    };
    const i64 second = row + first_piece<kRowsOf<vectors>>(row_end - row);
    in_full(row, second);
    if (!are_finite(out + row * out_row, out_row, second - row, vectors * kLanes<T>)) return in_full(second, row_end);
    const i64 count = k_end - k;
    Step* list = lists.first;
    for_tiles<vectors>(second, row_end, [&]<int rows>(i64 i) {
        Vector<T> sum[rows][vectors] = {};
        const Scalars<T> a{left + i * left_row + k, left_row, 1};
        if (!lists.made)
            list_of_rows<T, rows == kRowsOf<vectors> ? rows : 0>(
                a.data, left_row, rows, count,
                            distant ? next_rows(left, left_row, i + rows, row_end, k, after) : nullptr,
                            list);
        multiply_listed<T, rows, vectors, false>(
            list, a, rows_of<T, vectors, stored>(panel, k, copy), sum,
            [read = reading.take(list[0])]() mutable { read.template step<0>(); });
        keep_tile<T, rows, vectors>(sum, out + i * out_row, out_row, add);
        list += kListRoom;
    });
    lists.made = true;
}

}  // namespace zk::ZK_ISA
