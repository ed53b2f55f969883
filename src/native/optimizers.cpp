// Optimizers: one pass over parameters, gradients and state. optimizers.py has the formulas.
#include "simd.hpp"
#include "tables.hpp"

namespace zk::ZK_ISA {
namespace {

// a / (sqrt(v) * spread + eps).
template <class T>
inline Vector<T> over_root(Vector<T> a, Vector<T> v, T spread, T eps) {
    // What the root of a tiny v lacks is lost in eps, if that is not smaller than anyone's.
    constexpr T least_eps = T(1e-8);
    const Vector<T> root = eps >= least_eps ? quick_root(v) : square_root(v);
    return a / fma(root, splat(spread), splat(eps));
}

// The new value of one vector of parameters; p, g, first and second belong together. Those `plain` are as
// they were given: not clipped, decayed or shrunk.
template <class T, OptimizerKind kind, bool plain>
inline Vector<T> updated(const Update<T>& u, Vector<T> p, Vector<T> g, Vector<T>& first,
                         Vector<T>& second) {
    if constexpr (kind == OptimizerKind::sgd) return p - u.lr * g;
    if constexpr (kind == OptimizerKind::momentum || kind == OptimizerKind::nesterov) {
        first = u.keep1 * first - u.lr * g;
        if constexpr (kind == OptimizerKind::momentum) return p + first;
        return p + (u.keep1 * first - u.lr * g);
    }
    if constexpr (kind == OptimizerKind::adagrad) {
        first = first + g * g;
        return p - over_root<T>(u.lr * g, first, T(1), u.eps);
    }
    if constexpr (kind == OptimizerKind::rmsprop) {
        first = u.keep1 * first + u.take1 * (g * g);
        return p - over_root<T>(u.lr * g, first, T(1), u.eps);
    }
    if constexpr (kind == OptimizerKind::adam) {
        first = fma(splat(u.keep1), first, u.take1 * g);
        second = fma(splat(u.keep2), second, u.take2 * g * g);
        return fma(splat(-u.lr), over_root(first, second, u.spread, u.eps), plain ? p : p * u.shrink);
    }
}

template <class T, OptimizerKind kind, bool plain>
void update_as(const Update<T>& given, T* params, const T* grads, T* first, T* second, i64 count) {
    const Update<T> u = given;  // what is written to `params` might else have changed it
    constexpr bool has_first = kind != OptimizerKind::sgd;
    constexpr bool has_second = kind == OptimizerKind::adam;
    const auto step = [&](i64 at, auto read, auto write) {
        const Vector<T> p = read(params + at);
        Vector<T> g = read(grads + at);
        if constexpr (!plain) g = g * u.clip + u.decay * p;
        Vector<T> s1{}, s2{};
        if constexpr (has_first) s1 = read(first + at);
        if constexpr (has_second) s2 = read(second + at);
        write(params + at, updated<T, kind, plain>(u, p, g, s1, s2));
        if constexpr (has_first) write(first + at, s1);
        if constexpr (has_second) write(second + at, s2);
    };
    i64 at = 0;
    for (; at + kLanes<T> <= count; at += kLanes<T>)
        step(at, [](const T* from) { return load(from); }, [](T* to, Vector<T> v) { store(to, v); });
    if (const i64 rest = count - at; rest > 0)
        step(at, [&](const T* from) { return load_part(from, rest); },
             [&](T* to, Vector<T> v) { store_part(to, v, rest); });
}

template <class T, OptimizerKind kind>
void update_kind(const Update<T>& u, T* params, const T* grads, T* first, T* second, i64 count) {
    const bool plain = u.clip == 1 && u.decay == 0 && u.shrink == 1;
    if (plain) return update_as<T, kind, true>(u, params, grads, first, second, count);
    update_as<T, kind, false>(u, params, grads, first, second, count);
}

template <class T>
void update(const Update<T>& u, T* params, const T* grads, T* first, T* second, i64 count) {
    using K = OptimizerKind;
    switch (u.kind) {
        case K::sgd: return update_kind<T, K::sgd>(u, params, grads, first, second, count);
        case K::momentum: return update_kind<T, K::momentum>(u, params, grads, first, second, count);
        case K::nesterov: return update_kind<T, K::nesterov>(u, params, grads, first, second, count);
        case K::adagrad: return update_kind<T, K::adagrad>(u, params, grads, first, second, count);
        case K::rmsprop: return update_kind<T, K::rmsprop>(u, params, grads, first, second, count);
        case K::adam: return update_kind<T, K::adam>(u, params, grads, first, second, count);
    }
}

template <class T>
double sum_of_squares(const T* values, i64 count) {
    double total = 0;
    for (i64 i = 0; i < count; ++i) {
        const double value = static_cast<double>(values[i]);
        total += value * value;
    }
    return total;
}

template <class T>
void fill(Math<T>& math) {
    math.update = update<T>;
    math.sum_of_squares = sum_of_squares<T>;
}

}  // namespace

void add_optimizers(Kernels& table) {
    fill(table.f32);
    fill(table.f64);
}

}  // namespace zk::ZK_ISA
