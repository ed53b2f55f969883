// Activations whose gradient needs their input: LeakyReLU, ELU, GELU, SiLU, Softplus, entry by entry.
#include "tables.hpp"
#include "vecmath.hpp"

namespace zk::ZK_ISA {
namespace {

// exp(x) - 1 for x <= 0, with its digits near 0.
template <class T>
inline Vector<T> exp_less_one(Vector<T> x) {
    const Vector<T> low = splat(ExpConstants<T>::kSmallest);
    Vector<T> scale;
    const Vector<T> p = exp_reduced<T>(x < low ? low : x, scale);
    return fma(p, scale, scale - T(1));
}

// log(1 + u) for u from 0 to 1: 2 artanh(u / (2 + u)), a series in at most 1/3.
template <class T>
inline Vector<T> log_one_more(Vector<T> u) {
    constexpr int terms = sizeof(T) == 4 ? 8 : 17;
    const Vector<T> s = u / (u + T(2)), square = s * s;
    Vector<T> sum = splat(T(1) / T(2 * terms + 1));
    for (int i = terms - 1; i >= 0; --i) sum = fma(sum, square, splat(T(1) / T(2 * i + 1)));
    return T(2) * s * sum;
}

// erfc, by the series that layers/erf.py explains.
constexpr double kErfc[] = {
    1.2329951186255526,     -0.1396211168405623,    0.015379652102619604,   0.06809705425466908,
    -0.10103906603630056,   0.0937328349990944,     -0.06633036581218697,   0.03716751552655567,
    -0.016197734059799265,  0.005031970067657489,   -0.0007577732613730956, -0.00019925714661091188,
    0.0001506214900124047,  -2.4397746422436416e-05, -1.1221287012353486e-05, 5.706604414895734e-06,
    2.919733377963012e-07,  -8.210939042560568e-07, 7.746992727017941e-08,  1.0633855618594884e-07,
    -2.05606492756992e-08,  -1.234686604382353e-08, 3.1695881915648173e-09, 9.311744978232572e-10,
    -2.659599690242689e-10,
};

template <class T>
inline Vector<T> erfc(Vector<T> x) {
    const Vector<T> size = x < T(0) ? -x : x;
    const Vector<T> z = size > T(28) ? splat(T(28)) : size;
    const Vector<T> t = (z - T(4)) / (z + T(4));
    Vector<T> total = splat(T(kErfc[24]));
    for (int i = 23; i >= 0; --i) total = fma(total, t, splat(T(kErfc[i])));
    total = total * exponential<T>(-z * z) / (T(1) + T(2) * z);
    const Vector<T> y = x < T(0) ? T(2) - total : total;
    return x == x ? y : x;
}

// Where the normal distribution has nothing left, and powers of x could overflow.
template <class T>
inline Vector<T> near(Vector<T> x) {
    const Vector<T> high = x > T(40) ? splat(T(40)) : x;
    return high < T(-40) ? splat(T(-40)) : high;
}

// The normal distribution's share below x and its slope, exact or by tanh.
template <class T, bool exact>
inline Vector<T> share_below(Vector<T> x, Vector<T>& slope) {
    if constexpr (exact) {
        slope = exponential<T>(x * x * T(-0.5)) * T(0.3989422804014326779);
        return erfc<T>(x * T(-0.7071067811865475244)) * T(0.5);
    }
    const T scale = T(1.5957691216057307117), cubic = T(0.044715);
    const Vector<T> share = sigmoid<T>((x + x * x * x * cubic) * scale);
    slope = share * (T(1) - share) * ((x * x * (T(3) * cubic) + T(1)) * scale);
    return share;
}

template <class T, Curve curve>
inline Vector<T> value(Vector<T> x, Vector<T> p) {
    const Vector<T> zero = splat(T(0));
    if constexpr (curve == Curve::leaky_relu) return x > zero ? x : p * x;
    if constexpr (curve == Curve::elu) return x > zero ? x : p * exp_less_one<T>(x);
    if constexpr (curve == Curve::silu) return x * sigmoid<T>(x);
    if constexpr (curve == Curve::softplus) {
        const Vector<T> y = (x > zero ? x : zero) +
                            log_one_more<T>(exponential<T>(minus_size<T>(x)));
        return x == x ? y : x;
    }
    Vector<T> slope;
    return x * share_below<T, curve == Curve::gelu>(near<T>(x), slope);
}

template <class T, Curve curve>
inline Vector<T> gradient(Vector<T> dy, Vector<T> x, Vector<T> p) {
    const Vector<T> zero = splat(T(0));
    if constexpr (curve == Curve::leaky_relu) return x <= zero ? p * dy : dy;
    if constexpr (curve == Curve::elu) return x > zero ? dy : dy * (p * exp_less_one<T>(x) + p);
    if constexpr (curve == Curve::softplus) return dy * sigmoid<T>(x);
    if constexpr (curve == Curve::silu) {
        const Vector<T> s = sigmoid<T>(x);
        return dy * (s * (x * (T(1) - s) + T(1)));
    }
    const Vector<T> inside = near<T>(x);
    Vector<T> slope;
    const Vector<T> share = share_below<T, curve == Curve::gelu>(inside, slope);
    return dy * (share + inside * slope);
}

template <class F>
inline void with_curve(Curve curve, F&& f) {
    switch (curve) {
        case Curve::leaky_relu: return f.template operator()<Curve::leaky_relu>();
        case Curve::elu: return f.template operator()<Curve::elu>();
        case Curve::gelu: return f.template operator()<Curve::gelu>();
        case Curve::gelu_tanh: return f.template operator()<Curve::gelu_tanh>();
        case Curve::silu: return f.template operator()<Curve::silu>();
        case Curve::softplus: return f.template operator()<Curve::softplus>();
    }
}

// a = x.
template <class T>
void curve_rows(const Elementwise<T>& op, i64 row, i64 row_end) {
    with_curve(op.curve, [&]<Curve curve>() {
        const Vector<T> p = splat(op.parameter);
        for (i64 i = row; i < row_end; ++i)
            for (i64 j = 0; j < op.columns; j += kLanes<T>)
                store(op.out + i * op.out_row + j, value<T, curve>(load(op.a + i * op.a_row + j), p));
    });
}

// a = dy, b = x.
template <class T>
void curve_rows_back(const Elementwise<T>& op, i64 row, i64 row_end) {
    with_curve(op.curve, [&]<Curve curve>() {
        const Vector<T> p = splat(op.parameter);
        for (i64 i = row; i < row_end; ++i)
            for (i64 j = 0; j < op.columns; j += kLanes<T>)
                store(op.out + i * op.out_row + j,
                      gradient<T, curve>(load(op.a + i * op.a_row + j),
                                         load(op.b + i * op.b_row + j), p));
    });
}

template <class T>
void fill(Math<T>& math) {
    math.curve = curve_rows<T>;
    math.curve_back = curve_rows_back<T>;
}

}  // namespace

void add_curves(Kernels& table) {
    fill(table.f32);
    fill(table.f64);
}

}  // namespace zk::ZK_ISA
