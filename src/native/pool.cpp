// Pooling: a window of an image becomes one number, channel by channel.
#include "activation.hpp"
#include "greatest.hpp"
#include "tables.hpp"

namespace zk::ZK_ISA {
namespace {

// The part of a window that lies inside the image, [begin, end) of its entries in one direction.
struct Inside {
    i64 start, begin, end;
};

inline Inside inside(i64 place, i64 size, i64 stride, i64 pad, i64 length) {
    const i64 start = place * stride - pad;
    const i64 over = length - start;
    return {start, start < 0 ? -start : 0, over < size ? over : size};
}

// Calls f(oy, ox, rows, columns) for every place of the window.
template <class F>
inline void each_place(const PoolShape& s, F&& f) {
    for (i64 oy = 0; oy < s.out_height; ++oy) {
        const Inside rows = inside(oy, s.size[0], s.stride[0], s.pad[0], s.height);
        for (i64 ox = 0; ox < s.out_width; ++ox)
            f(oy, ox, rows, inside(ox, s.size[1], s.stride[1], s.pad[1], s.width));
    }
}

template <class P>
inline auto at(const P& plane, i64 y, i64 x) {
    return plane.data + y * plane.line + x * plane.pixel;
}

// Windows of a size known beforehand, where they lie whole in the image.
template <class T, bool remember, int height, int width>
void greatest_of(const PoolShape& s, const Pooling<T>& op) {
    for (i64 oy = 0; oy < s.out_height; ++oy) {
        for (i64 ox = 0; ox < s.out_width; ++ox) {
            const T* const from = at(op.from, oy * s.stride[0], ox * s.stride[1]);
            T* const to = at(op.to, oy, ox);
            T* const won = remember ? at(op.winner, oy, ox) : nullptr;
            for (i64 c = 0; c < s.channels; c += kLanes<T>) {
                Greatest<T, remember> found{.winner = splat(T(0))};
#pragma GCC unroll 9
                for (int k = 0; k < height * width; ++k)
                    found.see(load(from + k / width * op.from.line + k % width * op.from.pixel + c), k);
                store(to + c, found.y);
                if constexpr (remember) store(won + c, found.winner);
            }
        }
    }
}

template <class T, bool remember>
void greatest(const PoolShape& s, const Pooling<T>& op) {
    const bool whole = s.pad[0] == 0 && s.pad[1] == 0;
    if (whole && s.size[0] == 2 && s.size[1] == 2) return greatest_of<T, remember, 2, 2>(s, op);
    if (whole && s.size[0] == 3 && s.size[1] == 3) return greatest_of<T, remember, 3, 3>(s, op);
    each_place(s, [&](i64 oy, i64 ox, const Inside& rows, const Inside& columns) {
        const T first = static_cast<T>(rows.begin * s.size[1] + columns.begin);
        for (i64 c = 0; c < s.channels; c += kLanes<T>) {
            Greatest<T, remember> found{.winner = splat(first)};
            for (i64 i = rows.begin; i < rows.end; ++i) {
                const T* from = at(op.from, rows.start + i, columns.start + columns.begin) + c;
                for (i64 j = columns.begin; j < columns.end; ++j, from += op.from.pixel)
                    found.see(load(from), i * s.size[1] + j);
            }
            store(at(op.to, oy, ox) + c, found.y);
            if constexpr (remember) store(at(op.winner, oy, ox) + c, found.winner);
        }
    });
}

template <class T>
void mean(const PoolShape& s, const Pooling<T>& op) {
    const T count = static_cast<T>(s.size[0] * s.size[1]);
    each_place(s, [&](i64 oy, i64 ox, const Inside& rows, const Inside& columns) {
        for (i64 c = 0; c < s.channels; c += kLanes<T>) {
            Vector<T> total{};
            for (i64 i = rows.begin; i < rows.end; ++i) {
                const T* from = at(op.from, rows.start + i, columns.start + columns.begin) + c;
                for (i64 j = columns.begin; j < columns.end; ++j, from += op.from.pixel)
                    total += load(from);
            }
            store(at(op.to, oy, ox) + c, total / splat(count));
        }
    });
}

template <class T>
void pool(const PoolShape& s, const Pooling<T>& op) {
    if (!s.greatest) mean(s, op);
    else if (op.winner.data == nullptr) greatest<T, false>(s, op);
    else greatest<T, true>(s, op);
}

template <class T>
void clear(const PoolShape& s, Plane<T> to) {
    for (i64 y = 0; y < s.height; ++y)
        for (i64 i = 0; i < s.width * to.pixel; i += kLanes<T>)
            store(to.data + y * to.line + i, Vector<T>{});
}

// dy of one vector of channels, times the gradient of the activation in front: what the greatest
// entry of the window was, the pooled number is.
template <class T, Activation act>
inline Vector<T> arriving(const Pooling<T>& op, i64 oy, i64 ox, i64 c) {
    const Vector<T> dy = load(at(op.from, oy, ox) + c);
    if constexpr (act == Activation::none) return dy;
    else return activate_back<T, act>(dy, load(at(op.y, oy, ox) + c));
}

// Windows that overlap, leave gaps or stand on padding: sums on a cleared image.
template <class T, Activation act>
void spread(const PoolShape& s, const Pooling<T>& op) {
    const T count = static_cast<T>(s.size[0] * s.size[1]);
    clear(s, op.to);
    each_place(s, [&](i64 oy, i64 ox, const Inside& rows, const Inside& columns) {
        for (i64 c = 0; c < s.channels; c += kLanes<T>) {
            const Vector<T> dy = arriving<T, act>(op, oy, ox, c);
            const Vector<T> share = s.greatest ? dy : dy / splat(count);
            const Vector<T> winner =
                s.greatest ? load(at(op.winner, oy, ox) + c) : Vector<T>{};
            for (i64 i = rows.begin; i < rows.end; ++i) {
                T* to = at(op.to, rows.start + i, columns.start + columns.begin) + c;
                for (i64 j = columns.begin; j < columns.end; ++j, to += op.to.pixel) {
                    const Vector<T> entry = splat(static_cast<T>(i * s.size[1] + j));
                    const Vector<T> part =
                        s.greatest ? (winner == entry ? dy : splat(T(0))) : share;
                    store(to, load(to) + part);
                }
            }
        }
    });
}

template <class T, Activation act>
void turn_back(const PoolShape& s, const Pooling<T>& op) {
    for (i64 y = 0; y < s.height; ++y)
        for (i64 x = 0; x < s.width; ++x)
            for (i64 c = 0; c < s.channels; c += kLanes<T>) {
                T* to = at(op.to, y, x) + c;
                store(to, activate_back<T, act>(load(to), load(at(op.y, y, x) + c)));
            }
}

// Windows that lie edge to edge and cover the image: every number is written once, as it will be.
template <class T, Activation act>
void split(const PoolShape& s, const Pooling<T>& op) {
    for (i64 oy = 0; oy < s.out_height; ++oy) {
        for (i64 ox = 0; ox < s.out_width; ++ox) {
            T* const to = at(op.to, oy * s.size[0], ox * s.size[1]);
            for (i64 c = 0; c < s.channels; c += kLanes<T>) {
                const Vector<T> dy = arriving<T, act>(op, oy, ox, c);
                const Vector<T> winner = load(at(op.winner, oy, ox) + c);
                for (i64 i = 0; i < s.size[0]; ++i) {
                    for (i64 j = 0; j < s.size[1]; ++j) {
                        const Vector<T> entry = splat(static_cast<T>(i * s.size[1] + j));
                        store(to + i * op.to.line + j * op.to.pixel + c,
                              winner == entry ? dy : splat(T(0)));
                    }
                }
            }
        }
    }
}

template <class T>
void pool_back(const PoolShape& s, const Pooling<T>& op) {
    const bool edge_to_edge = s.size[0] == s.stride[0] && s.size[1] == s.stride[1] &&
                              s.pad[0] == 0 && s.pad[1] == 0 &&
                              s.out_height * s.size[0] == s.height &&
                              s.out_width * s.size[1] == s.width;
    with_activation(op.y.data == nullptr ? Activation::none : op.act, [&]<Activation act>() {
        if (s.greatest && edge_to_edge) {
            split<T, act>(s, op);
        } else if (s.greatest) {
            spread<T, act>(s, op);
        } else {
            spread<T, Activation::none>(s, op);
            if constexpr (act != Activation::none) turn_back<T, act>(s, op);
        }
    });
}

template <class T>
void fill(ImageMath<T>& math) {
    math.pool = pool<T>;
    math.pool_back = pool_back<T>;
}

}  // namespace

void add_pool(Kernels& table) {
    fill(table.f32.images);
    fill(table.f64.images);
}

}  // namespace zk::ZK_ISA
