// The gradient of W behind which only the greatest of each 2x2 results went on: three of four numbers of
// dy are then 0, and only the fourth is multiplied. Which one that is differs from lane to lane, so that
// each lane picks its own pixel among four.
#include "activation.hpp"
#include "filter_sums.hpp"
#include "lane_sums.hpp"
#include "tables.hpp"

namespace zk::ZK_ISA {
namespace {

constexpr int kFour = 4;  // results of a 2x2 window

// What one sample's sums are made of: panel by panel, place by place, the pooled dy and its winner; and
// for each number of x, beside it, those of the next place, of the next line, and of the place after that.
template <class T>
struct Gathered {
    T* dy;
    T* which;
    T* fours;
    bool picks;  // one place of four; else all four are multiplied
};

template <class T>
inline i64 span_of(const PooledGradient<T>& op) {
    const Tap& last = op.taps[op.tap_count - 1];
    return 2 * ((op.out_height - 1) * op.x_line + (op.out_width - 1) * op.x_pixel) + last.from + last.depth;
}

template <class T>
i64 pooled_gradient_scratch(const PooledGradient<T>& op) {
    const i64 places = op.out_height * op.out_width;
    return 2 * places * padded<T>(op.columns) + kFour * (span_of(op) + kLanes<T>);
}

// One panel's dy and winners, and the gradient of its columns of b.
template <class T, Activation act, int vectors>
void gather_panel(const PooledGradient<T>& op, const Gathered<T>& to, i64 j) {
    const i64 places = op.out_height * op.out_width;
    T *dy = to.dy + j * places, *which = to.which + j * places;
    Vector<T> sum[vectors] = {};
    if (!op.first)
        for (int v = 0; v < vectors; ++v) sum[v] = load(op.bias_sums + j + v * kLanes<T>);
    for (i64 oy = 0; oy < op.out_height; ++oy) {
        const T* from = op.dy.data + oy * op.dy.line + j;
        const T* winners = op.winner.data + oy * op.winner.line + j;
        const T* y = op.y.data + oy * op.y.line + j;
        for (i64 ox = 0; ox < op.out_width; ++ox) {
            for (int v = 0; v < vectors; ++v, dy += kLanes<T>, which += kLanes<T>) {
                Vector<T> one = load(from + v * kLanes<T>);
                if constexpr (act != Activation::none)
                    one = activate_back<T, act>(one, load(y + v * kLanes<T>));
                sum[v] += one;
                store(dy, one);
                const Vector<T> winner = load(winners + v * kLanes<T>);
                store(which, to.picks ? which_of<T>(winner) : winner);
            }
            from += op.dy.pixel;
            winners += op.winner.pixel;
            if constexpr (act != Activation::none) y += op.y.pixel;
        }
    }
    for (int v = 0; v < vectors; ++v) store(op.bias_sums + j + v * kLanes<T>, sum[v]);
}

template <class T, Activation act>
void gather_dy(const PooledGradient<T>& op, const Gathered<T>& to) {
    for (i64 j = 0; j < op.columns; j += kPanel<T>) {
        if (op.columns - j <= kLanes<T>) gather_panel<T, act, 1>(op, to, j);
        else gather_panel<T, act, kTileVectors>(op, to, j);
    }
}

template <class T>
void gather_fours(const T* __restrict__ x, i64 line, i64 pixel, i64 count, T* __restrict__ to) {
    for (i64 i = 0; i < count; ++i) {
        to[i * kFour] = x[i];
        to[i * kFour + 1] = x[i + pixel];
        to[i * kFour + 2] = x[i + line];
        to[i * kFour + 3] = x[i + line + pixel];
    }
}

template <class T>
bool all_finite(const T* x, i64 count) {
    Vector<T> away{};
    i64 i = 0;
    for (; i + kLanes<T> <= count; i += kLanes<T>) away += load(x + i) - load(x + i);
    T rest = sum_lanes<T>(away);
    for (; i < count; ++i) rest += x[i] - x[i];
    return rest == 0;
}

template <class T, bool picks, int rows, int vectors>
inline void pooled_tile(const PooledGradient<T>& op, const Gathered<T>& in, i64 from, i64 j, T* sums) {
    constexpr i64 width = vectors * kLanes<T>;
    Vector<T> sum[rows][vectors] = {};
    load_sums<T>(sums, op.first, sum);
    const T* dy = in.dy + j * op.out_height * op.out_width;
    const T* which = in.which + j * op.out_height * op.out_width;
    for (i64 oy = 0; oy < op.out_height; ++oy) {
        const T* four = in.fours + kFour * (2 * oy * op.x_line + from);
        for (i64 ox = 0; ox < op.out_width; ++ox) {
            if constexpr (picks) {
#pragma GCC unroll 24
                for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
                    for (int v = 0; v < vectors; ++v)
                        sum[r][v] = fma(pick(four + r * kFour, load(which + v * kLanes<T>)),
                                        load(dy + v * kLanes<T>), sum[r][v]);
            } else {
                for (int k = 0; k < kFour; ++k) {
                    Vector<T> part[vectors];
                    for (int v = 0; v < vectors; ++v)
                        part[v] = load(which + v * kLanes<T>) == splat(static_cast<T>(k))
                                      ? load(dy + v * kLanes<T>)
                                      : splat(T(0));
#pragma GCC unroll 24
                    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
                        for (int v = 0; v < vectors; ++v)
                            sum[r][v] = fma(splat(four[r * kFour + k]), part[v], sum[r][v]);
                }
            }
            four += 2 * kFour * op.x_pixel;
            dy += width;
            which += width;
        }
    }
    store_sums<T>(sum, sums);
}

template <class T, bool picks>
void all_tiles(const PooledGradient<T>& op, const Gathered<T>& in) {
    for_filter_tiles<T>(op, [&]<int rows, int vectors>(i64 from, i64 j, T* sums) {
        pooled_tile<T, picks, rows, vectors>(op, in, from, j, sums);
    });
}

template <class T>
void pooled_gradient(const PooledGradient<T>& op) {
    const i64 places = op.out_height * op.out_width, numbers = places * padded<T>(op.columns);
    Gathered<T> in{op.scratch, op.scratch + numbers, op.scratch + 2 * numbers, false};
    const i64 span = span_of(op);
    // 0 times infinity is NaN, and has to come through: then nothing may be left out.
    in.picks = kPicks<T> && all_finite(op.x, span + op.x_line + op.x_pixel);
    gather_fours(op.x, op.x_line, op.x_pixel, span, in.fours);
    with_activation(op.y.data == nullptr ? Activation::none : op.act,
                    [&]<Activation act>() { gather_dy<T, act>(op, in); });
    if (in.picks) all_tiles<T, kPicks<T>>(op, in);
    else all_tiles<T, false>(op, in);
}

template <class T>
void fill(ImageMath<T>& math) {
    math.pooled_gradient = pooled_gradient<T>;
    math.pooled_gradient_scratch = pooled_gradient_scratch<T>;
}

}  // namespace

void add_convolve_pooled(Kernels& table) {
    fill(table.f32.images);
    fill(table.f64.images);
}

}  // namespace zk::ZK_ISA
