// exp, ln, sigmoid and tanh on vectors, within a few units in the last place; NaN comes through.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include "simd.hpp"

namespace zk::ZK_ISA {

// What the range reduction needs to know of a float format.
template <class T>
struct ExpConstants;

template <>
struct ExpConstants<float> {
    static constexpr float kRound = 12582912.0f;  // 1.5 * 2**23: adding it rounds to an integer
    static constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
    static constexpr float kSmallest = -87.33f;
    static constexpr int kMantissa = 23, kTerms = 7;
};

template <>
struct ExpConstants<double> {
    static constexpr double kRound = 6755399441055744.0;  // 1.5 * 2**52
    static constexpr double kLn2High = 6.93147180369123816490e-01;
    static constexpr double kLn2Low = 1.90821492927058770002e-10;
    static constexpr double kSmallest = -708.39;
    static constexpr int kMantissa = 52, kTerms = 13;
};

// 1 / n! for the Taylor polynomial of exp(r) - 1, which on |r| <= ln(2) / 2 is exact to rounding.
constexpr double kInverseFactorial[] = {
    1.0,           1.0,            1.0 / 2,         1.0 / 6,          1.0 / 24,
    1.0 / 120,     1.0 / 720,      1.0 / 5040,      1.0 / 40320,      1.0 / 362880,
    1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800,
};

// x = n ln(2) + r: gives exp(r) - 1; `shifted` is n and what rounded it, kRound.
template <class T>
inline Vector<T> exp_of_rest(Vector<T> x, Vector<T>& shifted) {
    using C = ExpConstants<T>;
    shifted = fma(x, splat(T(1.44269504088896340736)), splat(C::kRound));
    const Vector<T> n = shifted - C::kRound;
    Vector<T> r = fma(n, splat(-C::kLn2High), x);
    r = fma(n, splat(-C::kLn2Low), r);
    Vector<T> p = splat(T(kInverseFactorial[C::kTerms]));
    for (int i = C::kTerms - 1; i >= 1; --i) p = fma(p, r, splat(T(kInverseFactorial[i])));
    return p * r;
}

// The same, and 2**n in `scale`, where that is a normal number.
template <class T>
inline Vector<T> exp_reduced(Vector<T> x, Vector<T>& scale) {
    using C = ExpConstants<T>;
    Vector<T> shifted;
    const Vector<T> p = exp_of_rest<T>(x, shifted);
    const Vector<T> one = splat(T(1)), base = splat(C::kRound);
    Bits<T> whole, from, exponent;
    std::memcpy(&whole, &shifted, sizeof whole);
    std::memcpy(&from, &base, sizeof from);
    std::memcpy(&exponent, &one, sizeof exponent);
    exponent += (whole - from) << C::kMantissa;
    std::memcpy(&scale, &exponent, sizeof scale);
    return p;
}

// exp(x) of x up to 0: 0 where that is below the smallest normal number.
template <class T>
inline Vector<T> exponential(Vector<T> x) {
    const Vector<T> low = splat(ExpConstants<T>::kSmallest);
    Vector<T> scale;
    const Vector<T> p = exp_reduced<T>(x < low ? low : x, scale);
    const Vector<T> y = fma(p, scale, scale);
    return x < low ? splat(T(0)) : y;
}
#if defined(__AVX512F__)
// Its maximum gives the second operand where one is NaN.
template <>
inline Vector<float> exponential<float>(Vector<float> x) {
    const Vector<float> low = splat(ExpConstants<float>::kSmallest);
    Vector<float> shifted;
    const Vector<float> p = exp_of_rest<float>(_mm512_max_ps(low, x), shifted);
    const __mmask16 normal = _mm512_cmp_ps_mask(x, low, _CMP_NLT_UQ);
    return _mm512_maskz_scalef_ps(normal, p + 1.0f, shifted - ExpConstants<float>::kRound);
}
#endif

// -|x|
template <class T>
inline Vector<T> minus_size(Vector<T> x) {
    const Vector<T> zero = splat(T(-0.0));
    Bits<T> bits, sign;
    std::memcpy(&bits, &x, sizeof bits);
    std::memcpy(&sign, &zero, sizeof sign);
    bits |= sign;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

// 1 / (1 + exp(-x)) by exp(-|x|), which cannot overflow.
template <class T>
inline Vector<T> sigmoid(Vector<T> x) {
    const Vector<T> e = exponential<T>(minus_size<T>(x));
    const Vector<T> one = splat(T(1));
    return (x < T(0) ? e : one) / (one + e);
}

// -m / (2 + m) with m = exp(-2|x|) - 1, which keeps its digits near 0; past 10 (20) it is 1.
template <class T>
inline Vector<T> hyperbolic_tangent(Vector<T> x) {
    const Vector<T> size = x < T(0) ? -x : x;
    const Vector<T> far = splat(T(sizeof(T) == 4 ? 10 : 20));
    const Vector<T> near = size > far ? far : size;
    Vector<T> scale;
    const Vector<T> p = exp_reduced<T>(near * T(-2), scale);
    const Vector<T> m = fma(p, scale, scale - T(1));
    const Vector<T> y = -m / (T(2) + m);
    const Vector<T> signed_y = x < T(0) ? -y : y;
    return x == x ? signed_y : x;
}

// ln(x) of positive numbers: x = 2**power * m with m around 1, and ln(m) = 2 artanh((m - 1) / (m + 1)).
inline Vector<double> logarithm(Vector<double> x) {
    constexpr std::int64_t kRootOfHalf = 0x3fe6a09e667f3bcd;
    constexpr int kMantissa = ExpConstants<double>::kMantissa;
    Bits<double> bits;
    std::memcpy(&bits, &x, sizeof bits);
    const Bits<double> power = (bits - kRootOfHalf) >> kMantissa;
    bits -= power << kMantissa;
    Vector<double> m;
    std::memcpy(&m, &bits, sizeof m);
    const Vector<double> s = (m - 1.0) / (m + 1.0), z = s * s;
    Vector<double> p = splat(1.0 / 23);  // |s| is at most 0.172: what follows is lost
    for (int n = 21; n >= 3; n -= 2) p = fma(p, z, splat(1.0 / n));
    const Vector<double> y = fma(__builtin_convertvector(power, Vector<double>), splat(0.6931471805599453),
                                 fma(s * 2.0 * z, p, s * 2.0));
    return x == x ? y : x;
}

}  // namespace zk::ZK_ISA
