// Tiles of a weight gradient: dW = x^T dy, whose depth is the batch.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include "ahead.hpp"

namespace zk::ZK_ISA {

// Rows of the batch that are summed before the next are begun, so that they stay in the cache.
// A fixed number: the order of a sum, and so its bits, must hang on nothing else.
constexpr i64 kBatchBlock = 256;
static_assert(kBatchBlock <= kListSteps);

// Whether a tile asks for the columns of dy that come next: a line of every row, which no processor fetches by itself.
// Only where one line is a panel, so that two panels are at home in the first-level cache beside x.
template <class T, int rows, int vectors>
constexpr bool kAsksForNext = rows == kRowsOf<vectors> && vectors * kVectorBytes == kLineBytes;

// A tile's sums into dW, of which so many columns are left, or to what is there.
template <class T, int rows, int vectors>
inline void keep_gradient(const Vector<T> (&sum)[rows][vectors], T* out, i64 out_row, i64 columns, bool add) {
#pragma GCC unroll 24
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
            T* to = out + i * out_row + v * kLanes<T>;
            const i64 left = columns - v * kLanes<T>;
            if (left >= kLanes<T>) {
                store(to, add ? load(to) + sum[i][v] : sum[i][v]);
            } else if (left > 0) {
                store_part(to, add ? load_part(to, left) + sum[i][v] : sum[i][v], left);
            }
        }
    }
}

// `next`: the columns of dy behind this panel's, if its tile shall ask for them, or null.
template <class T, int rows, int vectors>
inline void gradient_tile(const AffineGradient<T>& op, i64 k, i64 j, i64 first, i64 last, T* out, i64 out_row,
                          i64 columns, [[maybe_unused]] const T* next, Asking& reading, Asking& writing) {
    Vector<T> sum[rows][vectors] = {};
    const i64 depth = last - first;
    const Scalars<T, true> x{op.x + first * op.x_row + k, 1, op.x_row};
    const Rows<T> dy{op.dy + first * op.dy_row + j, op.dy_row};
    if (kAsksForNext<T, rows, vectors> && next != nullptr) {
        Asking::Piece read = reading.take(depth), write = writing.take(depth);
        multiply<T, rows, vectors, true>(depth, x, dy, sum, [&, step = op.dy_row] {
            read.step<0>();
            write.step<1>();
            __builtin_prefetch(next, 0, 3);
            next += step;
        });
    } else if (!kAsks<rows, vectors> || (reading.done() && writing.done())) {
        multiply<T, rows, vectors, true>(depth, x, dy, sum);
    } else {
        Asking::Piece read = reading.take(depth), write = writing.take(depth);
        multiply<T, rows, vectors, true>(depth, x, dy, sum, [&] {
            read.step<0>();
            write.step<1>();
        });
    }
    keep_gradient<T, rows, vectors>(sum, out, out_row, columns, first > 0);
}

// Columns that are too few for a vector: vectors go down dW, along a row of x. The order of the sums
// is the same.
template <class T, int columns, int vectors>
inline void thin_tile(const AffineGradient<T>& op, i64 k, i64 rows, i64 j, i64 first, i64 last, T* out,
                      i64 out_row) {
    Vector<T> sum[vectors][columns] = {};
    const i64 rest = rows - (vectors - 1) * kLanes<T>;  // of the last vector; it may lie at the end
    const bool whole = rest >= kLanes<T>;
    const T* x = op.x + first * op.x_row + k;
    const T* dy = op.dy + first * op.dy_row + j;
    for (i64 i = first; i < last; ++i, x += op.x_row, dy += op.dy_row) {
        Vector<T> one[columns];
#pragma GCC unroll 8
        for (int c = 0; c < columns; ++c) one[c] = splat(dy[c]);
#pragma GCC unroll 24
        for (int v = 0; v < vectors; ++v) {
            const T* const from = x + v * kLanes<T>;
            const Vector<T> line = v + 1 < vectors || whole ? load(from) : load_part(from, rest);
#pragma GCC unroll 8
            for (int c = 0; c < columns; ++c) sum[v][c] = fma(line, one[c], sum[v][c]);
        }
    }
    // Lanes are taken from a copy: sums whose lanes are asked for one by one would never be in registers.
    T lanes[vectors][columns][kLanes<T>];
#pragma GCC unroll 24
    for (int v = 0; v < vectors; ++v)
#pragma GCC unroll 8
        for (int c = 0; c < columns; ++c) store(lanes[v][c], sum[v][c]);
    for (int v = 0; v < vectors; ++v) {
        for (int lane = 0; lane < kLanes<T> && v * kLanes<T> + lane < rows; ++lane) {
            T* const to = out + (v * kLanes<T> + lane) * out_row;
            for (int c = 0; c < columns; ++c)
                to[c] = first == 0 ? lanes[v][c][lane] : to[c] + lanes[v][c][lane];
        }
    }
}

template <class T, int columns>
void thin_gradient(const AffineGradient<T>& op, i64 row, i64 row_end, i64 j, i64 first, i64 last,
                   T* out, i64 out_row) {
    constexpr int most = kTileRows * kTileVectors / columns;
    for (i64 k = row; k < row_end; k += most * kLanes<T>) {
        const i64 rows = row_end - k, vectors = (rows + kLanes<T> - 1) / kLanes<T>;
        with_rows<most>(static_cast<int>(vectors < most ? vectors : most), [&]<int count>() {
            thin_tile<T, columns, count>(op, k, rows, j, first, last, out + (k - row) * out_row,
                                         out_row);
        });
    }
}

// Columns of dW over the samples [first, last), panel by panel.
template <class T>
void gradient_columns(const AffineGradient<T>& op, i64 row, i64 row_end, i64 column, i64 column_end, i64 first,
                      i64 last, T* out, i64 out_row, Asking& reading, Asking& writing) {
    for (i64 j = column, width = 0; j < column_end; j += width) {
        const i64 columns = column_end - j;
        width = panel_width<T>(columns, true, true);
        T* const to = out + (j - column);
        if (is_thin<T>(columns)) {
            with_thin<T>(columns, [&]<int count>() {
                thin_gradient<T, count>(op, row, row_end, j, first, last, to, out_row);
            });
            continue;
        }
        const auto run = [&]<int vectors>() {
            for_tiles<vectors>(row, row_end, [&]<int rows>(i64 k) {
                const bool asks = k + 2 * rows > row_end && columns > width;
                gradient_tile<T, rows, vectors>(op, k, j, first, last, to + (k - row) * out_row, out_row, columns,
                                                asks ? op.dy + first * op.dy_row + j + width : nullptr, reading,
                                                writing);
            });
        };
        if (width == kLanes<T>) run.template operator()<1>();
        else if (width == kWide<T>) run.template operator()<kWideVectors>();
        else run.template operator()<kTileVectors>();
    }
}

}  // namespace zk::ZK_ISA
