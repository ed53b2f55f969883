// Affine layers, forward and back, with the activation fused in; and the panels that they read.
#include "activation.hpp"
#include "tables.hpp"
#include "tile.hpp"

namespace zk::ZK_ISA {
namespace {

template <class T>
inline i64 at_most_lanes(i64 count) {
    return count < 0 ? 0 : (count < kLanes<T> ? count : kLanes<T>);
}

// One tile row by row: f(row, vector within the row, value).
template <class T, int rows, int vectors, class F>
__attribute__((always_inline)) inline void each_vector(Vector<T> (&sum)[rows][vectors], F&& f) {
#pragma GCC unroll 24
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) f(i, v, sum[i][v]);
    }
}

// How much of the depth is gone through at a time, so that a panel's share stays in the first-level
// cache while tile after tile reads it.
constexpr i64 kDepthBlock = 400;

// The columns [j, j + width) of a product whose B operand is packed, over depth [k, k_end). Sums go
// on from what `out` holds (unless k is 0) and end there, or at the last block in `finish`:
// finish(row, vector, sum). Where the depth is cut changes no bit: a sum is stored as it is.
template <class T, int vectors, class Finish>
inline void packed_panel(i64 row, i64 row_end, i64 k, i64 k_end, bool last, const T* left,
                         i64 left_row, const T* panel, T* out, i64 out_row, Finish&& finish) {
    constexpr i64 width = vectors * kLanes<T>;
    for_tiles<vectors>(row, row_end, [&]<int rows>(i64 i) {
        Vector<T> sum[rows][vectors] = {};
        T* to = out + i * out_row;
        if (k > 0)
            each_vector<T, rows, vectors>(sum, [&](int r, int v, Vector<T>& s) {
                s = load(to + r * out_row + v * kLanes<T>);
            });
        multiply<T, rows, vectors, false>(k_end - k, Scalars<T>{left + i * left_row + k, left_row, 1},
                                   Rows<T>{panel + k * width, width}, sum);
        each_vector<T, rows, vectors>(sum, [&](int r, int v, Vector<T>& s) {
            store(to + r * out_row + v * kLanes<T>, last ? finish(i + r, v, s) : s);
        });
    });
}

// All columns [column, column_end) of such a product. make_finish(j) gives the finish of a panel.
template <class T, class MakeFinish>
inline void packed_product(i64 row, i64 row_end, i64 depth, i64 columns, i64 column,
                           i64 column_end, const T* left, i64 left_row, const T* panels, T* out,
                           i64 out_row, MakeFinish&& make_finish) {
    const i64 blocks = depth > kDepthBlock ? (depth - 1) / kDepthBlock + 1 : 1;
    for (i64 b = 0; b < blocks; ++b) {
        const i64 k = depth * b / blocks, k_end = depth * (b + 1) / blocks;
        for (i64 j = column; j < column_end; j += kPanel<T>) {
            const auto finish = make_finish(j);
            const auto run = [&]<int vectors>() {
                packed_panel<T, vectors>(row, row_end, k, k_end, b + 1 == blocks, left, left_row,
                                         panels + j * depth, out + j, out_row, finish);
            };
            if (columns - j <= kLanes<T>) run.template operator()<1>();
            else run.template operator()<kTileVectors>();
        }
    }
}

template <class T, Activation act>
void forward_packed(const AffineForward<T>& op, i64 row, i64 row_end, i64 column, i64 column_end) {
    packed_product<T>(row, row_end, op.inputs, op.outputs, column, column_end, op.x, op.x_row,
                      op.packed, op.y, op.y_row, [&](i64 j) {
                          const i64 first = at_most_lanes<T>(op.outputs - j);
                          const i64 second = at_most_lanes<T>(op.outputs - j - kLanes<T>);
                          const Vector<T> low = load_part(op.bias + j, first);
                          const Vector<T> high = load_part(op.bias + j + first, second);
                          return [low, high](i64, int v, Vector<T> sum) {
                              return activate<T, act>(sum + (v == 0 ? low : high));
                          };
                      });
}

