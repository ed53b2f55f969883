// dx = dy W^T the other way round: its columns, by rows of W as it is stored, from dy in panels.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include "packed_product.hpp"
#include "transpose.hpp"

namespace zk::ZK_ISA {

// Columns of dx that are made before they are turned, while their sums are near: whole tiles, and whole vectors.
constexpr i64 kTurnedColumns = 144;

// Numbers between the sums of one column and the next: an odd number of vectors, for they are read across.
template <class T>
inline i64 turned_row(i64 rows) {
    return (rows + kPanel<T> - 1) / kPanel<T> * kPanel<T> + kLanes<T>;
}

template <class T>
inline i64 turned_scratch(i64 rows) {
    return kTurnedColumns * turned_row<T>(rows);
}

// The sums of columns [k, k_end) and rows [row, row_end), column after column, into rows of dx.
template <class T>
inline void turn_sums(const AffineBackward<T>& op, const T* sums, i64 sums_row, i64 k, i64 k_end, i64 row,
                      i64 row_end) {
    for (i64 r = row; r < row_end; r += kLanes<T>) {
        const i64 rows = at_most_lanes<T>(row_end - r);
        for (i64 at = k; at < k_end; at += kLanes<T>)
            turn_square(sums + (at - k) * sums_row + (r - row), sums_row, at_most_lanes<T>(k_end - at), rows,
                        op.dx + r * op.dx_row + at, op.dx_row);
    }
}

// Rows [row, row_end) of dx, the first one at the beginning of a panel. finish(r, r_end, k, k_end) is called when
// those numbers are complete, and still near.
template <class T, class Finish>
void back_turned(const AffineBackward<T>& op, i64 row, i64 row_end, i64 column, i64 column_end, Finish&& finish) {
    const i64 sums_row = turned_row<T>(row_end - row);
    for (i64 k = column, k_end = 0; k < column_end; k = k_end) {
        k_end = column_end - k < kTurnedColumns ? column_end : k + kTurnedColumns;
        packed_product<T, false, false>(
            0, k_end - k, op.outputs, 0, depth_parts(op.outputs), op.rows - row, 0, row_end - row,
            op.weights + k * op.outputs, op.outputs, Panels<T>{op.turned + row * op.outputs}, op.sums, sums_row,
            op.distant, k_end == column_end ? op.read_next : Ahead{}, nullptr, [&](i64 j, i64 width) {
                const i64 first = row + j, last = first + width < row_end ? first + width : row_end;
                turn_sums(op, op.sums + j, sums_row, k, k_end, first, last);
                finish(first, last, k, k_end - k);
            });
    }
}

}  // namespace zk::ZK_ISA
