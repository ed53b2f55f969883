// The second half of check_kernels.cpp, which includes it: losses, optimizers, drawing of rows.

template <class T>
void check_loss(const Math<T>& math, const Shape& s) {
    const i64 c = s.outputs, samples = s.rows + 3;
    Rows<T> scores(s.rows, c), gradient(s.rows, c);
    Dense<T> targets(samples * c);
    std::vector<i64> labels(static_cast<std::size_t>(samples)), index(static_cast<std::size_t>(s.rows));
    std::vector<double> losses(static_cast<std::size_t>(s.rows + 1));
    for (i64& label : labels) label = static_cast<i64>(generator()) % c;
    for (i64& i : index) i = static_cast<i64>(generator()) % samples;
    for (i64 i = 0; i < s.rows; ++i)
        for (i64 j = 0; j < c; ++j) scores.at(i, j) *= static_cast<T>(i % 2 == 0 ? 3 : 60);
    const T scale = T(0.25);
    for (const LossKind kind : {LossKind::softmax, LossKind::sigmoid, LossKind::identity})
        for (const bool labelled : {true, false}) for (const bool drawn : {true, false}) {
            if (labelled && kind != LossKind::softmax) continue;
            const LossRows<T> op{kind, &scores.at(0, 0), scores.row, &gradient.at(0, 0), gradient.row, c,
                                 labelled ? labels.data() : nullptr, &targets.at(0), c,
                                 drawn ? index.data() : nullptr, losses.data(), scale};
            const std::string what = name("loss", s, static_cast<int>(kind), labelled);
            expect(math.loss(op, 0, s.rows) == -1, what + " found a bad label");
            for (i64 i = 0; i < s.rows; ++i) {
                const i64 at = drawn ? index[static_cast<std::size_t>(i)] : i;
                double most = -INFINITY, sum = 0, loss = 0, size = 1;
                for (i64 j = 0; j < c; ++j) most = std::fmax(most, double(scores.at(i, j)));
                for (i64 j = 0; j < c; ++j) sum += std::exp(double(scores.at(i, j)) - most);
                for (i64 j = 0; j < c; ++j) {
                    const double x = double(scores.at(i, j));
                    const double t = labelled ? double(labels[static_cast<std::size_t>(at)] == j)
                                              : double(targets.at(at * c + j));
                    double dx = x - t, term = 0.5 * dx * dx;
                    if (kind == LossKind::softmax) {
                        dx = std::exp(x - most) / sum - t;
                        term = t == 0 ? 0 : t * (std::log(sum) - (x - most));
                    } else if (kind == LossKind::sigmoid) {
                        dx = activated(Activation::sigmoid, x) - t;
                        term = std::fmax(x, 0) - x * t + std::log1p(std::exp(-std::fabs(x)));
                    }
                    loss += term, size += std::fabs(term) + std::fabs(x);
                    close(double(gradient.at(i, j)), dx * double(scale),
                          kEps<T> * double(c + 16) * (1 + std::fabs(dx)), what + " gradient");
                }
                close(losses[static_cast<std::size_t>(i)], loss, kEps<T> * 8 * size, what);
            }
            if (!labelled || drawn || s.rows == 0) continue;
            labels[0] = c;
            expect(math.loss(op, 0, s.rows) == 0, what + " missed a bad label");
            labels[0] = 0;
        }
}

