// Kernels on images against plain loops. Part of check_kernels.cpp, which includes it.

// A sample as it lies in an arena: NHWC, pixels padded to whole vectors, a border of zeros.
template <class T>
struct Picture {
    i64 channels, height, width, border, pixel, line;
    std::vector<T> data;
    Picture(i64 c, i64 h, i64 w, i64 around, i64 lanes)
        : channels(c), height(h), width(w), border(around), pixel(up(c, lanes)),
          line((w + 2 * around) * pixel),
          data(static_cast<std::size_t>((h + 2 * around) * line)) {
        for (i64 y = 0; y < h; ++y)
            for (i64 x = 0; x < w; ++x)
                for (i64 k = 0; k < c; ++k) at(y, x, k) = static_cast<T>(random_number());
    }
    i64 origin() const { return border * (line + pixel); }
    T& at(i64 y, i64 x, i64 c) {
        return data[static_cast<std::size_t>(origin() + y * line + x * pixel + c)];
    }
    // 0 outside, as padding is.
    double get(i64 y, i64 x, i64 c) {
        const bool inside = y >= 0 && x >= 0 && y < height && x < width;
        return inside ? static_cast<double>(at(y, x, c)) : 0.0;
    }
    Plane<T> plane() { return {data.data() + origin(), line, pixel}; }
    Plane<const T> read() { return to_read(plane()); }
    // Kernels write the image alone.
    bool border_is_zero() {
        for (i64 y = -border; y < height + border; ++y)
            for (i64 x = -border; x < width + border; ++x)
                if (y < 0 || x < 0 || y >= height || x >= width)
                    for (i64 c = 0; c < pixel; ++c)
                        if (at(y, x, c) != T(0)) return false;
        return true;
    }
};

// What a window of `size` x `size` sees of it.
template <class T>
std::vector<Tap> taps_of(const Picture<T>& x, i64 size) {
    std::vector<Tap> taps;
    for (i64 i = 0; i < size; ++i)
        for (i64 j = 0; j < size; ++j) taps.push_back({i * x.line + j * x.pixel, x.channels});
    return taps;
}

// W[k][c] in panels, by the rule that images.hpp states.
template <class T>
std::vector<T> in_panels(const std::vector<double>& w, i64 depth, i64 columns, const Math<T>& math) {
    std::vector<T> panels(static_cast<std::size_t>(depth * up(columns, math.panel)), T(0));
    for (i64 c = 0; c < columns; ++c) {
        const i64 first = c / math.panel * math.panel;
        const i64 width = columns - first <= math.lanes ? math.lanes : math.panel;
        for (i64 k = 0; k < depth; ++k)
            panels[static_cast<std::size_t>(first * depth + k * width + c - first)] =
                static_cast<T>(w[static_cast<std::size_t>(k * columns + c)]);
    }
    return panels;
}

std::string geometry(const char* kernel, i64 c, i64 f, i64 h, i64 w, i64 size, i64 stride, i64 pad) {
    std::string text = kernel;
    for (const i64 n : {c, f, h, w, size, stride, pad}) text += " " + std::to_string(n);
    return text;
}

