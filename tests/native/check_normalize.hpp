// Batch normalization against plain loops: summed in parts, put together, and taken on part by part.
// Part of check_kernels.cpp, which includes it.

// Parts of h x w numbers each, and a last one of `last`; the numbers of a column lie one a row.
template <class T>
void check_normalize(const Math<T>& math, i64 columns, i64 parts, i64 h, i64 w, i64 last, Activation act) {
    const std::string what = geometry("normalize", columns, parts, h, w, last, static_cast<i64>(act), 0);
    const i64 each = h * w, count = (parts - 1) * each + last, width = up(columns, math.panel);
    Rows<T> x(count, columns), normal(count, columns), y(count, columns), dy(count, columns), dx(count, columns);
    for (i64 i = 0; i < count; ++i)
        for (i64 c = 0; c < columns; ++c) x.at(i, c) = static_cast<T>(x.at(i, c) * 2 + 3 + c % 5);
    Dense<T> gamma(columns), beta(columns), mean(width), scale(width), running_mean(columns), running(columns);
    Dense<T> sums(2 * width * parts), whole(2 * width);
    for (i64 c = 0; c < columns; ++c) running.at(c) = 1 + std::fabs(running.at(c));
    const Dense<T> mean0 = running_mean, running0 = running;
    const bool own = count > 1;
    const T eps = T(0.125), keep = T(0.75), take = T(0.25);
    const auto grid = [](Rows<T>& of, i64 first, i64 wide) {
        return Grid<T>{&of.at(first, 0), of.row, of.row * wide, of.row};
    };
    const auto reading = [&](Rows<T>& of, i64 first, i64 wide) {
        const Grid<T> g = grid(of, first, wide);
        return Grid<const T>{g.data, g.row, g.line, g.pixel};
    };
    // The last part as rows, the others as images.
    const auto in_parts = [&](auto&& f) {
        for (i64 p = 0; p + 1 < parts; ++p) f(p * each, w, Places{1, h, w}, &sums.at(p * 2 * width));
        f((parts - 1) * each, i64{1}, Places{last, 1, 1}, &sums.at((parts - 1) * 2 * width));
    };
    in_parts([&](i64 at, i64 wide, Places places, T* to) {
        math.images.column_sums({places, reading(x, at, wide), {nullptr, 0, 0, 0}, columns, to, to + width});
    });
    math.images.settle({&sums.at(0), parts, 2 * width, each, last, columns, &running_mean.at(0), &running.at(0),
                        &mean.at(0), &scale.at(0), keep, take, eps, own});
    in_parts([&](i64 at, i64 wide, Places places, T*) {
        math.images.normalize({places, reading(x, at, wide), grid(normal, at, wide), grid(y, at, wide), columns,
                               &mean.at(0), &scale.at(0), &gamma.at(0), &beta.at(0), act});
    });
    in_parts([&](i64 at, i64 wide, Places places, T* to) {
        math.images.column_sums({places, reading(dy, at, wide), reading(normal, at, wide), columns, to, to + width});
    });
    math.images.sum_parts(&sums.at(0), 2 * width, parts, 2 * width, &whole.at(0));
    in_parts([&](i64 at, i64 wide, Places places, T*) {
        math.images.normalize_back({places, reading(dy, at, wide), reading(normal, at, wide), grid(dx, at, wide),
                                    columns, &gamma.at(0), &scale.at(0), &whole.at(0), &whole.at(width),
                                    own ? T(1) / static_cast<T>(count) : T(0)});
    });
    const double n = static_cast<double>(count), near = kEps<T> * (n + 16) * 8;
    for (i64 c = 0; c < columns; ++c) {
        double middle = 0, variance = 0, sum = 0, across = 0;
        for (i64 i = 0; i < count; ++i) middle += double(x.at(i, c)) / n;
        for (i64 i = 0; i < count; ++i) variance += (x.at(i, c) - middle) * (x.at(i, c) - middle) / n;
        const double before = double(running_mean.at(c)), spread = double(running.at(c));
        const auto follows = [&](double old, double now) { return own ? 0.75 * old + 0.25 * now : old; };
        close(before, follows(double(mean0.data[static_cast<std::size_t>(c)]), middle), near * 8, what + " mean");
        close(spread, follows(double(running0.data[static_cast<std::size_t>(c)]), variance), near * 8,
              what + " variance");
        if (!own) middle = before, variance = spread;
        const double by = 1 / std::sqrt(variance + 0.125);
        for (i64 i = 0; i < count; ++i) {
            const double was = (x.at(i, c) - middle) * by;
            close(double(normal.at(i, c)), was, near * 8, what + " normal");
            close(double(y.at(i, c)), activated(act, was * gamma.at(c) + beta.at(c)), near * 16, what);
            sum += double(dy.at(i, c)), across += double(dy.at(i, c)) * was;
        }
        close(double(whole.at(c)), sum, near * 8, what + " dbeta");
        close(double(whole.at(width + c)), across, near * 8 * n, what + " dgamma");
        for (i64 i = 0; i < count; ++i) {
            const double was = (x.at(i, c) - middle) * by, moved = own ? (sum + was * across) / n : 0;
            close(double(dx.at(i, c)), (dy.at(i, c) - moved) * gamma.at(c) * by, near * 32, what + " back");
        }
    }
    expect(running_mean.fenced() && running.fenced() && sums.fenced() && whole.fenced(), what + ": the fence");
}

template <class T>
void check_normalize(const Math<T>& math) {
    for (int n = 0; n < 40; ++n) {
        const i64 h = one_to(4), w = one_to(5);
        check_normalize(math, one_to(90), one_to(9), h, w, one_to(h * w), kActivations[n % 4]);
    }
    check_normalize(math, 7, 1, 1, 1, 1, Activation::relu);  // a single number: the running values serve
}
