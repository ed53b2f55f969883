// Affine layers, forward and back, with the activation applied while its numbers are in the cache.
#include "activation.hpp"
#include "few_rows.hpp"
#include "packed_product.hpp"
#include "tables.hpp"
#include "turned_product.hpp"

namespace zk::ZK_ISA {
namespace {

// y = act(y + b) on columns [j, j + width), of which `columns` are numbers and the rest padding.
template <class T, Activation act>
void add_bias(const AffineForward<T>& op, i64 row, i64 row_end, i64 j, i64 width) {
    for (i64 c = j; c < j + width; c += kLanes<T>) {
        const i64 rest = op.outputs - c;
        const Vector<T> bias = rest >= kLanes<T> ? load(op.bias + c)
                               : rest > 0        ? load_part(op.bias + c, rest)
                                                 : Vector<T>{};
        if (op.scale != nullptr) {
            const Vector<T> scale = load(op.scale + c);
            for (i64 i = row; i < row_end; ++i) {
                T* y = op.y + i * op.y_row + c;
                store(y, activate<T, act>(load(y) * scale + bias));
            }
            continue;
        }
        for (i64 i = row; i < row_end; ++i) {
            T* y = op.y + i * op.y_row + c;
            store(y, activate<T, act>(load(y) + bias));
        }
    }
}

template <class T>
void affine_sums(const AffineForward<T>& op, i64 row, i64 row_end) {
    forward_few(op, row, row_end, 0, op.outputs);
}

template <class T>
void finish_columns(const AffineForward<T>& op, i64 row, i64 row_end, i64 j, i64 width) {
    with_activation(op.act, [&]<Activation act>() {
        add_bias<T, act>(op, row, row_end, j, width);
    });
}

template <class T>
void finish_affine(const AffineForward<T>& op, i64 row, i64 row_end) {
    finish_columns(op, row, row_end, 0, op.outputs);
}

template <class T>
Panels<T> panels_of(const AffineForward<T>& op) {
    return op.packed != nullptr ? Panels<T>{op.packed} : Panels<T>{op.weights, op.outputs};
}

template <class T>
void affine(const AffineForward<T>& op, i64 row, i64 row_end, i64 column, i64 column_end,
            bool few) {
    const auto finish = [&](i64 j, i64 width) { finish_columns(op, row, row_end, j, width); };
    if (few) {
        const i64 end = column_end < op.outputs ? column_end : op.outputs;
        forward_few(op, row, row_end, column, end);
        finish(column, end - column);
    } else {
        packed_product<T, true>(row, row_end, op.inputs, 0, depth_parts(op.inputs), op.outputs, column,
                                column_end, op.x, op.x_row, panels_of(op), op.y, op.y_row, op.distant, op.read_next,
                                op.lists, finish);
    }
}

template <class T>
void affine_part(const AffineForward<T>& op, i64 row, i64 row_end, i64 part) {
    packed_product<T, true>(row, row_end, op.inputs, part, part + 1, op.outputs, 0, op.outputs, op.x,
                            op.x_row, panels_of(op), op.y, op.y_row, false, op.read_next, op.lists, [](i64, i64) {});
}

// dx = dx * factor * noise * act'(y) on columns [j, j + width). Where there is noise, or no activation,
// the factor is 1.
template <class T, Activation act>
void turn_back(const AffineBackward<T>& op, i64 row, i64 row_end, i64 j, i64 width) {
    if (op.noise != nullptr) {
        for (i64 i = row; i < row_end; ++i) {
            T* dx = op.dx + i * op.dx_row + j;
            const T* noise = op.noise + i * op.noise_row + j;
            const T* y = act == Activation::none ? noise : op.y + i * op.y_row + j;
            for (i64 c = 0; c < width; c += kLanes<T>)
                store(dx + c, activate_back<T, act>(load(dx + c) * load(noise + c), load(y + c)));
        }
    } else if constexpr (act != Activation::none) {
        const Vector<T> factor = splat(op.factor);
        for (i64 i = row; i < row_end; ++i) {
            T* dx = op.dx + i * op.dx_row + j;
            const T* y = op.y + i * op.y_row + j;
            for (i64 c = 0; c < width; c += kLanes<T>)
                store(dx + c, activate_back<T, act>(load(dx + c) * factor, load(y + c)));
        }
    }
}

template <class T>
void affine_back(const AffineBackward<T>& op, i64 row, i64 row_end, i64 column, i64 column_end,
                 bool few) {
    const auto finish_rows = [&](i64 first, i64 last, i64 j, i64 width) {
        with_activation(op.act, [&]<Activation act>() { turn_back<T, act>(op, first, last, j, width); });
    };
    const auto finish = [&](i64 j, i64 width) { finish_rows(row, row_end, j, width); };
    const i64 end = column_end < op.inputs ? column_end : op.inputs;
    if (few) {
        back_few(op, row, row_end, column, end);
        finish(column, end - column);
    } else if (op.turned != nullptr) {
        back_turned(op, row, row_end, column, end, finish_rows);
    } else {
        packed_product<T, false>(row, row_end, op.outputs, 0, depth_parts(op.outputs), op.inputs, column,
                                 column_end, op.dy, op.dy_row, Panels<T>{op.packed}, op.dx, op.dx_row, false,
                                 op.read_next, nullptr, finish);
    }
}

template <class T>
void fill(Math<T>& math) {
    math.lanes = kLanes<T>;
    math.panel = kPanel<T>;
    math.undivided = most_columns<T>(kWideVectors, true);
    math.tile_rows = kTileRows;
    math.few_rows = kFewRows;
    math.affine = affine<T>;
    math.affine_sums = affine_sums<T>;
    math.finish_affine = finish_affine<T>;
    math.depth_parts = depth_parts;
    math.depth_cut = depth_cut<T>;
    math.affine_part = affine_part<T>;
    math.affine_back = affine_back<T>;
    math.turned_scratch = turned_scratch<T>;
}

}  // namespace

void add_affine(Kernels& table) {
    fill(table.f32);
    fill(table.f64);
}

}  // namespace zk::ZK_ISA
