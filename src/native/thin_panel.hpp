// Products of a thin panel: a few columns, each of which lies in one piece and is multiplied along the depth.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include "ahead.hpp"
#include "lane_sums.hpp"

namespace zk::ZK_ISA {

// So much of the depth is gone through between two visits to a thin panel: two lines.
template <class T>
constexpr i64 kPiece = 2 * kLineBytes / static_cast<i64>(sizeof(T));

// The sums across a thin panel's vectors, of one row.
template <class T, int columns>
__attribute__((always_inline)) inline void keep_sums(const Vector<T> (&sum)[columns], T* to, bool add) {
    Vector<T> line = sums_of_lanes<T, columns>(sum);
    if (add) line += load(to);
    store(to, line);
}

// So many rows of a thin panel, whose columns lie `depth` apart, over `count` numbers of it.
template <class T, int rows, int columns>
__attribute__((always_inline)) inline void thin_tile(i64 count, i64 depth, const T* left, i64 left_row,
                                                     const T* panel, T* out, i64 out_row, bool add) {
    Vector<T> sum[rows][columns] = {};
    const auto multiply_add = [&](i64 at, auto&& read) __attribute__((always_inline)) {
        Vector<T> column[columns];
#pragma GCC unroll 8
        for (int c = 0; c < columns; ++c) column[c] = read(panel + c * depth + at);
#pragma GCC unroll 24
        for (int r = 0; r < rows; ++r) {
            const Vector<T> one = read(left + r * left_row + at);
#pragma GCC unroll 8
            for (int c = 0; c < columns; ++c) sum[r][c] = fma(one, column[c], sum[r][c]);
        }
    };
    i64 at = 0;
    for (; at + kLanes<T> <= count; at += kLanes<T>)
        multiply_add(at, [](const T* from) { return load(from); });
    if (const i64 rest = count - at; rest > 0)
        multiply_add(at, [rest](const T* from) { return load_part(from, rest); });
#pragma GCC unroll 24
    for (int r = 0; r < rows; ++r) keep_sums<T, columns>(sum[r], out + r * out_row, add);
}

template <class T, int columns>
void thin_panel(i64 row, i64 row_end, i64 k, i64 k_end, i64 depth, const T* left, i64 left_row,
                const T* panel, T* out, i64 out_row, bool add) {
    for_pieces<kTileRows * kTileVectors / columns>(row, row_end, [&]<int rows>(i64 i) {
        thin_tile<T, rows, columns>(k_end - k, depth, left + i * left_row + k, left_row, panel + k,
                                    out + i * out_row, out_row, add);
    });
}

// A piece's products with a thin panel's columns, whose sums stay in memory from piece to piece: the registers
// are taken by a tile.
template <class T, int rows, int columns>
__attribute__((always_inline)) inline void multiply_beside(i64 count, i64 depth, const T* left, i64 left_row,
                                                           const T* panel, Vector<T> (&sum)[rows][columns]) {
    if (count == kPiece<T>) {
#pragma GCC unroll 8
        for (i64 at = 0; at < kPiece<T>; at += 2 * kLanes<T>) {
            asm volatile("" : "+m"(sum));
            Vector<T> one[columns], two[columns];
#pragma GCC unroll 8
            for (int c = 0; c < columns; ++c) {
                one[c] = load(panel + c * depth + at);
                two[c] = load(panel + c * depth + at + kLanes<T>);
            }
#pragma GCC unroll 24
            for (int r = 0; r < rows; ++r) {
                const Vector<T> x = load(left + r * left_row + at);
                const Vector<T> y = load(left + r * left_row + at + kLanes<T>);
#pragma GCC unroll 8
                for (int c = 0; c < columns; ++c) sum[r][c] = fma(y, two[c], fma(x, one[c], sum[r][c]));
            }
            asm volatile("" : "+m"(sum));
        }
        return;
    }
    for (i64 at = 0; at < count; at += kLanes<T>) {
        const i64 some = count - at < kLanes<T> ? count - at : kLanes<T>;
#pragma GCC unroll 1
        for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
            for (int c = 0; c < columns; ++c)
                sum[r][c] = fma(load_part(left + r * left_row + at, some), load_part(panel + c * depth + at, some),
                                sum[r][c]);
    }
}

}  // namespace zk::ZK_ISA