// Few rows: W is read as it is stored, and only once: up to eight vectors of a line at a time. The
// last of them is moved back so that it ends with the line, or read in part where the line is
// shorter than a vector; numbers that two vectors hold come out the same in both.
template <class T, Activation act, int vectors>
void forward_strip(const AffineForward<T>& op, i64 row, i64 row_end, i64 j, i64 columns) {
    const bool part = columns < kLanes<T>;
    const i64 last = part ? 0 : columns - kLanes<T>;
    const auto read = [&](const T* from, int v) {
        if (v < vectors - 1) return load(from + v * kLanes<T>);
        return part ? load_part(from, columns) : load(from + last);
    };
    for (i64 i = row; i < row_end; ++i) {
        const T* __restrict__ x = op.x + i * op.x_row;
        const T* __restrict__ line = op.weights + j;
        Vector<T> sum[vectors] = {};
        for (i64 k = 0; k < op.inputs; ++k, line += op.outputs) {
            const Vector<T> one = splat(x[k]);
#pragma GCC unroll 8
            for (int v = 0; v < vectors; ++v) sum[v] = fma(one, read(line, v), sum[v]);
        }
        T* y = op.y + i * op.y_row + j;
        for (int v = 0; v < vectors; ++v) {
            const Vector<T> result = activate<T, act>(sum[v] + read(op.bias + j, v));
            store(y + (v < vectors - 1 ? v * kLanes<T> : last), result);
        }
    }
}

template <class T, Activation act, int vectors = 8>
void forward_few(const AffineForward<T>& op, i64 row, i64 row_end, i64 column, i64 column_end) {
    if constexpr (vectors >= 1) {
        constexpr i64 width = vectors * kLanes<T>;
        if (vectors == 8) {
            if (column_end > op.outputs) column_end = op.outputs;
            for (; column + width <= column_end; column += width)
                forward_strip<T, act, vectors>(op, row, row_end, column, width);
        }
        const i64 rest = column_end - column;
        if (rest <= 0) return;
        if (rest > width - kLanes<T>)
            return forward_strip<T, act, vectors>(op, row, row_end, column, rest);
        forward_few<T, act, vectors - 1>(op, row, row_end, column, column_end);
    }
}

template <class T>
void affine(const AffineForward<T>& op, i64 row, i64 row_end, i64 column, i64 column_end,
            bool few) {
    with_activation(op.act, [&]<Activation act>() {
        if (few) forward_few<T, act>(op, row, row_end, column, column_end);
        else forward_packed<T, act>(op, row, row_end, column, column_end);
    });
}

template <class T, Activation act>
void back_packed(const AffineBackward<T>& op, i64 row, i64 row_end, i64 column, i64 column_end) {
    packed_product<T>(row, row_end, op.outputs, op.inputs, column, column_end, op.dy, op.dy_row,
                      op.packed, op.dx, op.dx_row, [&](i64 j) {
                          return [&op, j](i64 i, int v, Vector<T> sum) {
                              Vector<T> y{};
                              if constexpr (act != Activation::none)
                                  y = load(op.y + i * op.y_row + j + v * kLanes<T>);
                              return activate_back<T, act>(sum, y);
                          };
                      });
}

// Few rows: a row of W times a row of dy, summed across.
template <class T, Activation act>
void back_few(const AffineBackward<T>& op, i64 row, i64 row_end, i64 column, i64 column_end) {
    if (column_end > op.inputs) column_end = op.inputs;
    for (i64 i = row; i < row_end; ++i) {
        const T* dy = op.dy + i * op.dy_row;
        for (i64 k = column; k < column_end; ++k) {
            const T* w = op.weights + k * op.outputs;
            Vector<T> sum{};
            i64 j = 0;
            for (; j + kLanes<T> <= op.outputs; j += kLanes<T>)
                sum = fma(load(dy + j), load(w + j), sum);
            if (j < op.outputs)
                sum = fma(load_part(dy + j, op.outputs - j), load_part(w + j, op.outputs - j), sum);
            T y{};
            if constexpr (act != Activation::none) y = op.y[i * op.y_row + k];
            const Vector<T> dx = activate_back<T, act>(splat(sum_lanes<T>(sum)), splat(y));
            op.dx[i * op.dx_row + k] = dx[0];
        }
    }
}

template <class T>
void affine_back(const AffineBackward<T>& op, i64 row, i64 row_end, i64 column, i64 column_end,
                 bool few) {
    with_activation(op.act, [&]<Activation act>() {
        if (few) back_few<T, act>(op, row, row_end, column, column_end);
        else back_packed<T, act>(op, row, row_end, column, column_end);
    });
}

