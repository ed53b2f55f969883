// Softmax of one row, with what a loss needs of it.
// Compiled once per instruction set; include it only from such files.
#pragma once

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

// y = exp(x - max(x)) / sum. A NaN among the scores makes the sum, and so the whole row, NaN.
template <class T>
inline SoftmaxRow<T> softmax_row(const T* x, T* y, i64 columns) {
    T greatest = x[0];
    for (i64 j = 1; j < columns; ++j) greatest = x[j] > greatest ? x[j] : greatest;
    T sum = 0;
    each_part<T>(columns, [&](i64 j, i64 count) {
        const Vector<T> e = exponential<T>(load_part(x + j, count) - greatest);
        store_part(y + j, e, count);
        for (i64 l = 0; l < count; ++l) sum += e[l];
    });
    const Vector<T> inverse = splat(T(1) / sum);
    each_part<T>(columns, [&](i64 j, i64 count) {
        store_part(y + j, load_part(y + j, count) * inverse, count);
    });
    return {greatest, sum};
}

}  // namespace zk::ZK_ISA
