// Convolutions of windows five wide with 0.4 of the multiplications: Winograd's F(4, 5) along lines
// (Winograd 1980, "Arithmetic complexity of computations"; Lavin and Gray 2016 for its use here).
//
// Eight pixels side by side are a polynomial's values in disguise: turned by B, times a line of W
// turned likewise, they give four results: 8 products instead of 20. The lines of a window, and its
// channels, are summed before the results are turned back, so that turning costs little even with a
// single channel. As with every such way, roundings differ a little, and near an infinity stands a
// NaN. One thing is kept: a window that sees nothing but zeros gives 0, and not what rounding leaves of
// its neighbours. The black edge of a digit is made of such windows, and while b is 0, ReLU's gradient
// hangs on it.
#include "activation.hpp"
#include "empty_windows.hpp"
#include "tables.hpp"
#include "tile.hpp"

namespace zk::ZK_ISA {
namespace {

constexpr int kPoints = 8;   // pixels of a strip, and products for it
constexpr int kResults = 4;  // of a strip
constexpr int kFive = 5;

// Numbers of turned pixels that are kept at a time, about what the second-level cache holds.
constexpr i64 kBandNumbers = 32768;
// Strips whose products are kept at a time, in the first-level cache.
constexpr i64 kStrips = 2 * kTileRows;

template <class T>
struct EightOf {
    typedef T type __attribute__((vector_size(kPoints * sizeof(T))));
    typedef T loose __attribute__((vector_size(kPoints * sizeof(T)), aligned(sizeof(T)), may_alias));
};

// The columns of B^T, for the points 0, 1, -1, 2, -2, 1/2, -1/2 and infinity.
template <class T>
inline void turn_strip(const T (&d)[kPoints], T* to) {
    using Eight = typename EightOf<T>::type;
    constexpr T a = T(5.25), b = T(4.25), c = T(2.5), e = T(1.25), h = T(0.5), q = T(0.25);
    const Eight column[kPoints] = {
        {1, 0, 0, 0, 0, 0, 0, 0},         {0, 1, -1, h, -h, 2, -2, -1}, {-a, 1, 1, q, q, 4, 4, 0},
        {0, -b, b, -c, c, -c, c, a},      {a, -b, -b, -e, -e, -5, -5, 0}, {0, 1, -1, 2, -2, h, -h, -a},
        {-1, 1, 1, 1, 1, 1, 1, 0},        {0, 0, 0, 0, 0, 0, 0, 1}};
    Eight sum = column[0] * d[0];
#pragma GCC unroll 8
    for (int j = 1; j < kPoints; ++j) sum += column[j] * d[j];
    *reinterpret_cast<typename EightOf<T>::loose*>(to) = sum;
}

// The four results of one vector of columns, from its eight products.
template <class T>
inline void turn_back(const Vector<T> (&m)[kPoints], Vector<T> (&out)[kResults]) {
    const Vector<T> one = m[1] + m[2], odd1 = m[1] - m[2];
    const Vector<T> two = m[3] + m[4], odd2 = m[3] - m[4];
    const Vector<T> half = m[5] + m[6], odd3 = m[5] - m[6];
    out[0] = m[0] + one + two + half;
    out[1] = fma(splat(T(0.5)), odd3, fma(splat(T(2)), odd2, odd1));
    out[2] = fma(splat(T(0.25)), half, fma(splat(T(4)), two, one));
    out[3] = fma(splat(T(0.125)), odd3, fma(splat(T(8)), odd2, odd1)) + m[7];
}

// Lines of results [line, line_end) of a sample, in strips of four; `across` to a line.
template <class T>
struct Band {
    i64 line, line_end, across;
    i64 strip;    // numbers of a turned strip: eight of each channel
    i64 columns;  // whole vectors
    T* turned;
    unsigned char* seen;  // for each pixel, whether any of its channels is not 0
    i64 seen_line;
    T* product;   // of kStrips strips: for each vector of columns, those of the eight points
};

template <class T>
inline i64 strips_of(const LineWinograd<T>& op) {
    return (op.out_width + kResults - 1) / kResults;
}

template <class T>
i64 lines_at_once(const LineWinograd<T>& op) {
    const i64 line = strips_of(op) * op.channels * kPoints;
    const i64 above = (op.lines - 1) * op.down;
    const i64 fit = kBandNumbers / line - above;
    // A thin band would turn most of its lines twice.
    const i64 least = 2 * above + 1;
    const i64 count = fit > least ? fit : least;
    return count < op.out_height ? count : op.out_height;
}

template <class T>
void turn_lines(const LineWinograd<T>& op, const Band<T>& band) {
    const i64 end = band.line_end + (op.lines - 1) * op.down;
    const i64 width = op.out_width + kPoints - kResults;  // pixels that a window sees
    const i64 pixel = op.x.pixel;
    T* to = band.turned;
    for (i64 y = band.line; y < end; ++y) {
        see_line(op.x.data + y * op.x.line, pixel, op.channels, width,
                 band.seen + (y - band.line) * band.seen_line);
        for (i64 s = 0; s < band.across; ++s) {
            const T* from = op.x.data + y * op.x.line + s * kResults * pixel;
            const i64 left = width - s * kResults;
            for (i64 c = 0; c < op.channels; ++c, to += kPoints) {
                T d[kPoints];
                if (left >= kPoints) {
#pragma GCC unroll 8
                    for (int j = 0; j < kPoints; ++j) d[j] = from[j * pixel + c];
                } else {
                    // Pixels past the last one only reach results that are not kept.
                    for (int j = 0; j < kPoints; ++j) d[j] = j < left ? from[j * pixel + c] : T(0);
                }
                turn_strip<T>(d, to);
            }
        }
    }
}

// A window of five lines of one channel: a depth so small that even the loop's end counts.
template <class T, int rows, int vectors>
__attribute__((always_inline)) inline void multiply_five(const T* from, i64 next_line, const T* panel,
                                                         Vector<T> (&sum)[rows][vectors]) {
#pragma GCC unroll 8
    for (int i = 0; i < kFive; ++i, from += next_line, panel += vectors * kLanes<T>) {
#pragma GCC unroll 24
        for (int r = 0; r < rows; ++r) {
            const Vector<T> one = splat(from[r * kPoints]);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; ++v)
                sum[r][v] = fma(one, load(panel + v * kLanes<T>), sum[r][v]);
        }
    }
}

// The products of strips [first, first + count) of the band, at all points.
template <class T>
void multiply_points(const LineWinograd<T>& op, const Band<T>& band, i64 first, i64 count) {
    const i64 next_line = op.down * band.across * band.strip, strip = band.strip;
    const i64 columns = band.columns, depth = op.lines * op.channels;
    const T* panel = op.panels;
    for (int p = 0; p < kPoints; ++p) {
        const T* const left = band.turned + first * strip + p;
        T* const out = band.product + p * kLanes<T>;
        for (i64 j = 0; j < op.columns; j += kPanel<T>) {
            const auto run = [&]<int vectors>() {
                constexpr i64 width = vectors * kLanes<T>;
                for_tiles<vectors>(0, count, [&]<int rows>(i64 s) {
                    Vector<T> sum[rows][vectors] = {};
                    const T* from = left + s * strip;
                    T* const to = out + (s * columns + j) * kPoints;
                    if (op.channels == 1 && op.lines == kFive) {
                        multiply_five<T, rows, vectors>(from, next_line, panel, sum);
                    } else {
                        for (i64 i = 0; i < op.lines; ++i)
                            multiply<T, rows, vectors, false>(
                                op.channels, Scalars<T>{from + i * next_line, strip, kPoints},
                                Rows<T>{panel + i * op.channels * width, width}, sum);
                    }
#pragma GCC unroll 24
                    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
                        for (int v = 0; v < vectors; ++v)
                            store(to + (r * columns + v * kLanes<T>) * kPoints, sum[r][v]);
                });
                panel += depth * width;
            };
            if (op.columns - j <= kLanes<T>) run.template operator()<1>();
            else run.template operator()<kTileVectors>();
        }
    }
}

// Strips [first, first + count) from their products to results.
template <class T, Activation act, bool back>
void turn_results(const LineWinograd<T>& op, const Band<T>& band, i64 first, i64 count) {
    const T *const scale = op.scale, *const bias = op.bias;
    const i64 columns = op.columns, pixel = op.out.pixel, y_pixel = op.y.pixel;
    const T* product = band.product;
    i64 y = band.line + first / band.across, x = first % band.across * kResults;
    for (i64 s = 0; s < count; ++s, x += kResults) {
        if (x >= op.out_width) x = 0, ++y;
        const i64 rest = op.out_width - x, kept = rest < kResults ? rest : kResults;
        T* to = op.out.data + y * op.out.line + x * pixel;
        const int empty = empty_windows(band.seen + (y - band.line) * band.seen_line + x,
                                        op.lines, op.down * band.seen_line);
        const T* of = op.y.data + y * op.y.line + x * y_pixel;
        for (i64 c = 0; c < columns; c += kLanes<T>) {
            Vector<T> m[kPoints], out[kResults];
#pragma GCC unroll 8
            for (int p = 0; p < kPoints; ++p, product += kLanes<T>) m[p] = load(product);
            turn_back<T>(m, out);
            if (empty != 0) {
                // Times 0 and not 0 itself: what is not finite in W must come through.
#pragma GCC unroll 4
                for (int j = 0; j < kResults; ++j)
                    if (empty >> j & 1) out[j] = out[j] * T(0);
            }
            if (scale != nullptr) {
                const Vector<T> by = load(scale + c);
#pragma GCC unroll 4
                for (int j = 0; j < kResults; ++j) out[j] = out[j] * by;
            }
            if (bias != nullptr) {
                const Vector<T> by = load(bias + c);
#pragma GCC unroll 4
                for (int j = 0; j < kResults; ++j) out[j] = out[j] + by;
            }
#pragma GCC unroll 4
            for (int j = 0; j < kResults; ++j) {
                if (j >= kept) break;
                if constexpr (back)
                    out[j] = activate_back<T, act>(out[j], load(of + j * y_pixel + c));
                else out[j] = activate<T, act>(out[j]);
                store(to + j * pixel + c, out[j]);
            }
        }
    }
}

// Whole strips, and what the last one sees beyond.
template <class T>
inline i64 seen_line(const LineWinograd<T>& op) {
    return (strips_of(op) + 1) * kResults;
}

template <class T>
i64 line_winograd_scratch(const LineWinograd<T>& op) {
    const i64 lines = lines_at_once(op) + (op.lines - 1) * op.down;
    const i64 seen = lines * seen_line(op) / static_cast<i64>(sizeof(T)) + 1;
    return lines * strips_of(op) * op.channels * kPoints +
           kPoints * kStrips * padded<T>(op.columns) + 2 * kPanel<T> + seen;
}

template <class T>
void line_winograd(const LineWinograd<T>& op) {
    Band<T> band{};
    band.across = strips_of(op);
    band.strip = op.channels * kPoints;
    band.columns = padded<T>(op.columns);
    band.product = op.scratch;
    band.turned = op.scratch + kPoints * kStrips * band.columns + kPanel<T>;
    const i64 at_once = lines_at_once(op), lines = at_once + (op.lines - 1) * op.down;
    band.seen = reinterpret_cast<unsigned char*>(band.turned + lines * band.across * band.strip +
                                                 kPanel<T>);
    band.seen_line = seen_line(op);
    std::memset(band.seen, 0, static_cast<std::size_t>(lines * band.seen_line));
    for (i64 line = 0; line < op.out_height; line += at_once) {
        band.line = line;
        band.line_end = line + at_once < op.out_height ? line + at_once : op.out_height;
        turn_lines(op, band);
        const i64 strips = (band.line_end - line) * band.across;
        for (i64 first = 0; first < strips; first += kStrips) {
            const i64 count = strips - first < kStrips ? strips - first : kStrips;
            multiply_points(op, band, first, count);
            with_activation(op.act, [&]<Activation act>() {
                if (op.y.data != nullptr) turn_results<T, act, true>(op, band, first, count);
                else turn_results<T, act, false>(op, band, first, count);
            });
        }
    }
}

template <class T>
void fill(ImageMath<T>& math) {
    math.line_winograd = line_winograd<T>;
    math.line_winograd_scratch = line_winograd_scratch<T>;
}

}  // namespace

void add_winograd_lines(Kernels& table) {
    fill(table.f32.images);
    fill(table.f64.images);
}

}  // namespace zk::ZK_ISA
