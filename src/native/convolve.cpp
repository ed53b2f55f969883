// Convolution as products of tiles: a few places of the window at a time, against a panel of W.
#include "activation.hpp"
#include "filter_sums.hpp"
#include "tables.hpp"
#include "tile.hpp"

namespace zk::ZK_ISA {
namespace {

// How much of the depth is gone through at a time, so that a panel's share stays in the first-level
// cache while tile after tile reads it.
constexpr i64 kDepthBlock = 400;

// Places of a tile. Each has an address of its own, so registers for addresses are the limit.
template <int vectors>
constexpr int kPlaces = vectors == 1 ? 8 : 6;

template <class T, Activation act>
void finish_as(const Correlation<T>& op, const Place* at, int rows, i64 j, i64 width) {
    for (int r = 0; r < rows; ++r) {
        T* to = op.out + at[r].to + j;
        for (i64 c = 0; c < width; c += kLanes<T>) {
            if (op.y == nullptr) store(to + c, activate<T, act>(load(to + c)));
            else store(to + c, activate_back<T, act>(load(to + c), load(op.y + at[r].y + j + c)));
        }
    }
}

// The activations that are too long to be written out in every tile.
template <class T>
__attribute__((noinline)) void finish(const Correlation<T>& op, const Place* at, int rows, i64 j,
                                      i64 width) {
    with_activation(op.act, [&]<Activation act>() { finish_as<T, act>(op, at, rows, j, width); });
}

// A part of the depth: taps, and where they begin in the panels.
struct Part {
    const Tap* tap;
    const Tap* end;
    i64 depth;
    bool first, last;
};

template <class T, int rows, int vectors>
inline void tile(const Correlation<T>& op, const Place* at, i64 j, const Part& part,
                 const T* panel) {
    constexpr i64 width = vectors * kLanes<T>;
    const T* base[rows];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) base[r] = op.x + at[r].from;
    Vector<T> sum[rows][vectors] = {};
    if (!part.first) {
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v)
                sum[r][v] = load(op.out + at[r].to + j + v * kLanes<T>);
    }
    for (const Tap* tap = part.tap; tap != part.end; ++tap) {
        const i64 end = tap->from + tap->depth;
        for (i64 k = tap->from; k < end; ++k) {
            Vector<T> line[vectors];
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) line[v] = load(panel + v * kLanes<T>);
#pragma GCC unroll 8
            for (int r = 0; r < rows; ++r) {
                const Vector<T> one = splat(base[r][k]);
#pragma GCC unroll 2
                for (int v = 0; v < vectors; ++v) sum[r][v] = fma(one, line[v], sum[r][v]);
            }
            panel += width;
        }
    }
    // Each question is asked once for all sums, which stay in their registers.
    const auto each = [&](auto&& change) {
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) change(sum[r][v], r, j + v * kLanes<T>);
    };
    if (part.last && op.scale != nullptr)
        each([&](Vector<T>& value, int, i64 c) { value = value * load(op.scale + c); });
    if (part.last && op.bias != nullptr)
        each([&](Vector<T>& value, int, i64 c) { value = value + load(op.bias + c); });
    if (part.last && op.act == Activation::relu) {
        if (op.y == nullptr)
            each([&](Vector<T>& value, int, i64) { value = activate<T, Activation::relu>(value); });
        else
            each([&](Vector<T>& value, int r, i64 c) {
                value = activate_back<T, Activation::relu>(value, load(op.y + at[r].y + c));
            });
    }
    each([&](Vector<T>& value, int r, i64 c) { store(op.out + at[r].to + c, value); });
    if (part.last && op.act != Activation::relu && op.act != Activation::none)
        finish(op, at, rows, j, width);
}

// All places in tiles.
template <class T, int vectors>
void panel_of(const Correlation<T>& op, i64 j, const Part& part, const T* panel) {
    for_pieces<kPlaces<vectors>>(0, op.place_count, [&]<int rows>(i64 i) {
        tile<T, rows, vectors>(op, op.places + i, j, part, panel);
    });
}

template <class T>
void correlate(const Correlation<T>& op) {
    const Tap* const all = op.taps + op.tap_count;
    for (i64 j = 0; j < op.columns; j += kPanel<T>) {
        const bool narrow = op.columns - j <= kLanes<T>;
        const T* panel = op.panels + j * op.depth;
        const Tap* tap = op.taps;
        do {  // once also without any tap: the result is then the bias alone
            Part part{tap, tap, 0, tap == op.taps, false};
            while (part.end != all &&
                   (part.end == part.tap || part.depth + part.end->depth <= kDepthBlock))
                part.depth += (part.end++)->depth;
            part.last = part.end == all;
            if (narrow) panel_of<T, 1>(op, j, part, panel);
            else panel_of<T, kTileVectors>(op, j, part, panel);
            panel += part.depth * (narrow ? i64{kLanes<T>} : kPanel<T>);
            tap = part.end;
        } while (tap != all);
    }
}

template <class T, int rows, int vectors>
inline void gradient_tile(const FilterGradient<T>& op, const Run* run, const Run* end, i64 from,
                          i64 j, T* sums, bool begins) {
    Vector<T> sum[rows][vectors] = {};
    load_sums<T>(sums, begins, sum);
    for (; run != end; ++run)
        multiply<T, rows, vectors, true>(run->count,
                                         Scalars<T, true>{op.x + run->from + from, 1, op.x_step},
                                         Rows<T>{op.dy + run->to + j, op.dy_step}, sum);
    store_sums<T>(sum, sums);
}

template <class T>
void filter_gradient(const FilterGradient<T>& op) {
    for (i64 r = 0; r < op.run_count; r += op.runs_at_once) {
        const Run* const run = op.runs + r;
        const Run* const end =
            op.runs + (r + op.runs_at_once < op.run_count ? r + op.runs_at_once : op.run_count);
        const bool begins = op.first && r == 0;
        for_filter_tiles<T>(op, [&]<int rows, int vectors>(i64 from, i64 j, T* sums) {
            gradient_tile<T, rows, vectors>(op, run, end, from, j, sums, begins);
        });
    }
    for (i64 j = 0; j < op.columns; j += kLanes<T>) {
        Vector<T> sum = op.first ? Vector<T>{} : load(op.bias_sums + j);
        for (i64 r = 0; r < op.run_count; ++r) {
            const T* dy = op.dy + op.runs[r].to + j;
            for (i64 k = 0; k < op.runs[r].count; ++k, dy += op.dy_step) sum += load(dy);
        }
        store(op.bias_sums + j, sum);
    }
}

template <class T>
void sum_parts(const T* parts, i64 apart, i64 count, i64 numbers, T* to) {
    for (i64 i = 0; i < numbers; i += kLanes<T>) {
        Vector<T> sum = load(parts + i);
        for (i64 p = 1; p < count; ++p) sum += load(parts + p * apart + i);
        store(to + i, sum);
    }
}

template <class T>
void fill(ImageMath<T>& math) {
    math.correlate = correlate<T>;
    math.filter_gradient = filter_gradient<T>;
    math.sum_parts = sum_parts<T>;
}

}  // namespace

void add_convolve(Kernels& table) {
    fill(table.f32.images);
    fill(table.f64.images);
}

}  // namespace zk::ZK_ISA
