// A convolution of which only the greatest of each 2x2 results goes on: these four are computed in one
// tile and compared in its registers, so that they are never written.
#include "activation.hpp"
#include "ahead.hpp"
#include "greatest.hpp"
#include "tables.hpp"
#include "tile.hpp"

namespace zk::ZK_ISA {
namespace {

// Vectors across a tile, and so many pairs of pixels on each of its two lines: as many sums as in a tile of
// any product, but never an odd number of pixels.
constexpr int kAcross = kTileRows >= 12 ? kTileVectors : 1;
template <int vectors>
constexpr int kPairs = kTileRows * kTileVectors / (4 * vectors);

// `pairs` pooled numbers of one line and `vectors` of columns.
template <class T, int pairs, int vectors>
void tile(const PooledCorrelation<T>& op, i64 oy, i64 ox, i64 j, const T* panel, i64 panel_row) {
    // Of the row as many lines as this tile has numbers: together, all tiles ask for all of it.
    if (op.row != nullptr && j == 0)
        ask_to_write(op.row + (oy * op.out_width + ox) * op.columns, pairs * op.columns);
    Vector<T> sum[2][2 * pairs][vectors];
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) {
        const Vector<T> begin = op.scale != nullptr ? Vector<T>{} : load(op.bias + j + v * kLanes<T>);
#pragma GCC unroll 12
        for (int i = 0; i < 2 * pairs; ++i) sum[0][i][v] = sum[1][i][v] = begin;
    }
    const T* const x = op.x + 2 * (oy * op.x_line + ox * op.x_pixel);
    for (const Tap* tap = op.taps; tap != op.taps + op.tap_count; ++tap) {
        const T* top = x + tap->from;
        const T* below = top + op.x_line;
        for (i64 k = 0; k < tap->depth; ++k, ++top, ++below, panel += panel_row) {
            Vector<T> line[vectors];
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) line[v] = load(panel + v * kLanes<T>);
#pragma GCC unroll 12
            for (int i = 0; i < 2 * pairs; ++i) {
                const Vector<T> one = splat(top[i * op.x_pixel]), two = splat(below[i * op.x_pixel]);
#pragma GCC unroll 2
                for (int v = 0; v < vectors; ++v) {
                    sum[0][i][v] = fma(one, line[v], sum[0][i][v]);
                    sum[1][i][v] = fma(two, line[v], sum[1][i][v]);
                }
            }
        }
    }
    if (op.scale != nullptr) {
#pragma GCC unroll 12
        for (int i = 0; i < 2 * pairs; ++i)
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) {
                const Vector<T> scale = load(op.scale + j + v * kLanes<T>);
                const Vector<T> bias = load(op.bias + j + v * kLanes<T>);
                sum[0][i][v] = sum[0][i][v] * scale + bias;
                sum[1][i][v] = sum[1][i][v] * scale + bias;
            }
    }
    // ReLU comes after the comparison: it keeps the order, and of those that it makes equal, at 0, none has a
    // gradient to be sent anywhere.
    const bool relu = op.act == Activation::relu;
    const auto pool = [&]<bool remember>() {
#pragma GCC unroll 6
        for (int p = 0; p < pairs; ++p) {
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) {
                Greatest<T, remember> found{sum[0][2 * p][v], splat(T(0))};
                for (int k = 1; k < 4; ++k) found.see(sum[k / 2][2 * p + k % 2][v], k);
                if (relu) found.y = activate<T, Activation::relu>(found.y);
                const i64 c = j + v * kLanes<T>;
                store(op.out.data + oy * op.out.line + (ox + p) * op.out.pixel + c, found.y);
                if constexpr (remember)
                    store(op.winner.data + oy * op.winner.line + (ox + p) * op.winner.pixel + c, found.winner);
            }
        }
    };
    if (op.winner.data == nullptr) pool.template operator()<false>();
    else pool.template operator()<true>();
}

// All pooled numbers of these columns, line by line.
template <class T, int vectors>
void columns_of(const PooledCorrelation<T>& op, i64 j, const T* panel, i64 panel_row) {
    for (i64 oy = 0; oy < op.out_height; ++oy)
        for_pieces<kPairs<vectors>>(0, op.out_width, [&]<int pairs>(i64 ox) {
            tile<T, pairs, vectors>(op, oy, ox, j, panel, panel_row);
        });
}

template <class T>
void correlate_pooled(const PooledCorrelation<T>& op) {
    for (i64 j = 0; j < op.columns; j += kPanel<T>) {
        const T* const panel = op.panels + j * op.depth;
        if (op.columns - j <= kLanes<T>) {
            columns_of<T, 1>(op, j, panel, kLanes<T>);
            continue;
        }
        for (int v = 0; v < kTileVectors; v += kAcross)
            columns_of<T, kAcross>(op, j + v * kLanes<T>, panel + v * kLanes<T>, kPanel<T>);
    }
}

template <class T>
void fill(ImageMath<T>& math) {
    math.correlate_pooled = correlate_pooled<T>;
}

}  // namespace

void add_correlate_pooled(Kernels& table) {
    fill(table.f32.images);
    fill(table.f64.images);
}

}  // namespace zk::ZK_ISA
