// Convolutions of which only the greatest of each 2x2 goes on, against plain loops; and the gradient of W
// behind them, against loops that multiply all four places. Part of check_images.hpp, which includes it.

// `scaled`: each column is multiplied before b is added. `special` stands somewhere in x.
template <class T>
void check_correlate_pooled(const Math<T>& math, i64 c, i64 f, i64 ph, i64 pw, i64 size, i64 stride, bool relu,
                            bool scaled, T special) {
    const std::string what = geometry("pooled correlation", c, f, ph, pw, size, stride, relu) + " " +
                             std::to_string(special) + (scaled ? " scaled" : "");
    Picture<T> x(c, (2 * ph - 1) * stride + size, (2 * pw - 1) * stride + size, 0, math.lanes);
    Picture<T> out(f, ph, pw, 1, math.lanes), winner(f, ph, pw, 0, math.lanes);
    if (special != T(0)) x.at(x.height / 2, x.width / 2, c / 2) = special;
    const i64 depth = size * size * c, wide = up(f, math.panel);
    std::vector<double> weights(static_cast<std::size_t>(depth * f));
    for (double& each : weights) each = static_cast<double>(static_cast<T>(random_number()));
    std::vector<T> bias(static_cast<std::size_t>(wide), T(0)), scale(static_cast<std::size_t>(wide), T(1));
    for (i64 j = 0; j < f; ++j) bias[static_cast<std::size_t>(j)] = static_cast<T>(random_number());
    if (scaled)
        for (i64 j = 0; j < f; ++j) scale[static_cast<std::size_t>(j)] = static_cast<T>(random_number());
    const std::vector<T> panels = in_panels(weights, depth, f, math);
    const std::vector<Tap> taps = taps_of(x, size);
    PooledCorrelation<T> op{x.data.data(), stride * x.line, stride * x.pixel, panels.data(), bias.data(),
                            scaled ? scale.data() : nullptr, out.plane(), {nullptr, 0, 0}, taps.data(),
                            static_cast<i64>(taps.size()), depth, f, ph, pw,
                            relu ? Activation::relu : Activation::none, nullptr};
    math.images.correlate_pooled(op);
    const std::vector<T> without(out.data.begin(), out.data.end());
    std::vector<T> row(static_cast<std::size_t>(f * ph * pw));
    op.winner = winner.plane();
    op.row = row.data();  // asked for, and not touched
    math.images.correlate_pooled(op);
    expect(std::memcmp(without.data(), out.data.data(), without.size() * sizeof(T)) == 0,
           what + ": other numbers where the winner is asked for");
    expect(row == std::vector<T>(row.size()), what + ": the row that comes next");
    expect(out.border_is_zero(), what + ": the border");
    const double tolerance = kEps<T> * static_cast<double>(depth + 8) * 2;
    for (i64 at = 0; at < ph * pw; ++at) for (i64 j = 0; j < f; ++j) {
        double four[4], most = -INFINITY;
        for (i64 place = 0; place < 4; ++place) {
            double total = 0;
            for (i64 k = 0; k < depth; ++k)
                total += double(x.at((2 * (at / pw) + place / 2) * stride + k / c / size,
                                     (2 * (at % pw) + place % 2) * stride + k / c % size, k % c)) *
                         weights[static_cast<std::size_t>(k * f + j)];
            total = total * double(scale[static_cast<std::size_t>(j)]) + double(bias[static_cast<std::size_t>(j)]);
            four[place] = relu ? activated(Activation::relu, total) : total;
            if (std::isnan(four[place]) || (!std::isnan(most) && four[place] > most)) most = four[place];
        }
        const double got = double(out.at(at / pw, at % pw, j)), won = double(winner.at(at / pw, at % pw, j));
        close(got, most, tolerance, what);
        const bool known = won == 0 || won == 1 || won == 2 || won == 3;
        expect(known, what + ": the winner");
        if (known) close(four[static_cast<int>(won)], most, tolerance, what + ": the winner's number");
    }
}

// Of equal numbers the first counts.
template <class T>
void check_equal_results(const Math<T>& math) {
    Picture<T> x(1, 6, 10, 0, math.lanes), out(3, 2, 4, 0, math.lanes), winner(3, 2, 4, 0, math.lanes);
    std::fill(x.data.begin(), x.data.end(), T(0.5));
    const std::vector<double> weights(12, 0.25);
    const std::vector<T> bias(static_cast<std::size_t>(up(3, math.panel)), T(1));
    const std::vector<T> panels = in_panels(weights, 4, 3, math);
    const std::vector<Tap> taps{{0, 1}, {x.pixel, 1}, {x.line, 1}, {x.line + x.pixel, 1}};
    math.images.correlate_pooled({x.data.data(), x.line, x.pixel, panels.data(), bias.data(), nullptr, out.plane(),
                                  winner.plane(), taps.data(), 4, 4, 3, 2, 4, Activation::none, nullptr});
    for (i64 at = 0; at < 8 * 3; ++at)
        expect(winner.at(at / 12, at / 3 % 4, at % 3) == T(0) && out.at(at / 12, at / 3 % 4, at % 3) == T(1.5),
               "the first of equal results");
}

template <class T>
void check_pooled_gradient(const Math<T>& math, i64 c, i64 f, i64 ph, i64 pw, i64 size, i64 stride, Activation act,
                           T special) {
    const std::string what = geometry("pooled gradient", c, f, ph, pw, size, stride, static_cast<i64>(act)) +
                             " " + std::to_string(special);
    Picture<T> x(c, (2 * ph - 1) * stride + size, (2 * pw - 1) * stride + size, 0, math.lanes);
    Picture<T> dy(f, ph, pw, 1, math.lanes), winner(f, ph, pw, 0, math.lanes), y(f, ph, pw, 2, math.lanes);
    for (T& one : winner.data) one = static_cast<T>(one_to(4) - 1);
    if (special != T(0)) x.at(x.height / 2, x.width / 2, c / 2) = special;
    const std::vector<Tap> taps = taps_of(x, size);
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
    check_equal_results(math);
    for (int n = 0; n < 30; ++n) {
        const T special = n % 5 == 3 ? infinity : n % 5 == 4 ? std::numeric_limits<T>::quiet_NaN() : T(0);
        check_pooled_gradient(math, n % 2 == 0 ? 1 : one_to(20), one_to(40), one_to(7), one_to(7), one_to(5), one_to(3),
                              kActivations[n % 4], special);
        check_correlate_pooled(math, n % 2 == 0 ? 1 : one_to(20), one_to(40), one_to(7), one_to(15), one_to(5),
                               one_to(3), n % 4 < 2, n % 3 == 0, special);
    }
}
