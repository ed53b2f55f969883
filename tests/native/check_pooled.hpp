// The gradient of W behind the greatest of each 2x2, against plain loops that multiply all four places.
// Part of check_images.hpp, which includes it.

template <class T>
void check_pooled_gradient(const Math<T>& math, i64 c, i64 f, i64 ph, i64 pw, i64 size, i64 stride, Activation act,
                           T special) {
    const std::string what = geometry("pooled gradient", c, f, ph, pw, size, stride, static_cast<i64>(act)) +
                             " " + std::to_string(special);
    Picture<T> x(c, (2 * ph - 1) * stride + size, (2 * pw - 1) * stride + size, 0, math.lanes);
    Picture<T> dy(f, ph, pw, 1, math.lanes), winner(f, ph, pw, 0, math.lanes), y(f, ph, pw, 2, math.lanes);
    for (T& one : winner.data) one = static_cast<T>(one_to(4) - 1);
    if (special != T(0)) x.at(x.height / 2, x.width / 2, c / 2) = special;
    std::vector<Tap> taps;
    for (i64 i = 0; i < size; ++i)
        for (i64 k = 0; k < size; ++k) taps.push_back({i * x.line + k * x.pixel, c});
    const i64 depth = size * size * c, wide = up(f, math.panel);
    std::vector<T> sums(static_cast<std::size_t>(depth * wide), T(9)), bias_sums(static_cast<std::size_t>(wide), T(9));
    PooledGradient<T> op{x.data.data(), stride * x.line, stride * x.pixel, dy.read(), winner.read(), y.read(), act,
                         taps.data(), static_cast<i64>(taps.size()), depth, f, ph, pw, sums.data(),
                         bias_sums.data(), true, nullptr};
    if (act == Activation::none) op.y = {nullptr, 0, 0};
    std::vector<T> scratch(static_cast<std::size_t>(math.images.pooled_gradient_scratch(op)));
    op.scratch = scratch.data();
    math.images.pooled_gradient(op);
    op.first = false;  // a second sample, the same, behind the first
    math.images.pooled_gradient(op);
    const double tolerance = kEps<T> * static_cast<double>(ph * pw + 8) * 8;
    for (i64 j = 0; j < f; ++j) {
        const auto slope_of = [&](i64 oy, i64 ox) { return slope(act, double(y.at(oy, ox, j))); };
        double bias = 0;
        for (i64 at = 0; at < ph * pw; ++at) bias += double(dy.at(at / pw, at % pw, j)) * slope_of(at / pw, at % pw);
        close(double(bias_sums[static_cast<std::size_t>(j)]), 2 * bias, tolerance, what + " db");
        const i64 panel = j / math.panel * math.panel;
        const i64 width = f - panel <= math.lanes ? math.lanes : math.panel;
        for (i64 k = 0; k < depth; ++k) {
            const i64 row = k / c / size, column = k / c % size, ch = k % c;
            double total = 0;
            for (i64 at = 0; at < 4 * ph * pw; ++at) {
                const i64 oy = at / 4 / pw, ox = at / 4 % pw, place = at % 4;
                const bool won = double(winner.at(oy, ox, j)) == double(place);
                const double d = won ? double(dy.at(oy, ox, j)) * slope_of(oy, ox) : 0;
                total += d * double(x.at((2 * oy + place / 2) * stride + row, (2 * ox + place % 2) * stride + column, ch));
            }
            close(double(sums[static_cast<std::size_t>(panel * depth + k * width + j - panel)]), 2 * total, tolerance,
                  what + " dW");
        }
    }
}

template <class T>
void check_pooled(const Math<T>& math) {
    const T infinity = std::numeric_limits<T>::infinity();
    for (int n = 0; n < 30; ++n) {
        const T special = n % 5 == 3 ? infinity : n % 5 == 4 ? std::numeric_limits<T>::quiet_NaN() : T(0);
        check_pooled_gradient(math, n % 2 == 0 ? 1 : one_to(20), one_to(40), one_to(7), one_to(7), one_to(5), one_to(3),
                              kActivations[n % 4], special);
    }
}
