// Softmax of one row, with what a loss needs of it.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include "lane_sums.hpp"
#include "vecmath.hpp"

namespace zk::ZK_ISA {

// A row cut into vectors: f(column, how many of them count).
template <class T, class F>
inline void each_part(i64 columns, F&& f) {
    for (i64 j = 0; j < columns; j += kLanes<T>)
        f(j, columns - j < kLanes<T> ? columns - j : static_cast<i64>(kLanes<T>));
}

// What softmax subtracts and divides by.
template <class T>
struct SoftmaxRow {
    T greatest, sum;
};

// The first `count` lanes, zeros behind them.
template <class T>
inline Vector<T> first_lanes(Vector<T> v, i64 count) {
    Bits<T> lane;
    for (int i = 0; i < kLanes<T>; ++i) lane[i] = i;
    return lane < static_cast<decltype(lane[0] + 0)>(count) ? v : Vector<T>{};
}

// y = exp(x - max(x)) / sum. A NaN among the scores makes the sum, and so the whole row, NaN. Both
// rows are padded: whole vectors are read and written.
template <class T>
inline SoftmaxRow<T> softmax_row(const T* x, T* y, i64 columns) {
    T greatest = x[0];
    for (i64 j = 1; j < columns; ++j) greatest = x[j] > greatest ? x[j] : greatest;
    Vector<T> sums{};
    each_part<T>(columns, [&](i64 j, i64 count) {
        const Vector<T> e = exponential<T>(load(x + j) - greatest);
        store(y + j, e);
        sums += first_lanes<T>(e, count);
    });
    const T sum = sum_lanes<T>(sums);
    const Vector<T> inverse = splat(T(1) / sum);
    for (i64 j = 0; j < columns; j += kLanes<T>) store(y + j, load(y + j) * inverse);
    return {greatest, sum};
}

}  // namespace zk::ZK_ISA
