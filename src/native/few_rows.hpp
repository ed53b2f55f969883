// Products of few rows, which read W as it is stored.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include "lane_sums.hpp"

namespace zk::ZK_ISA {

// Few rows: W is read as it is stored, and only once, a strip of its columns at a time: as wide as
// the registers allow, for memory is faster line after line. The last vector is moved back so that
// it ends with the strip, or read in part where the strip is shorter than a vector; numbers that two
// vectors hold come out the same in both.
constexpr int kStripVectors = 13;
// Bytes of W that are asked for ahead. With vectors of a whole line the second-level cache is the limit,
// and gives a third more when it is asked in time.
constexpr i64 kAhead = kVectorBytes == 64 ? 2048 : 0;

template <class T, int vectors>
void forward_strip(const AffineForward<T>& op, i64 row, i64 row_end, i64 j, i64 columns) {
    const bool part = columns < kLanes<T>;
    const i64 last = part ? 0 : columns - kLanes<T>;
    const i64 ahead = (kAhead / (op.outputs * static_cast<i64>(sizeof(T))) + 1) * op.outputs;
    for (i64 i = row; i < row_end; ++i) {
        const T* __restrict__ x = op.x + i * op.x_row;
        const T* __restrict__ line = op.weights + j;
        Vector<T> sum[vectors] = {};
        for (i64 k = 0; k < op.inputs; ++k, line += op.outputs) {
            if constexpr (kAhead > 0) {
#pragma GCC unroll 13
                for (int v = 0; v < vectors; ++v) __builtin_prefetch(line + ahead + v * kLanes<T>);
            }
            const Vector<T> one = splat(x[k]);
#pragma GCC unroll 13
            for (int v = 0; v < vectors - 1; ++v)
                sum[v] = fma(one, load(line + v * kLanes<T>), sum[v]);
            const Vector<T> end = part ? load_part(line, columns) : load(line + last);
            sum[vectors - 1] = fma(one, end, sum[vectors - 1]);
        }
        T* y = op.y + i * op.y_row + j;
        for (int v = 0; v < vectors - 1; ++v) store(y + v * kLanes<T>, sum[v]);
        store(y + last, sum[vectors - 1]);
    }
}

template <class T, int vectors = kStripVectors>
void forward_strip_of(i64 wanted, const AffineForward<T>& op, i64 row, i64 row_end, i64 j,
                      i64 columns) {
    if constexpr (vectors >= 1) {
        if (wanted == vectors) return forward_strip<T, vectors>(op, row, row_end, j, columns);
        forward_strip_of<T, vectors - 1>(wanted, op, row, row_end, j, columns);
    }
}

template <class T>
void forward_few(const AffineForward<T>& op, i64 row, i64 row_end, i64 column, i64 column_end) {
    const i64 vectors = (column_end - column + kLanes<T> - 1) / kLanes<T>;
    const i64 strips = (vectors + kStripVectors - 1) / kStripVectors;
    for (i64 s = 0; s < strips; ++s) {
        const i64 from = vectors * s / strips, to = vectors * (s + 1) / strips;
        const i64 j = column + from * kLanes<T>, end = column + to * kLanes<T>;
        forward_strip_of(to - from, op, row, row_end, j, (end < column_end ? end : column_end) - j);
    }
}

// Few rows: a row of W times a row of dy, summed across.
template <class T>
void back_few(const AffineBackward<T>& op, i64 row, i64 row_end, i64 column, i64 column_end) {
    for (i64 i = row; i < row_end; ++i) {
        const T* dy = op.dy + i * op.dy_row;
        for (i64 k = column; k < column_end; ++k) {
            const T* w = op.weights + k * op.outputs;
            Vector<T> sum{};
            i64 j = 0;
            for (; j + kLanes<T> <= op.outputs; j += kLanes<T>)
                sum = fma(load(dy + j), load(w + j), sum);
            if (j < op.outputs)
                sum = fma(load_part(dy + j, op.outputs - j), load_part(w + j, op.outputs - j), sum);
            op.dx[i * op.dx_row + k] = sum_lanes<T>(sum);
        }
    }
}

}  // namespace zk::ZK_ISA