template <class T>
void check_update(const Math<T>& math, i64 count) {
    for (int kind = 0; kind <= static_cast<int>(OptimizerKind::adam); ++kind) {
        Dense<T> p(count), g(count), first(count), second(count);
        for (i64 i = 0; i < count; ++i) {
            first.at(i) = std::fabs(first.at(i));
            second.at(i) = std::fabs(second.at(i));
        }
        Dense<T> p0 = p, g0 = g, first0 = first, second0 = second;
        const bool plain = count % 2 == 0;
        Update<T> u{static_cast<OptimizerKind>(kind), T(0.125), T(0.5), T(0.0625), T(0.75), T(0.5), T(0.75),
                    T(0.5), T(0.25), T(1.5), T(0.001)};
        if (plain) u.clip = T(1), u.decay = T(0), u.shrink = T(1);
        math.update(u, &p.at(0), &g.at(0), &first.at(0), &second.at(0), count);
        expect(g.data == g0.data && p.fenced() && first.fenced() && second.fenced(), "update beyond its end");
        for (i64 i = 0; i < count; ++i) {
            const double was = double(p0.at(i)), slope_now = double(g0.at(i)) * double(u.clip) + double(u.decay) * was;
            double m = double(first0.at(i)), v = double(second0.at(i)), want = was;
            switch (u.kind) {
                case OptimizerKind::sgd: want = was - 0.125 * slope_now; break;
                case OptimizerKind::momentum: m = 0.5 * m - 0.125 * slope_now; want = was + m; break;
                case OptimizerKind::nesterov:
                    m = 0.5 * m - 0.125 * slope_now;
                    want = was + 0.5 * m - 0.125 * slope_now;
                    break;
                case OptimizerKind::adagrad:
                    m += slope_now * slope_now;
                    want = was - 0.125 * slope_now / (std::sqrt(m) + double(u.eps));
                    break;
                case OptimizerKind::rmsprop:
                    m = 0.5 * m + 0.5 * slope_now * slope_now;
                    want = was - 0.125 * slope_now / (std::sqrt(m) + double(u.eps));
                    break;
                case OptimizerKind::adam:
                    m = 0.5 * m + 0.5 * slope_now;
                    v = 0.75 * v + 0.25 * slope_now * slope_now;
                    want = was * double(u.shrink) - 0.125 * m / (std::sqrt(v) * 1.5 + double(u.eps));
                    break;
            }
            const double tolerance = 16 * kEps<T> * (1 + std::fabs(want));
            const std::string what = "update " + std::to_string(kind);
            close(double(p.at(i)), want, tolerance, what);
            if (kind > 0) close(double(first.at(i)), m, tolerance, what + " first state");
            if (u.kind == OptimizerKind::adam)
                close(double(second.at(i)), v, tolerance, what + " second state");
        }
        double squares = 0;
        for (i64 i = 0; i < count; ++i) squares += double(g.at(i)) * double(g.at(i));
        close(math.sum_of_squares(&g.at(0), count), squares, 1e-12 * (1 + squares), "sum_of_squares");
    }
}

// Adam's quotient over all sizes of the second moment; and no number's bits hang on its neighbours.
template <class T>
void check_adam(const Math<T>& math) {
    const double sizes[] = {0,     1e-45, 1e-38, 3e-36, 1e-34, 2e-34, 1e-30, 1e-20, 1e-12, 1e-7,     0.3,
                            1,     7,     1e5,   1e20,  9e29,  1e30,  2e30,  1e37,  INFINITY, NAN};
    const i64 count = 21 * 5;
    for (const double eps : {1e-7, 1e-8, 1e-12, 0.0}) for (const double spread : {1.0, 31.6}) {
        Dense<T> p(count), g(count), first(count), second(count);
        for (i64 i = 0; i < count; ++i) {
            p.at(i) = g.at(i) = T(0);
            first.at(i) = static_cast<T>(random_number());
            second.at(i) = static_cast<T>(sizes[i * 8 % 21]);
        }
        const Dense<T> moments = second;
        const Update<T> u{OptimizerKind::adam, T(1), T(1), T(0), T(1), T(1), T(1), T(0), T(0),
                          static_cast<T>(spread), static_cast<T>(eps)};
        Dense<T> alone = p, first_alone = first, second_alone = second;
        math.update(u, &p.at(0), &g.at(0), &first.at(0), &second.at(0), count);
        for (i64 i = 0; i < count; ++i) {
            math.update(u, &alone.at(i), &g.at(i), &first_alone.at(i), &second_alone.at(i), 1);
            const double v = double(moments.data[static_cast<std::size_t>(i)]);
            const double want = -double(first.at(i)) / (std::sqrt(v) * double(u.spread) + double(u.eps));
            const std::string what = "Adam's quotient, v " + std::to_string(std::log10(v)) + " digits, eps " +
                                     std::to_string(eps * 1e9) + "e-9";
            const bool lost = std::fabs(want) > double(std::numeric_limits<T>::max());
            if (lost) continue;
            close(double(p.at(i)), want, 4 * kEps<T> * std::fabs(want), what);
        }
        expect(std::memcmp(&p.at(0), &alone.at(0), static_cast<std::size_t>(count) * sizeof(T)) == 0,
               "Adam: a number hangs on its neighbours");
    }
}

