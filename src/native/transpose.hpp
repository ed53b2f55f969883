// Squares of numbers turned in registers.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include "simd.hpp"

namespace zk::ZK_ISA {

// So many of `count` lines as a square takes.
template <class T>
inline i64 at_most_lanes(i64 count) {
    return count < 0 ? 0 : (count < kLanes<T> ? count : kLanes<T>);
}

template <int... t>
struct Lanes {};
template <int n, int... t>
struct LanesUpTo : LanesUpTo<n - 1, n - 1, t...> {};
template <int... t>
struct LanesUpTo<0, t...> {
    using type = Lanes<t...>;
};

// Exchanges the off-diagonal quarters of each square of 2 * step lines and lanes.
template <class T, int step, int... t>
__attribute__((always_inline)) inline void exchange(Vector<T>& a, Vector<T>& b, Lanes<t...>) {
    const Vector<T> first =
        __builtin_shufflevector(a, b, ((t & step) ? kLanes<T> + t - step : t)...);
    const Vector<T> second = __builtin_shufflevector(a, b, ((t & step) ? kLanes<T> + t : t + step)...);
    a = first;
    b = second;
}

// Turns a square of kLanes lines held in registers: halves change places, then quarters, ...
template <class T, int step = kLanes<T> / 2>
__attribute__((always_inline)) inline void turn(Vector<T> (&line)[kLanes<T>]) {
    if constexpr (step >= 1) {
#pragma GCC unroll 16
        for (int i = 0; i < kLanes<T>; ++i)
            if (!(i & step))
                exchange<T, step>(line[i], line[i + step],
                                  typename LanesUpTo<kLanes<T>>::type{});
        turn<T, step / 2>(line);
    }
}

// to[j * to_row + i] = from[i * from_row + j] for all of a vector's lanes i and for j < columns. Whole lines
// are read.
template <class T>
inline void turn_lines(const T* from, i64 from_row, i64 columns, T* to, i64 to_row) {
    Vector<T> line[kLanes<T>];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; ++i) line[i] = load(from + i * from_row);
    turn<T>(line);
#pragma GCC unroll 16
    for (int j = 0; j < kLanes<T>; ++j) {
        if (j >= columns) return;
        store(to + j * to_row, line[j]);
    }
}

// A square at the edge, of fewer lines or columns.
template <class T>
__attribute__((noinline)) void turn_part(const T* from, i64 from_row, i64 lines, i64 columns, T* to,
                                         i64 to_row) {
    Vector<T> line[kLanes<T>];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; ++i)
        line[i] = i < lines ? load_part(from + i * from_row, columns) : Vector<T>{};
    turn<T>(line);
#pragma GCC unroll 16
    for (int j = 0; j < kLanes<T>; ++j) {
        if (j >= columns) return;
        if (lines == kLanes<T>) store(to + j * to_row, line[j]);
        else store_part(to + j * to_row, line[j], lines);
    }
}

// to[j * to_row + i] = from[i * from_row + j] for i < lines and j < columns, neither above a
// vector's lanes; reads and writes nothing beyond.
template <class T>
inline void turn_square(const T* from, i64 from_row, i64 lines, i64 columns, T* to, i64 to_row) {
    if (lines == kLanes<T> && columns == kLanes<T>) turn_lines(from, from_row, columns, to, to_row);
    else turn_part(from, from_row, lines, columns, to, to_row);
}

}  // namespace zk::ZK_ISA
