// Batch normalization: mean and variance of each column over the batch, which threads sum in parts.
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
inline Vector<T> some(const T* from, i64 count) {
    return count >= kLanes<T> ? load(from) : load_part(from, count);
}

template <class T>
inline void put_some(T* to, Vector<T> v, i64 count) {
    store_part(to, v, count < kLanes<T> ? count : kLanes<T>);
}

// running = keep * running + take * batch, but where that is not finite.
template <class T>
inline void follow(T* running, Vector<T> batch, T keep, T take, i64 count) {
    const Vector<T> before = some(running, count);
    const Vector<T> moved = splat(keep) * before + splat(take) * batch;
    put_some(running, (moved - moved == splat(T(0))) ? moved : before, count);
}

// Calls f(first column) for all columns, a few vectors of them at a time: sums of one alone would
// wait for each other, and take a part of a cache line from each row.
constexpr int kAbreast = 4;

template <class T, class F>
inline void each_block(i64 columns, F&& f) {
    i64 c = 0;
    for (; columns - c > (kAbreast - 1) * kLanes<T>; c += kAbreast * kLanes<T>)
        f.template operator()<kAbreast>(c);
    for (; c < columns; c += kLanes<T>) f.template operator()<1>(c);
}

template <class T, int vectors>
void moments_block(const ColumnSums<T>& op, i64 column) {
    Vector<T> mean[vectors] = {}, squares[vectors] = {};
    each_place(op.places, [&](i64 r, i64 y, i64 x) {
        const T* const from = at(op.x, r, y, x) + column;
        for (int v = 0; v < vectors; ++v) mean[v] += load(from + v * kLanes<T>);
    });
    const Vector<T> count = splat(static_cast<T>(op.places.count()));
    for (int v = 0; v < vectors; ++v) mean[v] /= count;
    each_place(op.places, [&](i64 r, i64 y, i64 x) {
        const T* const from = at(op.x, r, y, x) + column;
        for (int v = 0; v < vectors; ++v) {
            const Vector<T> away = load(from + v * kLanes<T>) - mean[v];
            squares[v] += away * away;
        }
    });
    for (int v = 0; v < vectors; ++v) {
        store(op.first + column + v * kLanes<T>, mean[v]);
        store(op.second + column + v * kLanes<T>, squares[v]);
    }
}

template <class T, int vectors>
void sums_block(const ColumnSums<T>& op, i64 column) {
    Vector<T> sum[vectors] = {}, across[vectors] = {};
    each_place(op.places, [&](i64 r, i64 y, i64 x) {
        const T* const dy = at(op.x, r, y, x) + column;
        const T* const normal = at(op.normal, r, y, x) + column;
        for (int v = 0; v < vectors; ++v) {
            const Vector<T> one = load(dy + v * kLanes<T>);
            sum[v] += one;
            across[v] += one * load(normal + v * kLanes<T>);
        }
    });
    for (int v = 0; v < vectors; ++v) {
        store(op.first + column + v * kLanes<T>, sum[v]);
        store(op.second + column + v * kLanes<T>, across[v]);
    }
}

template <class T>
void column_sums(const ColumnSums<T>& op) {
    each_block<T>(op.columns, [&]<int vectors>(i64 c) {
        if (op.normal.data == nullptr) moments_block<T, vectors>(op, c);
        else sums_block<T, vectors>(op, c);
    });
}

// The squares of a part lie around its own mean; how far that is from the whole one is added for each
// of its numbers (Chan, Golub and LeVeque, 1979).
template <class T>
void settle(const Moments<T>& op) {
    const i64 last = op.parts - 1;
    const auto part = [&](i64 p) { return splat(static_cast<T>(p == last ? op.last : op.numbers)); };
    const Vector<T> count = splat(static_cast<T>(last * op.numbers + op.last));
    for (i64 c = 0; c < op.columns; c += kLanes<T>) {
        Vector<T> mean{}, squares{};
        for (i64 p = 0; p <= last; ++p) mean += load(op.sums + p * op.apart + c) * part(p);
        mean /= count;
        for (i64 p = 0; p <= last; ++p) {
            const Vector<T> away = load(op.sums + p * op.apart + c) - mean;
            squares += load(op.sums + p * op.apart + op.apart / 2 + c) + away * away * part(p);
        }
        const i64 left = op.columns - c;
        Vector<T> variance = squares / count;
        if (op.own) {
            follow(op.running_mean + c, mean, op.keep, op.take, left);
            follow(op.running_variance + c, variance, op.keep, op.take, left);
        } else {
            mean = some(op.running_mean + c, left);
            variance = some(op.running_variance + c, left);
        }
        store(op.mean + c, mean);
        store(op.scale + c, T(1) / square_root(variance + splat(op.eps)));
    }
}

template <class T, Activation act, int vectors>
void normalize_block(const Normalize<T>& op, i64 column) {
    Vector<T> mean[vectors], scale[vectors], gamma[vectors], beta[vectors];
    for (int v = 0; v < vectors; ++v) {
        const i64 c = column + v * kLanes<T>, left = op.columns - c;
        mean[v] = load(op.mean + c);
        scale[v] = load(op.scale + c);
        gamma[v] = some(op.gamma + c, left);
        beta[v] = some(op.beta + c, left);
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
void normalize(const Normalize<T>& op) {
    with_activation(op.act, [&]<Activation act>() {
        each_block<T>(op.columns, [&]<int vectors>(i64 c) { normalize_block<T, act, vectors>(op, c); });
    });
}

template <class T, int vectors>
void normalize_back_block(const NormalizeBack<T>& op, i64 column) {
    Vector<T> sum[vectors], across[vectors], gain[vectors];
    for (int v = 0; v < vectors; ++v) {
        const i64 c = column + v * kLanes<T>;
        sum[v] = load(op.sum + c) * splat(op.share);
        across[v] = load(op.across + c) * splat(op.share);
        gain[v] = some(op.gamma + c, op.columns - c) * load(op.scale + c);
    }
    const bool own = op.share != T(0);
    each_place(op.places, [&](i64 r, i64 y, i64 x) {
        const T* const from = at(op.dy, r, y, x) + column;
        const T* const normals = at(op.normal, r, y, x) + column;
        T* const to = at(op.dx, r, y, x) + column;
        for (int v = 0; v < vectors; ++v) {
            const Vector<T> dy = load(from + v * kLanes<T>), normal = load(normals + v * kLanes<T>);
            store(to + v * kLanes<T>,
                  own ? (dy - sum[v] - normal * across[v]) * gain[v] : dy * gain[v]);
        }
    });
}

template <class T>
void normalize_back(const NormalizeBack<T>& op) {
    each_block<T>(op.columns, [&]<int vectors>(i64 c) { normalize_back_block<T, vectors>(op, c); });
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
    math.column_sums = column_sums<T>;
    math.settle = settle<T>;
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
