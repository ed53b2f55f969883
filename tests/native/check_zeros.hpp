// Part of check_kernels.cpp: products that leave zeros out have the bits of those that do not.
#pragma once

// Rows of which most is zero: margins as a picture has, and gaps between them.
template <class T>
void blank(Rows<T>& x) {
    for (i64 k = 0; k < x.columns; ++k) {
        const bool margin = k % 28 < 9 || k % 61 > 40;
        for (i64 i = 0; i < x.rows; ++i)
            if (margin || generator() % 4 == 0) x.at(i, k) = generator() % 8 == 0 ? -T(0) : T(0);
    }
}

// Where a number is put that is none: nowhere, in x, or in W where x is zero in every row.
enum class Spoilt { nothing, x, weights };

template <class T>
void check_listed_forward(const Math<T>& math, const Shape& s, Spoilt spoilt, double with) {
    Rows<T> x(s.rows, s.inputs);
    Dense<T> w(s.inputs * s.outputs), b(s.outputs);
    blank(x);
    if (spoilt == Spoilt::x && s.rows > 0 && s.inputs > 0) x.at(s.rows / 2, s.inputs / 2) = static_cast<T>(with);
    if (spoilt == Spoilt::weights && s.inputs > 0) {
        const i64 k = s.inputs > 28 ? 28 : 0;  // of a margin
        w.at(k * s.outputs + s.outputs / 2) = static_cast<T>(with);
    }
    std::vector<T> panels(static_cast<std::size_t>(s.inputs * up(s.outputs, math.panel) + 1));
    math.pack_forward(&w.at(0), s.inputs, s.outputs, 0, s.inputs, 0, s.outputs, panels.data(), false);
    std::vector<Step> lists(static_cast<std::size_t>(lists_room(s.rows)));
    Rows<T> want(s.rows, s.outputs);
    AffineForward<T> op{&x.at(0, 0), x.row, &w.at(0), panels.data(), &b.at(0), nullptr, &want.at(0, 0),
                        want.row, s.inputs, s.outputs, Activation::none};
    math.affine(op, 0, s.rows, 0, s.outputs, false);
    const i64 unit = s.outputs <= math.undivided ? math.undivided : math.panel;
    op.lists = lists.data();
    for (const bool stored : {false, true}) for (const bool distant : {false, true}) {
        if (stored && s.outputs % math.panel != 0) continue;
        Rows<T> y(s.rows, s.outputs);
        op.packed = stored ? nullptr : panels.data();
        op.distant = distant;
        op.read_next = ahead(distant ? 3 : 0);
        op.y = &y.at(0, 0);
        in_two(s.rows, 1, [&](i64 i, i64 i_end) {
            in_two(s.outputs, unit, [&](i64 j, i64 j_end) { math.affine(op, i, i_end, j, j_end, false); });
        });
        expect(y.same(want), name("affine without zeros", s, static_cast<int>(spoilt), false));
        check_by_depth(math, op, x, want);
        op.distant = distant;
    }
    if (spoilt != Spoilt::weights || s.inputs == 0) return;
    for (i64 i = 0; i < s.rows; ++i)
        expect(!std::isfinite(want.at(i, s.outputs / 2)), "0 * infinity was lost");
}

template <class T>
void check_listed_gradient(const Math<T>& math, const Shape& s, double in_x) {
    Rows<T> x(s.rows, s.inputs), dy(s.rows, s.outputs);
    blank(x);
    if (s.rows > 0 && s.inputs > 0) x.at(s.rows / 2, s.inputs / 2) = static_cast<T>(in_x);
    std::vector<Step> lists(static_cast<std::size_t>(lists_room(s.inputs)));
    Dense<T> want(s.inputs * s.outputs), dw(s.inputs * s.outputs);
    AffineGradient<T> op{&x.at(0, 0), x.row, &dy.at(0, 0), dy.row, s.rows, s.inputs, s.outputs};
    expect(math.dy_is_finite(op), name("dy_is_finite", s, 0, false));
    math.weight_gradient(op, 0, s.inputs, 0, s.outputs, &want.at(0), s.outputs);
    op.lists = lists.data();
    const auto same = [&] {
        return std::memcmp(&dw.at(0), &want.at(0), sizeof(T) * static_cast<std::size_t>(want.count)) == 0;
    };
    for (const i64 asked : {0, 3}) {
        op.read_next = ahead(asked);
        op.write_next = ahead(asked);
        std::fill_n(dw.data.begin(), dw.count, T(5));
        in_two(s.inputs, 1, [&](i64 k, i64 k_end) {
            in_two(s.outputs, math.panel, [&](i64 j, i64 j_end) {
                math.weight_gradient(op, k, k_end, j, j_end, &dw.at(0) + k * s.outputs + j, s.outputs);
            });
        });
        expect(same() && dw.fenced(), name("weight_gradient without zeros", s, static_cast<int>(asked), false));
    }
    if (s.rows == 0 || s.outputs == 0) return;
    for (const double bad : {double(NAN), double(INFINITY), -double(INFINITY)})
        for (const i64 at : {i64{0}, s.rows * s.outputs / 2, s.rows * s.outputs - 1}) {
            const T kept = dy.at(at / s.outputs, at % s.outputs);
            dy.at(at / s.outputs, at % s.outputs) = static_cast<T>(bad);
            expect(!math.dy_is_finite(op), name("dy_is_finite of what is not", s, 0, false));
            dy.at(at / s.outputs, at % s.outputs) = kept;
        }
}

template <class T>
void check_zeros(const Math<T>& math) {
    std::vector<Shape> list = shapes();
    for (const Shape& s : {Shape{100, 784, 50}, Shape{64, 500, 128}, Shape{300, 37, 40}, Shape{600, 64, 33},
                           Shape{37, 1200, 52}, Shape{90, 28, 700}})
        list.push_back(s);
    for (const Shape& s : list) {
        check_listed_forward(math, s, Spoilt::nothing, 0);
        for (const double none : {double(NAN), double(INFINITY)}) {
            check_listed_forward(math, s, Spoilt::x, none);
            check_listed_forward(math, s, Spoilt::weights, none);
        }
        for (const double in_x : {0.0, double(NAN), -double(INFINITY)}) check_listed_gradient(math, s, in_x);
    }
}
