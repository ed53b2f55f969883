// The heart of every matrix product: a tile of the result held in registers.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include "simd.hpp"

namespace zk::ZK_ISA {

// Rows of a tile, and vectors across it: as many sums as the register file holds beside the
// operands, so that a multiply-add never waits for the one before it.
#if defined(__AVX512F__) || defined(__ARM_NEON)
constexpr int kTileRows = 12;
#else
constexpr int kTileRows = 6;
#endif
constexpr int kTileVectors = 2;

// Up to so many rows of a batch, W is read as it is stored: packing it costs more than the product, and
// dW takes longer to write than to compute.
constexpr int kFewRows = 3;

// Columns of a tile, which is the width of a packed panel.
template <class T>
constexpr i64 kPanel = kTileVectors * kLanes<T>;

// Columns of the one panel that a matrix has which is that narrow: a third vector costs less beside two
// others than alone.
constexpr int kWideVectors = 3;
template <class T>
constexpr i64 kWide = kWideVectors * kLanes<T>;

// Columns and what fills their last vector.
template <class T>
inline i64 padded(i64 columns) {
    return (columns + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
}

// Operand A, one number at a time: A[i][k] = data[i * row + k * step]. With `beside` the rows lie
// side by side (row is 1), which the compiler must know to address them cheaply.
template <class T, bool beside = false>
struct Scalars {
    const T* data;
    i64 row, step;
};

// Operand B, whole vectors: B[k][j] = data[k * step + j].
template <class T>
struct Rows {
    const T* data;
    i64 step;
};

struct Nothing {
    void operator()() const {}
};

// sum[i][v] += sum over k of A[i][k] * B[k][v-th vector], k in order: the bits of a sum depend
// neither on the tile that it lies in nor on its neighbours. each() is called once for every k.
template <class T, int rows, int vectors, bool beside, class Each = Nothing>
__attribute__((always_inline)) inline void multiply(i64 depth, Scalars<T, beside> a, Rows<T> b,
                                                    Vector<T> (&sum)[rows][vectors],
                                                    Each&& each = {}) {
    const T* __restrict__ left = a.data;
    const T* __restrict__ right = b.data;
#pragma GCC unroll 2
    for (i64 k = 0; k < depth; ++k) {
        each();
        Vector<T> line[vectors];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) line[v] = load(right + v * kLanes<T>);
#pragma GCC unroll 24
        for (int i = 0; i < rows; ++i) {
            const Vector<T> one = splat(left[beside ? i : i * a.row]);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; ++v) sum[i][v] = fma(one, line[v], sum[i][v]);
        }
        left += a.step;
        right += b.step;
    }
}

// Rows of a tile so many vectors wide: a narrow one is taller, for as many sums in flight.
template <int vectors>
constexpr int kRowsOf = kTileRows * kTileVectors / vectors;

// Calls f.operator()<n>() for n = count, 1 <= count <= most.
template <int most, class F>
inline void with_rows(int count, F&& f) {
    if constexpr (most >= 1) {
        if (count == most) return f.template operator()<most>();
        return with_rows<most - 1>(count, f);
    }
}

// How many come first of so many in pieces of at most `most`: full ones, and at the end two even ones rather than
// one thin one, since a tile of two rows leaves most of the arithmetic units idle.
template <int most>
inline i64 first_piece(i64 left) {
    return left <= most ? left : left < 2 * most ? (left + 1) / 2 : most;
}

// Walks [first, last) in such pieces.
template <int most, class F>
inline void for_pieces(i64 first, i64 last, F&& f) {
    while (first < last) {
        const i64 take = first_piece<most>(last - first);
        with_rows<most>(static_cast<int>(take),
                        [&]<int rows>() { f.template operator()<rows>(first); });
        first += take;
    }
}

// The same in tiles so many vectors wide.
template <int vectors, class F>
inline void for_tiles(i64 first, i64 last, F&& f) {
    for_pieces<kRowsOf<vectors>>(first, last, f);
}

// About how many numbers of depth all tiles of a product go through.
template <class T>
inline i64 steps_of(i64 rows, i64 columns, i64 depth) {
    return rows * columns * depth / (kTileRows * kPanel<T>);
}

// Columns beyond whole panels that would leave most of a vector idle. They are multiplied the other
// way round: vectors go down a column of W, or of dW. Where `depth` is summed across at the end, it
// must be long enough to pay for that.
template <class T>
inline bool pays_thin(i64 depth) {
    return depth >= 6 * kLanes<T>;
}
template <class T>
inline bool is_thin(i64 columns) {
    return columns <= kLanes<T> / 2;
}

// Columns that so many vectors take, and a thin panel beside them where that is possible: one of more than
// a quarter of a vector costs more than another vector.
template <class T>
constexpr i64 most_columns(int vectors, bool can_be_thin) {
    return vectors * kLanes<T> + (can_be_thin ? kLanes<T> / 4 : 0);
}

// Columns of the panel before which `rest` are left: of two vectors, of one where that is enough, of three
// where two would leave one and the panel may be wide.
template <class T>
inline i64 panel_width(i64 rest, bool can_be_thin, bool can_be_wide) {
    if (rest <= most_columns<T>(1, can_be_thin)) return kLanes<T>;
    const bool three = rest > most_columns<T>(2, can_be_thin) && rest <= most_columns<T>(3, can_be_thin);
    return can_be_wide && three ? kWide<T> : kPanel<T>;
}

// Calls f.operator()<n>() for the number of a thin panel's columns.
template <class T, class F>
inline void with_thin(i64 columns, F&& f) {
    with_rows<kLanes<T> / 2>(static_cast<int>(columns), f);
}

}  // namespace zk::ZK_ISA
