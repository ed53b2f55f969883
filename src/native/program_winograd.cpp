// Convolutions by Winograd's ways: when one is taken, and how W is turned for it.
#include "program.hpp"

#include <algorithm>

namespace zk {
namespace {

// Fewer channels or filters, and turning costs more than it saves.
constexpr i64 kLeast = 16;

// The same of channels along lines, where a vector is a whole line of the cache and multiplies fast.
constexpr i64 kLeastChannels = 3;

// Strips along lines give four results each; a line that needs few more is not worth a strip.
constexpr i64 kStrip = 4;
constexpr double kMostWaste = 1.35;

// G g, then (G g) G^T: u has 16 numbers.
template <class T>
void turn_square_filter(const T* g, bool flipped, T* u) {
    const T half = T(0.5);
    T rows[4][3];
    for (int j = 0; j < 3; ++j) {
        const T a = flipped ? g[8 - j] : g[j], b = flipped ? g[5 - j] : g[3 + j],
                c = flipped ? g[2 - j] : g[6 + j];
        rows[0][j] = a;
        rows[1][j] = (a + b + c) * half;
        rows[2][j] = (a - b + c) * half;
        rows[3][j] = c;
    }
    for (int i = 0; i < 4; ++i) {
        const T a = rows[i][0], b = rows[i][1], c = rows[i][2];
        u[4 * i] = a;
        u[4 * i + 1] = (a + b + c) * half;
        u[4 * i + 2] = (a - b + c) * half;
        u[4 * i + 3] = c;
    }
}

// G g of one line of five: its values at 0, 1, -1, 2, -2, 1/2, -1/2 and infinity, scaled.
template <class T>
void turn_line_filter(const T* g, bool flipped, T* u) {
    double w[5];
    for (int j = 0; j < 5; ++j) w[j] = static_cast<double>(g[flipped ? 4 - j : j]);
    const auto at = [&](double a) { return w[0] + a * (w[1] + a * (w[2] + a * (w[3] + a * w[4]))); };
    const double value[8] = {w[0],           -2.0 / 9 * at(1),    -2.0 / 9 * at(-1),
                             at(2) / 90,     at(-2) / 90,         32.0 / 45 * at(0.5),
                             32.0 / 45 * at(-0.5), w[4]};
    for (int p = 0; p < 8; ++p) u[p] = static_cast<T>(value[p]);
}

}  // namespace

// For windows of this shape over `channels`, with so many columns of results, `width` to a line.
template <class T>
auto Program<T>::way_of(const ConvShape& s, i64 channels, i64 columns, i64 width) const -> Way {
    if (s.stride[0] != 1 || s.stride[1] != 1 || s.dilation[1] != 1 || columns < kLeast)
        return Way::tiles;
    if (s.size[0] == 3 && s.size[1] == 3 && s.dilation[0] == 1 && s.pad[0] <= 2 && s.pad[1] <= 2 &&
        channels >= kLeast && channels % math_.lanes == 0)
        return Way::squares;
    const bool few = static_cast<std::size_t>(math_.lanes) * sizeof(T) == kLine && channels < kLeastChannels;
    const double strips = static_cast<double>(round_up(width, kStrip));
    if (!few && s.size[1] == 5 && s.pad[1] <= 4 && s.pad[0] <= (s.size[0] - 1) * s.dilation[0] &&
        strips <= kMostWaste * static_cast<double>(width))
        return Way::lines;
    return Way::tiles;
}

// Planes of W as it is kept for a way, and the numbers of one.
template <class T>
i64 Program<T>::planes_of(Way way) {
    return way == Way::squares ? 16 : way == Way::lines ? 8 : 1;
}

template <class T>
i64 Program<T>::plane_of(Way way, const Packing& packing, i64 lines, i64 channels,
                         i64 columns) const {
    if (way == Way::tiles) return packing.size;
    return (way == Way::lines ? lines : 1) * channels * round_up(columns, math_.lanes);
}

// The filters' part of all planes. Backward the filters are the depth, and W is flipped.
template <class T>
void Program<T>::pack_turned(const Filters& filters, bool back) {
    Conv& c = convs_[static_cast<std::size_t>(filters.conv)];
    const ConvShape& s = c.shape;
    const Way way = back ? c.back_way : c.way;
    const bool lines = way == Way::lines;
    const i64 plane = back ? c.back_plane : c.plane, high = lines ? s.size[0] : 1;
    const i64 area = s.size[0] * s.size[1], channels = back ? s.filters : s.channels;
    const i64 columns = back ? s.channels : s.filters, planes = planes_of(way);
    T* const panels = (back ? c.back_panels : c.panels).get();
    for (i64 f = filters.first; f < filters.end; ++f) {
        for (i64 channel = 0; channel < s.channels; ++channel) {
            const T* const g = buffers_.params + c.weights + (f * s.channels + channel) * area;
            for (i64 i = 0; i < high; ++i) {
                T u[16];
                if (lines) turn_line_filter(g + (back ? high - 1 - i : i) * s.size[1], back, u);
                else turn_square_filter(g, back, u);
                const i64 k = i * channels + (back ? f : channel);
                T* const to = panels + packed_at(k, back ? channel : f, high * channels, columns,
                                                 math_.lanes, math_.panel);
                for (i64 p = 0; p < planes; ++p) to[p * plane] = u[p];
            }
        }
    }
}

template <class T>
void Program<T>::correlate_turned(const Conv& c, const Correlate& op, const Sample& sample, i64 line,
                                  i64 height) {
    const ConvShape& s = c.shape;
    Plane<const T> x = to_read(plane(c.x, sample));
    x.data -= s.pad[0] * x.line + s.pad[1] * x.pixel;
    const T* const bias = bias_of(c, op);
    const T* const scale = scale_of(op.norm);
    Plane<T> out = plane(op.out, sample);
    const Plane<const T> none{nullptr, 0, 0};
    x.data += line * x.line;
    out.data += line * out.line;
    if (c.way == Way::squares) {
        math_.images.winograd({x, c.panels.get(), bias, scale, out, none, s.channels, s.filters,
                               height, s.out_width, op.act,
                               scratch<T>(math_.images.winograd_scratch(s.channels, s.filters))});
    } else {
        by_lines({x, c.panels.get(), bias, scale, out, none, s.size[0], s.dilation[0], s.channels,
                  s.filters, height, s.out_width, op.act, nullptr});
    }
}

// dx is a convolution of dy, as much wider as x was padded less.
template <class T>
void Program<T>::correlate_turned_back(const Conv& c, const CorrelateBack& op,
                                       const Sample& sample) {
    const ConvShape& s = c.shape;
    Plane<const T> dy = to_read(plane(op.dout, sample));
    dy.data -= ((s.size[0] - 1) * s.dilation[0] - s.pad[0]) * dy.line +
               (s.size[1] - 1 - s.pad[1]) * dy.pixel;
    const Plane<T> dx = plane(op.dx, sample);
    const Plane<const T> y = to_read(plane(op.output, sample));
    const Activation act = op.output >= 0 ? op.act : Activation::none;
    if (c.back_way == Way::squares) {
        math_.images.winograd({dy, c.back_panels.get(), nullptr, nullptr, dx, y, s.filters,
                               s.channels, s.height, s.width, act,
                               scratch<T>(math_.images.winograd_scratch(s.filters, s.channels))});
    } else {
        by_lines({dy, c.back_panels.get(), nullptr, nullptr, dx, y, s.size[0], s.dilation[0],
                  s.filters, s.channels, s.height, s.width, act, nullptr});
    }
}

template <class T>
void Program<T>::by_lines(LineWinograd<T> op) {
    op.scratch = scratch<T>(math_.images.line_winograd_scratch(op));
    math_.images.line_winograd(op);
}

#define ZK_WINOGRAD(T)                                                                             \
    template auto Program<T>::way_of(const ConvShape&, i64, i64, i64) const -> Way;                \
    template i64 Program<T>::planes_of(Way);                                                       \
    template i64 Program<T>::plane_of(Way, const Packing&, i64, i64, i64) const;                   \
    template void Program<T>::pack_turned(const Filters&, bool);                                   \
    template void Program<T>::correlate_turned(const Conv&, const Correlate&, const Sample&, i64, i64); \
    template void Program<T>::correlate_turned_back(const Conv&, const CorrelateBack&, const Sample&);

ZK_WINOGRAD(float)
ZK_WINOGRAD(double)

}  // namespace zk
