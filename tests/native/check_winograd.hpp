// Winograd's convolutions against plain loops. Part of check_images.hpp, which includes it.

// One more plane of a turned W, depth x f.
template <class T>
void add_plane(std::vector<T>& panels, const std::vector<double>& w, i64 depth, i64 f,
               const Math<T>& math) {
    std::vector<T> plane = in_panels(w, depth, f, math);
    plane.resize(static_cast<std::size_t>(depth * up(f, math.lanes)));
    panels.insert(panels.end(), plane.begin(), plane.end());
}

// Runs `op` forward, with a bias of 1/4, and as a gradient on its way back; sum(oy, ox, j) is what its
// windows come to.
template <class T, class Op, class Sum>
void check_results(const Math<T>& math, Op op, void (*run)(const Op&), double tolerance,
                   const std::string& what, Sum&& sum) {
    const i64 f = op.columns, oh = op.out_height, ow = op.out_width;
    Picture<T> y(f, oh, ow, 1, math.lanes), out(f, oh, ow, 1, math.lanes), turned(f, oh, ow, 1, math.lanes);
    const std::vector<T> bias(static_cast<std::size_t>(up(f, math.panel)), T(0.25));
    op.bias = bias.data();
    op.out = y.plane();
    run(op);
    op.bias = nullptr;
    op.out = turned.plane();
    op.y = out.read();
    run(op);
    for (i64 oy = 0; oy < oh; ++oy)
        for (i64 ox = 0; ox < ow; ++ox)
            for (i64 j = 0; j < f; ++j) {
                const double total = sum(oy, ox, j);
                close(double(y.at(oy, ox, j)), activated(op.act, total + 0.25), tolerance, what);
                close(double(turned.at(oy, ox, j)),
                      total * slope(op.act, double(out.at(oy, ox, j))), tolerance, what + " back");
            }
    expect(y.border_is_zero(), what + ": the border");
}

template <class T>
void check_winograd(const Math<T>& math, i64 c, i64 f, i64 oh, i64 ow, Activation act) {
    const std::string what = geometry("winograd", c, f, oh, ow, 3, 1, 0);
    Picture<T> x(c, oh + 2, ow + 2, 0, math.lanes);
    std::vector<double> w(static_cast<std::size_t>(9 * c * f)), flat(static_cast<std::size_t>(c * f));
    for (double& each : w) each = random_number();
    const double g[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
    std::vector<T> panels;
    for (int k = 0; k < 16; ++k) {
        for (i64 i = 0; i < c * f; ++i) {
            double u = 0;
            for (int a = 0; a < 9; ++a)
                u += g[k / 4][a / 3] * g[k % 4][a % 3] * w[static_cast<std::size_t>(a * c * f + i)];
            flat[static_cast<std::size_t>(i)] = u;
        }
        add_plane(panels, flat, c, f, math);
    }
    std::vector<T> scratch(static_cast<std::size_t>(math.images.winograd_scratch(c, f)));
    const Winograd<T> op{x.read(), panels.data(), nullptr, nullptr, {nullptr, 0, 0}, {nullptr, 0, 0}, c, f,
                         oh, ow, act, scratch.data()};
    const double tolerance = kEps<T> * static_cast<double>(9 * c + 8) * 8;
    check_results(math, op, math.images.winograd, tolerance, what, [&](i64 oy, i64 ox, i64 j) {
        double total = 0;
        for (i64 a = 0; a < 9; ++a)
            for (i64 ch = 0; ch < c; ++ch)
                total += x.get(oy + a / 3, ox + a % 3, ch) *
                         w[static_cast<std::size_t>((a * c + ch) * f + j)];
        return total;
    });
}

template <class T>
void check_line_winograd(const Math<T>& math, i64 c, i64 f, i64 oh, i64 ow, i64 lines, i64 down,
                         Activation act) {
    const std::string what = geometry("line winograd", c, f, oh, ow, lines, down, 0);
    Picture<T> x(c, oh + (lines - 1) * down, ow + 4, 0, math.lanes);
    const i64 depth = lines * c;
    std::vector<double> w(static_cast<std::size_t>(5 * depth * f)), flat(static_cast<std::size_t>(depth * f));
    for (double& each : w) each = random_number();
    const double point[8] = {0, 1, -1, 2, -2, 0.5, -0.5, 0};
    const double size[8] = {1, -2.0 / 9, -2.0 / 9, 1.0 / 90, 1.0 / 90, 32.0 / 45, 32.0 / 45, 1};
    std::vector<T> panels;
    for (int p = 0; p < 8; ++p) {
        for (i64 k = 0; k < depth * f; ++k) {
            double u = 0;
            for (i64 j = 0; j < 5; ++j)
                u += w[static_cast<std::size_t>(j * depth * f + k)] *
                     (p == 7 ? double(j == 4) : size[p] * std::pow(point[p], double(j)));
            flat[static_cast<std::size_t>(k)] = u;
        }
        add_plane(panels, flat, depth, f, math);
    }
    LineWinograd<T> op{x.read(), panels.data(), nullptr, nullptr, {nullptr, 0, 0}, {nullptr, 0, 0}, lines,
                       down, c, f, oh, ow, act, nullptr};
    std::vector<T> scratch(static_cast<std::size_t>(math.images.line_winograd_scratch(op)));
    op.scratch = scratch.data();
    const double tolerance = kEps<T> * static_cast<double>(5 * depth + 8) * 24;
    check_results(math, op, math.images.line_winograd, tolerance, what, [&](i64 oy, i64 ox, i64 j) {
        double total = 0;
        for (i64 a = 0; a < 5; ++a)
            for (i64 k = 0; k < depth; ++k)
                total += x.get(oy + k / c * down, ox + a, k % c) *
                         w[static_cast<std::size_t>((a * depth + k) * f + j)];
        return total;
    });
}
