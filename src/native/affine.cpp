// Affine layers, forward and back, with the activation applied while its numbers are in the cache.
#include "activation.hpp"
#include "ahead.hpp"
#include "few_rows.hpp"
#include "lane_sums.hpp"
#include "tables.hpp"
#include "tile.hpp"

namespace zk::ZK_ISA {
namespace {

// How much of the depth is gone through at a time, so that a panel's share stays in the first-level
// cache while tile after tile reads it. The sums of each part are added to those before it, so where the
// cuts lie is in the bits; they hang on the depth alone.
constexpr i64 kDepthBlock = 400;

i64 depth_parts(i64 depth) { return depth > kDepthBlock ? (depth - 1) / kDepthBlock + 1 : 1; }

// As even as can be, for threads take a part each: 784 = 392 + 392. Not at any number: half a line of floats.
template <class T>
i64 depth_cut(i64 depth, i64 part) {
    const i64 parts = depth_parts(depth);
    return part >= parts ? depth : depth * part / parts / 8 * 8;
}

// A tile's product, while the rows of the next tile are asked for, a few lines at a time: where rows
// begin anew every few lines, the processor's own prefetching comes late.
template <class T, int rows, int vectors>
__attribute__((always_inline)) inline void multiply_distant(i64 depth, Scalars<T> a, Rows<T> b,
                                                            Vector<T> (&sum)[rows][vectors]) {
    constexpr i64 step = 2 * kLineBytes / static_cast<i64>(sizeof(T));
    for (i64 k = 0; k < depth; k += step) {
        const T* const next = a.data + rows * a.row + k;
#pragma GCC unroll 24
        for (int r = 0; r < rows; ++r) {
            __builtin_prefetch(next + r * a.row);
            __builtin_prefetch(next + r * a.row + step / 2);
        }
        multiply<T, rows, vectors, false>(k + step < depth ? step : depth - k,
                                          Scalars<T>{a.data + k, a.row, 1},
                                          Rows<T>{b.data + k * b.step, b.step}, sum);
    }
}

// out[row..][0..width) of a product over the depth [k, k_end), where `panel` holds B. With `add`, the
// sums are added to what `out` holds.
template <class T, int vectors>
void packed_panel(i64 row, i64 row_end, i64 k, i64 k_end, const T* left, i64 left_row,
                  const T* panel, T* out, i64 out_row, bool add, bool distant, Asking& reading) {
    constexpr i64 width = vectors * kLanes<T>;
    for_tiles<vectors>(row, row_end, [&]<int rows>(i64 i) {
        Vector<T> sum[rows][vectors] = {};
        T* to = out + i * out_row;
        const Scalars<T> a{left + i * left_row + k, left_row, 1};
        const Rows<T> b{panel + k * width, width};
        if (vectors > 1 && rows == kRowsOf<vectors> && distant)
            multiply_distant<T, rows, vectors>(k_end - k, a, b, sum);
        else if (kAsks<rows, vectors> && !reading.done())
            multiply<T, rows, vectors, false>(
                k_end - k, a, b, sum, [read = reading.take(k_end - k)]() mutable { read.step<0>(); });
        else
            multiply<T, rows, vectors, false>(k_end - k, a, b, sum);
        if (add) {
#pragma GCC unroll 24
            for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
                for (int v = 0; v < vectors; ++v) sum[r][v] += load(to + r * out_row + v * kLanes<T>);
        }
#pragma GCC unroll 24
        for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; ++v) store(to + r * out_row + v * kLanes<T>, sum[r][v]);
    });
}

// So many rows of a thin panel, whose columns lie `depth` apart, over `count` numbers of it.
template <class T, int rows, int columns>
__attribute__((always_inline)) inline void thin_tile(i64 count, i64 depth, const T* left, i64 left_row,
                                                     const T* panel, T* out, i64 out_row, bool add) {
    Vector<T> sum[rows][columns] = {};
    const auto multiply_add = [&](i64 at, auto&& read) __attribute__((always_inline)) {
        Vector<T> column[columns];
#pragma GCC unroll 8
        for (int c = 0; c < columns; ++c) column[c] = read(panel + c * depth + at);
#pragma GCC unroll 24
        for (int r = 0; r < rows; ++r) {
            const Vector<T> one = read(left + r * left_row + at);
#pragma GCC unroll 8
            for (int c = 0; c < columns; ++c) sum[r][c] = fma(one, column[c], sum[r][c]);
        }
    };
    i64 at = 0;
    for (; at + kLanes<T> <= count; at += kLanes<T>)
        multiply_add(at, [](const T* from) { return load(from); });
    if (const i64 rest = count - at; rest > 0)
        multiply_add(at, [rest](const T* from) { return load_part(from, rest); });
#pragma GCC unroll 24
    for (int r = 0; r < rows; ++r) {
        Vector<T> line = sums_of_lanes<T, columns>(sum[r]);
        if (add) line += load(out + r * out_row);
        store(out + r * out_row, line);
    }
}

template <class T, int columns>
void thin_panel(i64 row, i64 row_end, i64 k, i64 k_end, i64 depth, const T* left, i64 left_row,
                const T* panel, T* out, i64 out_row, bool add) {
    for_pieces<kTileRows * kTileVectors / columns>(row, row_end, [&]<int rows>(i64 i) {
        thin_tile<T, rows, columns>(k_end - k, depth, left + i * left_row + k, left_row, panel + k,
                                    out + i * out_row, out_row, add);
    });
}

// The depth [k, k_end) of one panel, the columns from j on: as thin as it is, as in pack.cpp.
template <class T>
void product_panel(i64 row, i64 row_end, i64 k, i64 k_end, i64 depth, i64 rest, i64 width, bool thin,
                   const T* left, i64 left_row, const T* panel, T* out, i64 out_row, bool add,
                   bool distant, Asking& reading) {
    if (thin)
        with_thin<T>(rest, [&]<int count>() {
            thin_panel<T, count>(row, row_end, k, k_end, depth, left, left_row, panel, out, out_row, add);
        });
    else if (width == kLanes<T>)
        packed_panel<T, 1>(row, row_end, k, k_end, left, left_row, panel, out, out_row, add, false,
                           reading);
    else if (width == kWide<T>)
        packed_panel<T, kWideVectors>(row, row_end, k, k_end, left, left_row, panel, out, out_row, add,
                                      distant, reading);
    else
        packed_panel<T, kTileVectors>(row, row_end, k, k_end, left, left_row, panel, out, out_row, add,
                                      distant, reading);
}

// The columns [column, column_end) of a product whose B operand is packed, `columns` in all, over the
// parts [first, last) of its depth. finish(j, width) is called when the numbers of a panel are complete,
// and still near. A narrow one may be one wide panel where `can_be_wide`. While a panel of a large B is
// multiplied, the one behind it is asked for.
template <class T, bool can_be_wide, class Finish>
inline void packed_product(i64 row, i64 row_end, i64 depth, i64 first, i64 last, i64 columns, i64 column,
                           i64 column_end, const T* left, i64 left_row, const T* panels, T* out,
                           i64 out_row, bool distant, const Ahead& read_next, Finish&& finish) {
    const bool can_be_thin = pays_thin<T>(depth);
    const bool large = depth * columns * static_cast<i64>(sizeof(T)) > kMostPanels;
    const i64 steps = steps_of<T>(row_end - row, column_end - column,
                                  depth_cut<T>(depth, last) - depth_cut<T>(depth, first));
    Asking reading(read_next, steps);
    for (i64 part = first; part < last; ++part) {
        const i64 k = depth_cut<T>(depth, part), k_end = depth_cut<T>(depth, part + 1);
        for (i64 j = column, width = 0; j < column_end; j += width) {
            width = panel_width<T>(columns - j, can_be_thin, can_be_wide && j == 0);
            const bool ends = j + width >= column_end, more = ends && part + 1 < last;
            const i64 next = more ? column : j + width, of = more ? part + 1 : ends ? first : part;
            Stretch behind{};
            if (large && next < columns) {
                const i64 across = panel_width<T>(columns - next, can_be_thin, can_be_wide && next == 0);
                const i64 from = depth_cut<T>(depth, of), to = depth_cut<T>(depth, of + 1);
                behind = {panels + next * depth + from * across,
                          (to - from) * across * static_cast<i64>(sizeof(T))};
            }
            Asking panel({&behind, behind.bytes > 0}, steps_of<T>(row_end - row, width, k_end - k));
            product_panel<T>(row, row_end, k, k_end, depth, columns - j, width,
                             can_be_thin && is_thin<T>(columns - j), left, left_row, panels + j * depth,
                             out + j, out_row, part > first, distant && j == column,
                             panel.done() ? reading : panel);
            if (part + 1 == last) finish(j, width);
        }
    }
}

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
void affine(const AffineForward<T>& op, i64 row, i64 row_end, i64 column, i64 column_end,
            bool few) {
    const auto finish = [&](i64 j, i64 width) { finish_columns(op, row, row_end, j, width); };
    if (few) {
        const i64 end = column_end < op.outputs ? column_end : op.outputs;
        forward_few(op, row, row_end, column, end);
        finish(column, end - column);
    } else {
        packed_product<T, true>(row, row_end, op.inputs, 0, depth_parts(op.inputs), op.outputs, column,
                                column_end, op.x, op.x_row, op.packed, op.y, op.y_row, op.distant, op.read_next,
                                finish);
    }
}

template <class T>
void affine_part(const AffineForward<T>& op, i64 row, i64 row_end, i64 part) {
    packed_product<T, true>(row, row_end, op.inputs, part, part + 1, op.outputs, 0, op.outputs, op.x,
                            op.x_row, op.packed, op.y, op.y_row, false, op.read_next, [](i64, i64) {});
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
    const auto finish = [&](i64 j, i64 width) {
        with_activation(op.act, [&]<Activation act>() {
            turn_back<T, act>(op, row, row_end, j, width);
        });
    };
    if (few) {
        const i64 end = column_end < op.inputs ? column_end : op.inputs;
        back_few(op, row, row_end, column, end);
        finish(column, end - column);
    } else {
        packed_product<T, false>(row, row_end, op.outputs, 0, depth_parts(op.outputs), op.inputs, column,
                                 column_end, op.dy, op.dy_row, op.packed, op.dx, op.dx_row, false, op.read_next,
                                 finish);
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
}

}  // namespace

void add_affine(Kernels& table) {
    fill(table.f32);
    fill(table.f64);
}

}  // namespace zk::ZK_ISA