template <class T>
void check_correlate(const Math<T>& math, i64 c, i64 f, i64 h, i64 w, i64 size, i64 stride, i64 pad,
                     Activation act) {
    const i64 oh = (h + 2 * pad - size) / stride + 1, ow = (w + 2 * pad - size) / stride + 1;
    if (h + 2 * pad < size || w + 2 * pad < size) return;
    const std::string what = geometry("correlate", c, f, h, w, size, stride, pad);
    Picture<T> x(c, h, w, pad, math.lanes), y(f, oh, ow, 1, math.lanes);
    const i64 depth = size * size * c;
    std::vector<double> weights(static_cast<std::size_t>(depth * f));
    for (double& each : weights) each = static_cast<double>(static_cast<T>(random_number()));
    std::vector<T> bias(static_cast<std::size_t>(up(f, math.panel)), T(0));
    for (i64 j = 0; j < f; ++j) bias[static_cast<std::size_t>(j)] = static_cast<T>(random_number());
    const std::vector<T> panels = in_panels(weights, depth, f, math);
    std::vector<Place> places;
    std::vector<Run> runs;
    for (i64 oy = 0; oy < oh; ++oy) {
        const auto from = [&](i64 ox) {
            return static_cast<std::int32_t>(oy * stride * x.line + ox * stride * x.pixel);
        };
        const auto to = [&](i64 ox) {
            return static_cast<std::int32_t>(y.origin() + oy * y.line + ox * y.pixel);
        };
        for (i64 ox = 0; ox < ow; ++ox) places.push_back({from(ox), to(ox), to(ox)});
        runs.push_back({from(0), to(0), static_cast<std::int32_t>(ow)});
    }
    const std::vector<Tap> taps = taps_of(x, size);
    const i64 count = static_cast<i64>(places.size()), many = static_cast<i64>(taps.size());
    const Correlation<T> op{x.data.data(), panels.data(), bias.data(), nullptr, y.data.data(), nullptr,
                            places.data(), count, taps.data(), many, depth, f, act};
    math.images.correlate(op);
    const double tolerance = kEps<T> * static_cast<double>(depth + 8) * 2;
    const auto sum = [&](i64 oy, i64 ox, i64 j) {
        double total = 0;
        for (i64 i = 0; i < size; ++i)
            for (i64 k = 0; k < size; ++k)
                for (i64 ch = 0; ch < c; ++ch)
                    total += x.get(oy * stride + i - pad, ox * stride + k - pad, ch) *
                             weights[static_cast<std::size_t>(((i * size + k) * c + ch) * f + j)];
        return total;
    };
    for (i64 oy = 0; oy < oh; ++oy)
        for (i64 ox = 0; ox < ow; ++ox)
            for (i64 j = 0; j < f; ++j)
                close(double(y.at(oy, ox, j)),
                      activated(act, sum(oy, ox, j) + double(bias[static_cast<std::size_t>(j)])),
                      tolerance, what);
    expect(y.border_is_zero(), what + ": the border");

    // The same sums as a gradient that an activation's is applied to.
    Picture<T> out(f, oh, ow, 1, math.lanes), turned(f, oh, ow, 1, math.lanes);
    Correlation<T> back = op;
    back.bias = nullptr;
    back.out = turned.data.data();
    back.y = out.data.data();
    math.images.correlate(back);
    for (i64 oy = 0; oy < oh; ++oy)
        for (i64 ox = 0; ox < ow; ++ox)
            for (i64 j = 0; j < f; ++j)
                close(double(turned.at(oy, ox, j)),
                      sum(oy, ox, j) * slope(act, double(out.at(oy, ox, j))), tolerance, what);

    // Gradients of W and b, in two parts that follow each other.
    Picture<T> dy(f, oh, ow, 1, math.lanes);
    std::vector<T> sums(static_cast<std::size_t>(depth * up(f, math.panel)), T(9));
    std::vector<T> bias_sums(static_cast<std::size_t>(up(f, math.panel)), T(9));
    FilterGradient<T> gradient{x.data.data(), dy.data.data(), runs.data(), oh, 2, stride * x.pixel,
                               dy.pixel, taps.data(), many, depth, f, sums.data(), bias_sums.data(),
                               true};
    math.images.filter_gradient(gradient);
    gradient.first = false;
    math.images.filter_gradient(gradient);
    const double wide = kEps<T> * static_cast<double>(oh * ow + 8) * 4;
    for (i64 j = 0; j < f; ++j) {
        double total = 0;
        for (i64 oy = 0; oy < oh; ++oy)
            for (i64 ox = 0; ox < ow; ++ox) total += dy.get(oy, ox, j);
        close(double(bias_sums[static_cast<std::size_t>(j)]), 2 * total, wide, what + ": db");
        const i64 first = j / math.panel * math.panel;
        const i64 width = f - first <= math.lanes ? math.lanes : math.panel;
        for (i64 k = 0; k < depth; ++k) {
            double dw = 0;
            for (i64 oy = 0; oy < oh; ++oy)
                for (i64 ox = 0; ox < ow; ++ox)
                    dw += dy.get(oy, ox, j) * x.get(oy * stride + k / c / size - pad,
                                                    ox * stride + k / c % size - pad, k % c);
            close(double(sums[static_cast<std::size_t>(first * depth + k * width + j - first)]),
                  2 * dw, wide, what + ": dW");
        }
    }
}

#include "check_winograd.hpp"

