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

// Calls f(first column) for all columns, a few vectors of them at a time: sums of one alone would
// wait for each other, and take a part of a cache line from each row.
constexpr int kAbreast = 4;

template <class T, class F>
inline void each_block(i64 column, i64 column_end, F&& f) {
    i64 c = column;
    for (; column_end - c > (kAbreast - 1) * kLanes<T>; c += kAbreast * kLanes<T>)
        f.template operator()<kAbreast>(c);
    for (; c < column_end; c += kLanes<T>) f.template operator()<1>(c);
}

template <class T, Activation act, int vectors>
void normalize_block(const Normalize<T>& op, i64 column) {
    const Vector<T> count = splat(static_cast<T>(op.places.rows * op.places.height * op.places.width));
    Vector<T> mean[vectors] = {}, squares[vectors] = {};
    Vector<T> scale[vectors], gamma[vectors], beta[vectors];
    if (op.own) {
        each_place(op.places, [&](i64 r, i64 y, i64 x) {
            const T* const from = at(op.x, r, y, x) + column;
            for (int v = 0; v < vectors; ++v) mean[v] += load(from + v * kLanes<T>);
        });
        for (int v = 0; v < vectors; ++v) mean[v] /= count;
        each_place(op.places, [&](i64 r, i64 y, i64 x) {
            const T* const from = at(op.x, r, y, x) + column;
            for (int v = 0; v < vectors; ++v) {
                const Vector<T> away = load(from + v * kLanes<T>) - mean[v];
                squares[v] += away * away;
            }
        });
    }
    for (int v = 0; v < vectors; ++v) {
        const i64 c = column + v * kLanes<T>, left = op.columns - c;
        Vector<T> variance;
        if (op.own) {
            variance = squares[v] / count;
            follow(op.running_mean + c, mean[v], op.keep, op.take, left);
            follow(op.running_variance + c, variance, op.keep, op.take, left);
        } else {
            mean[v] = part(op.running_mean + c, left);
            variance = part(op.running_variance + c, left);
        }
        scale[v] = T(1) / square_root(variance + splat(op.eps));
        store(op.scale + c, scale[v]);
        gamma[v] = part(op.gamma + c, left);
        beta[v] = part(op.beta + c, left);
    }
    each_place(op.places, [&](i64 r, i64 y, i64 x) {
        const T* const from = at(op.x, r, y, x) + column;
        T* const normal = at(op.normal, r, y, x) + column;
        T* const to = at(op.y, r, y, x) + column;
        for (int v = 0; v < vectors; ++v) {
            const Vector<T> n = (load(from + v * kLanes<T>) - mean[v]) * scale[v];
            store(normal + v * kLanes<T>, n);
            store(to + v * kLanes<T>, activate<T, act>(n * gamma[v] + beta[v]));
        }
    });
}

template <class T>
void normalize(const Normalize<T>& op, i64 column, i64 column_end) {
    with_activation(op.act, [&]<Activation act>() {
        each_block<T>(column, column_end, [&]<int vectors>(i64 c) {
            normalize_block<T, act, vectors>(op, c);
        });
    });
}

// dx = (dy - (sum(dy) + normal * sum(dy * normal)) / count) * gamma * scale; the batch's own mean
// and variance move with x, and running ones do not.
template <class T, int vectors>
void normalize_back_block(const NormalizeBack<T>& op, i64 column) {
    const T count = static_cast<T>(op.places.rows * op.places.height * op.places.width);
    Vector<T> sum[vectors] = {}, across[vectors] = {}, gain[vectors];
    each_place(op.places, [&](i64 r, i64 y, i64 x) {
        const T* const dy = at(op.dy, r, y, x) + column;
        const T* const normal = at(op.normal, r, y, x) + column;
        for (int v = 0; v < vectors; ++v) {
            const Vector<T> one = load(dy + v * kLanes<T>);
            sum[v] += one;
            across[v] += one * load(normal + v * kLanes<T>);
        }
    });
    const Vector<T> share = splat(op.own ? T(1) / count : T(0));
    for (int v = 0; v < vectors; ++v) {
        const i64 c = column + v * kLanes<T>, left = op.columns - c;
        put_part(op.dbeta + c, sum[v], left);
        put_part(op.dgamma + c, across[v], left);
        gain[v] = part(op.gamma + c, left) * load(op.scale + c);
        sum[v] *= share;
        across[v] *= share;
    }
    if (op.dx.data == nullptr) return;
    each_place(op.places, [&](i64 r, i64 y, i64 x) {
        const T* const from = at(op.dy, r, y, x) + column;
        const T* const normals = at(op.normal, r, y, x) + column;
        T* const to = at(op.dx, r, y, x) + column;
        for (int v = 0; v < vectors; ++v) {
            const Vector<T> dy = load(from + v * kLanes<T>), normal = load(normals + v * kLanes<T>);
            store(to + v * kLanes<T>,
                  op.own ? (dy - sum[v] - normal * across[v]) * gain[v] : dy * gain[v]);
        }
    });
}

template <class T>
void normalize_back(const NormalizeBack<T>& op, i64 column, i64 column_end) {
    each_block<T>(column, column_end, [&]<int vectors>(i64 c) {
        normalize_back_block<T, vectors>(op, c);
    });
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
