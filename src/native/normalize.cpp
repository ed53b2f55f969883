// Batch normalization: the mean and variance of each column over all rows of the batch.
#include "activation.hpp"
#include "tables.hpp"

namespace zk::ZK_ISA {
namespace {

// Calls f(offset) for every place of the numbers: rows, and in images also lines and pixels. The
// order is fixed, and with it the bits of a sum.
template <class F>
inline void each_place(const Places& places, F&& f) {
    for (i64 r = 0; r < places.rows; ++r)
        for (i64 y = 0; y < places.height; ++y)
            for (i64 x = 0; x < places.width; ++x) f(r, y, x);
}

template <class P>
inline auto at(const P& grid, i64 r, i64 y, i64 x) {
    return grid.data + r * grid.row + y * grid.line + x * grid.pixel;
}

template <class T>
inline Vector<T> part(const T* from, i64 count) {
    return count >= kLanes<T> ? load(from) : load_part(from, count);
}

template <class T>
inline void put_part(T* to, Vector<T> v, i64 count) {
    store_part(to, v, count < kLanes<T> ? count : kLanes<T>);
}

// running = keep * running + take * batch, but where that is not finite.
template <class T>
inline void follow(T* running, Vector<T> batch, T keep, T take, i64 count) {
    const Vector<T> before = part(running, count);
    const Vector<T> moved = splat(keep) * before + splat(take) * batch;
    put_part(running, (moved - moved == splat(T(0))) ? moved : before, count);
}

template <class T, Activation act>
void normalize_as(const Normalize<T>& op, i64 column, i64 column_end) {
    const Vector<T> count = splat(static_cast<T>(op.places.rows * op.places.height * op.places.width));
    for (i64 c = column; c < column_end; c += kLanes<T>) {
        const i64 left = op.columns - c;
        Vector<T> mean, variance;
        if (op.own) {
            Vector<T> sum{};
            each_place(op.places,
                       [&](i64 r, i64 y, i64 x) { sum += load(at(op.x, r, y, x) + c); });
            mean = sum / count;
            sum = Vector<T>{};
            each_place(op.places, [&](i64 r, i64 y, i64 x) {
                const Vector<T> away = load(at(op.x, r, y, x) + c) - mean;
                sum += away * away;
            });
            variance = sum / count;
            follow(op.running_mean + c, mean, op.keep, op.take, left);
            follow(op.running_variance + c, variance, op.keep, op.take, left);
        } else {
            mean = part(op.running_mean + c, left);
            variance = part(op.running_variance + c, left);
        }
        const Vector<T> scale = T(1) / square_root(variance + splat(op.eps));
        store(op.scale + c, scale);
        const Vector<T> gamma = part(op.gamma + c, left), beta = part(op.beta + c, left);
        each_place(op.places, [&](i64 r, i64 y, i64 x) {
            const Vector<T> normal = (load(at(op.x, r, y, x) + c) - mean) * scale;
            store(at(op.normal, r, y, x) + c, normal);
            store(at(op.y, r, y, x) + c, activate<T, act>(normal * gamma + beta));
        });
    }
}

template <class T>
void normalize(const Normalize<T>& op, i64 column, i64 column_end) {
    with_activation(op.act, [&]<Activation act>() { normalize_as<T, act>(op, column, column_end); });
}

// dx = (dy - (sum(dy) + normal * sum(dy * normal)) / count) * gamma * scale; the batch's own mean
// and variance move with x, and running ones do not.
template <class T>
void normalize_back(const NormalizeBack<T>& op, i64 column, i64 column_end) {
    const T count = static_cast<T>(op.places.rows * op.places.height * op.places.width);
    for (i64 c = column; c < column_end; c += kLanes<T>) {
        const i64 left = op.columns - c;
        Vector<T> sum{}, across{};
        each_place(op.places, [&](i64 r, i64 y, i64 x) {
            const Vector<T> dy = load(at(op.dy, r, y, x) + c);
            sum += dy;
            across += dy * load(at(op.normal, r, y, x) + c);
        });
        put_part(op.dbeta + c, sum, left);
        put_part(op.dgamma + c, across, left);
        if (op.dx.data == nullptr) continue;
        const Vector<T> gain = part(op.gamma + c, left) * load(op.scale + c);
        const Vector<T> share = splat(op.own ? T(1) / count : T(0));
        const Vector<T> common = sum * share, slope = across * share;
        each_place(op.places, [&](i64 r, i64 y, i64 x) {
            const Vector<T> dy = load(at(op.dy, r, y, x) + c);
            const Vector<T> normal = load(at(op.normal, r, y, x) + c);
            store(at(op.dx, r, y, x) + c,
                  op.own ? (dy - common - normal * slope) * gain : dy * gain);
        });
    }
}

template <class T>
void rescale(const Rescale<T>& op) {
    with_activation(op.act, [&]<Activation act>() {
        each_place(op.places, [&](i64 r, i64 y, i64 x) {
            const T* const from = at(op.x, r, y, x);
            T* const to = at(op.y, r, y, x);
            for (i64 c = 0; c < op.columns; c += kLanes<T>)
                store(to + c,
                      activate<T, act>(load(from + c) * load(op.scale + c) + load(op.shift + c)));
        });
    });
}

template <class T>
void fill(ImageMath<T>& math) {
    math.normalize = normalize<T>;
    math.normalize_back = normalize_back<T>;
    math.rescale = rescale<T>;
}

}  // namespace

void add_normalize(Kernels& table) {
    fill(table.f32.images);
    fill(table.f64.images);
}

}  // namespace zk::ZK_ISA
