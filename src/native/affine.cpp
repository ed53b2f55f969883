// Affine layers, forward and back, with the activation fused in; and the panels that they read.
#include "activation.hpp"
#include "tables.hpp"
#include "tile.hpp"

namespace zk::ZK_ISA {
namespace {

// One tile row by row: f(row, vector within the row, value).
template <class T, int rows, int vectors, class F>
__attribute__((always_inline)) inline void each_vector(Vector<T> (&sum)[rows][vectors], F&& f) {
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) f(i, v, sum[i][v]);
    }
}

// The columns [j, j + kPanel) of a product whose B operand is packed; `narrow` panels are one
// vector wide. `finish` turns sums into results: finish(row, column, sum).
template <class T, class Left, class Finish>
inline void packed_panel(i64 row, i64 row_end, i64 depth, Left&& left, const T* panel, i64 j,
                         bool narrow, Finish&& finish) {
    for_tiles(row, row_end, [&]<int rows>(i64 i) {
        if (narrow) {
            Vector<T> sum[rows][1] = {};
            multiply<T, rows, 1>(depth, left(i), Rows<T>{panel, kLanes<T>}, sum);
            each_vector<T, rows, 1>(sum, [&](int r, int, Vector<T> s) { finish(i + r, j, s); });
        } else {
            Vector<T> sum[rows][kTileVectors] = {};
            multiply<T, rows, kTileVectors>(depth, left(i), Rows<T>{panel, kPanel<T>}, sum);
            each_vector<T, rows, kTileVectors>(sum, [&](int r, int v, Vector<T> s) {
                finish(i + r, j + v * kLanes<T>, s);
            });
        }
    });
}

template <class T, Activation act>
void forward_packed(const AffineForward<T>& op, i64 row, i64 row_end, i64 column, i64 column_end) {
    const auto left = [&](i64 i) { return Scalars<T>{op.x + i * op.x_row, op.x_row, 1}; };
    for (i64 j = column; j < column_end; j += kPanel<T>) {
        const i64 rest = op.outputs - j;
        Vector<T> bias[kTileVectors];
        for (int v = 0; v < kTileVectors; ++v) {
            const i64 count = rest - v * kLanes<T>;
            bias[v] = load_part(op.bias + j + v * kLanes<T>,
                                count < 0 ? 0 : (count < kLanes<T> ? count : kLanes<T>));
        }
        packed_panel<T>(row, row_end, op.inputs, left, op.packed + j * op.inputs, j,
                        rest <= kLanes<T>, [&](i64 i, i64 c, Vector<T> sum) {
                            const Vector<T> b = c == j ? bias[0] : bias[kTileVectors - 1];
                            store(op.y + i * op.y_row + c, activate<T, act>(sum + b));
                        });
    }
}

// Few rows: W is read as it is stored, a strip of up to `vectors` vectors at a time. The last
// vector is moved back so that it ends with the row.
template <class T, Activation act, int vectors>
i64 forward_strips(const AffineForward<T>& op, i64 i, i64 column, i64 column_end) {
    constexpr i64 width = vectors * kLanes<T>;
    i64 j = column;
    for (; j + width <= column_end; j += width) {
        Vector<T> sum[1][vectors] = {};
        multiply<T, 1, vectors>(op.inputs, Scalars<T>{op.x + i * op.x_row, op.x_row, 1},
                                Rows<T>{op.weights + j, op.outputs}, sum);
        each_vector<T, 1, vectors>(sum, [&](int, int v, Vector<T> s) {
            const i64 c = j + v * kLanes<T>;
            store(op.y + i * op.y_row + c, activate<T, act>(s + load(op.bias + c)));
        });
    }
    return j;
}

template <class T, Activation act>
void forward_few(const AffineForward<T>& op, i64 row, i64 row_end, i64 column, i64 column_end) {
    if (column_end > op.outputs) column_end = op.outputs;
    for (i64 i = row; i < row_end; ++i) {
        i64 j = forward_strips<T, act, 8>(op, i, column, column_end);
        j = forward_strips<T, act, 4>(op, i, j, column_end);
        j = forward_strips<T, act, 2>(op, i, j, column_end);
        j = forward_strips<T, act, 1>(op, i, j, column_end);
        if (j < column_end) {
            const i64 count = column_end - j;
            const T* x = op.x + i * op.x_row;
            Vector<T> sum{};
            for (i64 k = 0; k < op.inputs; ++k)
                sum = fma(splat(x[k]), load_part(op.weights + k * op.outputs + j, count), sum);
            store(op.y + i * op.y_row + j, activate<T, act>(sum + load_part(op.bias + j, count)));
        }
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
    const auto left = [&](i64 i) { return Scalars<T>{op.dy + i * op.dy_row, op.dy_row, 1}; };
    for (i64 j = column; j < column_end; j += kPanel<T>) {
        packed_panel<T>(row, row_end, op.outputs, left, op.packed + j * op.outputs, j,
                        op.inputs - j <= kLanes<T>, [&](i64 i, i64 c, Vector<T> sum) {
                            Vector<T> y{};
                            if constexpr (act != Activation::none) y = load(op.y + i * op.y_row + c);
                            store(op.dx + i * op.dx_row + c, activate_back<T, act>(sum, y));
                        });
    }
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

// Panels of W^T: panel p holds the rows [p * kPanel, ...) of W, turned.
template <class T>
void pack_backward(const T* weights, i64 inputs, i64 outputs, i64 row, i64 row_end, i64 column,
                   i64 column_end, T* to) {
    for (i64 i = row; i < row_end; i += kPanel<T>) {
        const i64 rest = inputs - i;
        const i64 width = rest <= kLanes<T> ? kLanes<T> : kPanel<T>;
        const i64 count = rest < width ? rest : width;
        T* panel = to + i * outputs;
        for (i64 j = column; j < column_end; ++j) {
            T* line = panel + j * width;
            for (i64 k = 0; k < count; ++k) line[k] = weights[(i + k) * outputs + j];
            for (i64 k = count; k < width; ++k) line[k] = T(0);
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