// Panels of W: panel p holds the columns [p * kPanel, ...), row after row. The last one is a single
// vector wide where that is enough; what it holds beyond W is 0.
template <class T>
void pack_forward(const T* weights, i64 inputs, i64 outputs, i64 row, i64 row_end, i64 column,
                  i64 column_end, T* to) {
    for (i64 j = column; j < column_end; j += kPanel<T>) {
        const i64 rest = outputs - j;
        const i64 width = rest <= kLanes<T> ? kLanes<T> : kPanel<T>;
        T* panel = to + j * inputs;
        for (i64 k = row; k < row_end; ++k) {
            const T* from = weights + k * outputs + j;
            for (i64 v = 0; v < width; v += kLanes<T>) {
                const i64 count = rest - v;
                store(panel + k * width + v, count >= kLanes<T> ? load(from + v)
                                             : count > 0        ? load_part(from + v, count)
                                                                : Vector<T>{});
            }
        }
    }
}

template <int... t>
struct Lanes {};
template <int n, int... t>
struct LanesUpTo : LanesUpTo<n - 1, n - 1, t...> {};
template <int... t>
struct LanesUpTo<0, t...> {
    using type = Lanes<t...>;
};

// Exchanges the off-diagonal quarters of each square of 2 * step lines and lanes.
template <class T, int step, int... t>
__attribute__((always_inline)) inline void exchange(Vector<T>& a, Vector<T>& b, Lanes<t...>) {
    const Vector<T> first =
        __builtin_shufflevector(a, b, ((t & step) ? kLanes<T> + t - step : t)...);
    const Vector<T> second = __builtin_shufflevector(a, b, ((t & step) ? kLanes<T> + t : t + step)...);
    a = first;
    b = second;
}

// Turns a square of kLanes lines held in registers: halves change places, then quarters, ...
template <class T, int step = kLanes<T> / 2>
__attribute__((always_inline)) inline void turn(Vector<T> (&line)[kLanes<T>]) {
    if constexpr (step >= 1) {
#pragma GCC unroll 16
        for (int i = 0; i < kLanes<T>; ++i)
            if (!(i & step))
                exchange<T, step>(line[i], line[i + step],
                                  typename LanesUpTo<kLanes<T>>::type{});
        turn<T, step / 2>(line);
    }
}

// Panels of W^T: panel p holds the rows [p * kPanel, ...) of W, turned.
template <class T>
void pack_backward(const T* weights, i64 inputs, i64 outputs, i64 row, i64 row_end, i64 column,
                   i64 column_end, T* to) {
    for (i64 i = row; i < row_end; i += kPanel<T>) {
        const i64 rest = inputs - i;
        const i64 width = rest <= kLanes<T> ? kLanes<T> : kPanel<T>;
        T* panel = to + i * outputs;
        // All vectors of a line before the next line: its bytes are then written while they are near.
        for (i64 j = column; j < column_end; j += kLanes<T>) {
            const i64 columns = at_most_lanes<T>(column_end - j);
            for (i64 v = 0; v < width; v += kLanes<T>) {
                const i64 lines = at_most_lanes<T>(rest - v);
                const T* from = weights + (i + v) * outputs + j;
                T* out = panel + j * width + v;
                Vector<T> line[kLanes<T>] = {};
                if (lines == kLanes<T> && columns == kLanes<T>) {
#pragma GCC unroll 16
                    for (int k = 0; k < kLanes<T>; ++k) line[k] = load(from + k * outputs);
                    turn<T>(line);
#pragma GCC unroll 16
                    for (int c = 0; c < kLanes<T>; ++c) store(out + c * width, line[c]);
                } else {
                    for (i64 k = 0; k < lines; ++k) line[k] = load_part(from + k * outputs, columns);
                    turn<T>(line);
                    for (i64 c = 0; c < columns; ++c) store(out + c * width, line[c]);
                }
            }
        }
    }
}

template <class T>
void fill(Math<T>& math) {
    math.lanes = kLanes<T>;
    math.panel = kPanel<T>;
    math.tile_rows = kTileRows;
    math.few_rows = 3;
    math.affine = affine<T>;
    math.affine_back = affine_back<T>;
    math.pack_forward = pack_forward<T>;
    math.pack_backward = pack_backward<T>;
}

}  // namespace

void add_affine(Kernels& table) {
    fill(table.f32);
    fill(table.f64);
}

}  // namespace zk::ZK_ISA
