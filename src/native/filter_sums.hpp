// The gradient of W as it is summed: a tile of it in registers, tile after tile of its panels.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include "images.hpp"
#include "tile.hpp"

namespace zk::ZK_ISA {

// A tile that goes on from what `sums` holds, or, where it is the first, from 0.
template <class T, int rows, int vectors>
inline void load_sums(const T* sums, bool first, Vector<T> (&sum)[rows][vectors]) {
    if (first) return;
#pragma GCC unroll 24
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) sum[r][v] = load(sums + (r * vectors + v) * kLanes<T>);
}

template <class T, int rows, int vectors>
inline void store_sums(const Vector<T> (&sum)[rows][vectors], T* sums) {
#pragma GCC unroll 24
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) store(sums + (r * vectors + v) * kLanes<T>, sum[r][v]);
}

// Calls f.operator()<rows, vectors>(from, column, sums) for every tile: where its numbers of a window
// begin, its first filter, and its place among the sums.
template <class T, class Op, class F>
inline void for_filter_tiles(const Op& op, F&& f) {
    for (i64 j = 0; j < op.columns; j += kPanel<T>) {
        T* sums = op.sums + j * op.depth;
        const auto taps = [&]<int vectors>() {
            for (i64 t = 0; t < op.tap_count; ++t) {
                const Tap tap = op.taps[t];
                for_tiles<vectors>(0, tap.depth, [&]<int rows>(i64 k) {
                    f.template operator()<rows, vectors>(tap.from + k, j, sums + k * vectors * kLanes<T>);
                });
                sums += tap.depth * vectors * kLanes<T>;
            }
        };
        if (op.columns - j <= kLanes<T>) taps.template operator()<1>();
        else taps.template operator()<kTileVectors>();
    }
}

}  // namespace zk::ZK_ISA