template <class T>
void check_pool(const Math<T>& math, i64 c, i64 h, i64 w, i64 size, i64 stride, i64 pad, bool most) {
    if (h + 2 * pad < size || w + 2 * pad < size || pad >= size) return;
    const i64 oh = (h + 2 * pad - size) / stride + 1, ow = (w + 2 * pad - size) / stride + 1;
    const std::string what = geometry("pool", c, most, h, w, size, stride, pad);
    const PoolShape shape{c, h, w, oh, ow, {size, size}, {stride, stride}, {pad, pad}, most};
    Picture<T> x(c, h, w, 0, math.lanes), y(c, oh, ow, 1, math.lanes), won(c, oh, ow, 0, math.lanes);
    Picture<T> dy(c, oh, ow, 0, math.lanes), dx(c, h, w, 1, math.lanes), out(c, h, w, 0, math.lanes);
    for (T& each : x.data) each = std::round(each * 4) / 4;  // ties
    const Activation act = Activation::tanh, none = Activation::none;
    math.images.pool(shape, {x.read(), y.plane(), won.plane(), {nullptr, 0, 0}, none});
    // The greatest of a window tells the activation's output by itself.
    math.images.pool_back(shape, {dy.read(), dx.plane(), won.plane(), most ? y.read() : out.read(), act});
    std::vector<double> want(static_cast<std::size_t>(h * w * c));
    for (i64 oy = 0; oy < oh; ++oy)
        for (i64 ox = 0; ox < ow; ++ox)
            for (i64 k = 0; k < c; ++k) {
                double best = -std::numeric_limits<double>::infinity(), total = 0;
                i64 at = -1;
                for (i64 e = 0; e < size * size; ++e) {
                    const i64 row = oy * stride + e / size - pad, column = ox * stride + e % size - pad;
                    if (row < 0 || column < 0 || row >= h || column >= w) continue;
                    const double value = x.get(row, column, k), area = double(size * size);
                    total += value / area;
                    if (at < 0 || value > best) { best = value; at = (row * w + column) * c + k; }
                    if (!most)
                        want[static_cast<std::size_t>((row * w + column) * c + k)] +=
                            dy.get(oy, ox, k) / area;
                }
                if (most) want[static_cast<std::size_t>(at)] += dy.get(oy, ox, k) * slope(act, best);
                close(double(y.at(oy, ox, k)), most ? best : total, 40 * kEps<T>, what);
            }
    for (i64 i = 0; i < h * w * c; ++i) {
        const i64 row = i / c / w, column = i / c % w, k = i % c;
        const double by = most ? 1 : slope(act, out.get(row, column, k));
        close(double(dx.at(row, column, k)), want[static_cast<std::size_t>(i)] * by, 80 * kEps<T>,
              what + " back");
    }
    expect(y.border_is_zero() && dx.border_is_zero(), what + ": the border");
}

template <class T>
void check_layout(const Math<T>& math, i64 c, i64 h, i64 w, i64 border) {
    Dense<T> rows(c * h * w), again(c * h * w);
    Picture<T> image(c, h, w, border, math.lanes);
    math.images.to_image(rows.data.data(), c, h, w, image.plane());
    math.images.from_image(image.read(), c, h, w, again.data.data());
    bool right = true;
    for (i64 i = 0; i < c * h * w; ++i)
        right &= image.at(i / w % h, i % w, i / w / h) == rows.at(i) && again.at(i) == rows.at(i);
    expect(right && again.fenced() && image.border_is_zero(), geometry("layout", c, 0, h, w, 0, 0, border));
}

#include "check_pooled.hpp"

template <class T>
void check_images(const Math<T>& math) {
    for (int n = 0; n < 60; ++n) {
        const i64 c = one_to(20), f = one_to(40), h = one_to(11), w = one_to(11);
        const i64 size = one_to(4), stride = one_to(5), pad = one_to(5) - 1;
        check_correlate(math, c, f, h, w, size, stride, pad, kActivations[n % 4]);
        check_winograd(math, math.lanes * one_to(4), f, h, w, kActivations[n % 4]);
        check_line_winograd(math, n % 3 == 0 ? 1 : c, f, h, 2 * w, n % 2 == 0 ? 5 : size, one_to(2),
                            kActivations[n % 4]);
        check_pool(math, c, h, w, size, stride, pad, n % 2 == 0);
        check_layout(math, f, h, w, n % 3);
    }
    check_pooled(math);
    check_line_winograd(math, 40, 6, 9, 80, 5, 1, Activation::relu);  // more lines than a band
    check_correlate(math, 150, 3, 2, 2, 2, 1, 0, Activation::relu);  // deeper than a block
}
