// Activations as they are fused behind a matrix product: of a sum, and of an output's gradient.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include "vecmath.hpp"

namespace zk::ZK_ISA {

// y = act(x). Comparisons are written so that NaN comes through.
template <class T, Activation act>
inline Vector<T> activate(Vector<T> x) {
    if constexpr (act == Activation::relu) return x <= T(0) ? splat(T(0)) : x;
    if constexpr (act == Activation::sigmoid) return sigmoid<T>(x);
    if constexpr (act == Activation::tanh) return hyperbolic_tangent<T>(x);
    return x;
}

// dx from dy and the output y.
template <class T, Activation act>
inline Vector<T> activate_back(Vector<T> dy, Vector<T> y) {
    if constexpr (act == Activation::relu) return y <= T(0) ? splat(T(0)) : dy;
    if constexpr (act == Activation::sigmoid) return dy * (y * (T(1) - y));
    if constexpr (act == Activation::tanh) return dy * (T(1) - y * y);
    return dy;
}

// Calls f with the activation as a compile-time constant.
template <class F>
inline void with_activation(Activation act, F&& f) {
    switch (act) {
        case Activation::relu: return f.template operator()<Activation::relu>();
        case Activation::sigmoid: return f.template operator()<Activation::sigmoid>();
        case Activation::tanh: return f.template operator()<Activation::tanh>();
        case Activation::none: return f.template operator()<Activation::none>();
    }
}

}  // namespace zk::ZK_ISA