// 0 times infinity is NaN, in every column and by both ways: no shortcut may drop it.
template <class T>
void check_nonfinite(const Math<T>& math, i64 inputs, i64 outputs) {
    Rows<T> x(5, inputs), y(5, outputs);
    Dense<T> w(inputs * outputs), b(outputs);
    for (i64 i = 0; i < inputs * outputs; ++i) w.at(i) = T(0);
    x.at(4, 3) = static_cast<T>(INFINITY);
    std::vector<T> packed(static_cast<std::size_t>(inputs * up(outputs, math.panel)));
    math.pack_forward(&w.at(0), inputs, outputs, 0, inputs, 0, outputs, packed.data(), false);
    for (const Activation act : kActivations) for (const bool few : {false, true}) {
        const AffineForward<T> op{&x.at(0, 0), x.row, &w.at(0), packed.data(), &b.at(0), nullptr,
                                  &y.at(0, 0), y.row, inputs, outputs, act};
        math.affine(op, 0, 5, 0, outputs, few);
        for (i64 j = 0; j < outputs; ++j) {
            expect(std::isnan(y.at(4, j)), "a NaN of a product was lost");
            expect(std::isfinite(y.at(3, j)), "a NaN reached another row");
        }
    }
}

template <class S, class D>
void check_gather_of(Gather<S, D> gather, const char* what) {
    for (const i64 columns : {0, 1, 3, 16, 33, 64, 100}) {
        const i64 rows = 6, stride = columns + 5;
        std::vector<S> source(static_cast<std::size_t>(rows * stride));
        for (S& value : source) value = static_cast<S>(std::fabs(random_number()) * 250);
        const std::vector<i64> index{5, 0, 3, 3};
        for (const bool backwards : {false, true}) {
            Dense<D> out(4 * columns);
            const S* first = source.data() + (backwards ? (rows - 1) * stride : 0);
            const D scale = static_cast<D>(1.0 / 255);
            gather(first, backwards ? -stride : stride, columns, index.data(), 4, &out.at(0), scale);
            for (i64 r = 0; r < 4; ++r) for (i64 c = 0; c < columns; ++c) {
                const i64 row = backwards ? rows - 1 - index[static_cast<std::size_t>(r)]
                                          : index[static_cast<std::size_t>(r)];
                const D want = static_cast<D>(source[static_cast<std::size_t>(row * stride + c)]) * scale;
                expect(out.at(r * columns + c) == want, what);
            }
            expect(out.fenced(), std::string(what) + " beyond its end");
        }
    }
}

void check_gather(const Kernels& table) {
    check_gather_of<std::uint8_t, float>(table.gather_u8_f32, "gather_u8_f32");
    check_gather_of<std::uint8_t, double>(table.gather_u8_f64, "gather_u8_f64");
    check_gather_of<float, float>(table.gather_f32_f32, "gather_f32_f32");
    check_gather_of<float, double>(table.gather_f32_f64, "gather_f32_f64");
    check_gather_of<double, float>(table.gather_f64_f32, "gather_f64_f32");
    check_gather_of<double, double>(table.gather_f64_f64, "gather_f64_f64");
    const i64 index[] = {0, 9, 10, -1};
    expect(table.first_bad_index(index, 2, 10) == 2, "first_bad_index: all are good");
    expect(table.first_bad_index(index, 4, 10) == 2, "first_bad_index: too large");
    expect(table.first_bad_index(index + 3, 1, 10) == 0, "first_bad_index: negative");
}

template <class T>
void check_format(const Math<T>& math) {
    for (const Shape& s : shapes()) {
        check_affine(math, s);
        check_gradient(math, s);
        check_rows(math, s);
        check_loss(math, s);
    }
    for (const i64 count : {0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 100, 1000}) check_update(math, count);
    check_adam(math);
    check_nonfinite(math, 9, 21);
    check_nonfinite(math, 110, 50);
    check_nonfinite(math, 110, 26);
    check_zeros(math);
    check_images(math);
    check_normalize(math);
}
