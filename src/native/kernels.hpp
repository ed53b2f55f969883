// The table of kernels: one struct of function pointers, filled once per instruction set.
//
// To add a kernel: declare its pointer here; write `<name>.cpp` with everything inside
// `namespace zk::ZK_ISA` and one `add_<name>(Kernels&)`; declare that in tables.hpp and call it from
// table.cpp; name the file in CMakeLists.txt. The same source is then compiled for every instruction
// set.
//
// Files compiled per instruction set keep every function and template in `zk::ZK_ISA` and use none
// of the standard library's templates: two copies of an inline function under one name, built with
// different flags, would be merged by the linker, and an old CPU would meet instructions that it
// does not have. A test reads the symbols and holds this rule.
#pragma once

#include <cstdint>

#include "images.hpp"

namespace zk {

// out[r][c] = (D)source[index[r]][c] * scale, for r < count and c < columns.
// `stride` is the distance between rows of the source in elements and may be negative; the elements
// of a row lie side by side. `out` is dense and overlaps nothing. Every index has been checked.
template <class S, class D>
using Gather = void (*)(const S* source, i64 stride, i64 columns, const i64* index, i64 count,
                        D* out, D scale);

// The position of the first index that is not in [0, rows), or `count` when all are good.
using FirstBadIndex = i64 (*)(const i64* index, i64 count, i64 rows);

enum class Activation : int { none, relu, sigmoid, tanh };
// Activations whose gradient is that of their input; some have a parameter.
enum class Curve : int { leaky_relu, elu, gelu, gelu_tanh, silu, softplus };
enum class LossKind : int { softmax, sigmoid, identity };
enum class OptimizerKind : int { sgd, momentum, nesterov, adagrad, rmsprop, adam };

// Matrices below are rows in an arena: element (i, j) at data[i * row + j], with `row` so padded
// that whole vectors may be read and written past the last column.

// Memory that is needed after a call and lies with another core, or in no cache: the call asks for it.
struct Stretch { const void* from; i64 bytes; };
struct Ahead { const Stretch* stretches = nullptr; i64 count = 0; };

// Bytes of a W that may all be asked for before its product: beyond, it would push out what is at hand.
constexpr i64 kMostPanels = i64{1} << 18;

// A step of a product, in the list of those that a tile goes through, and room for the lists of so many rows: of
// so many steps each, at most.
using Step = std::uint16_t;
constexpr i64 kListSteps = 400;
constexpr i64 kListRoom = kListSteps + 16;
constexpr i64 kListedRows = 4;  // of a tile, at least
inline i64 lists_room(i64 rows) { return (rows / kListedRows + 4) * kListRoom; }

// y = act(x W + b) or, with `scale`, act((x W) * scale + b). `weights` is W as it is stored, (inputs,
// outputs) dense; `packed` is W in panels (pack_forward). A batch of a few rows reads `weights`, a larger
// one `packed`, or `weights` too where that is null: W's columns are whole panels then.
template <class T>
struct AffineForward {
    const T* x;
    i64 x_row;
    const T* weights;
    const T* packed;
    const T* bias;
    const T* scale;  // whole vectors; null: none
    T* y;
    i64 y_row;
    i64 inputs, outputs;
    Activation act;
    bool distant = false;  // x lies in no cache: each row is asked for before its turn
    Ahead read_next{};
    Step* lists = nullptr;  // lists_room numbers of the caller's, if steps at which x is zero shall be left out
};

// dx = (dy W^T) * factor * noise * act'(y), where y is the output that dx is the gradient of before its
// activation, and `noise` what dropout, or a product, multiplied that output by (null: nothing);
// `packed` is W^T in panels (pack_backward). With `turned`, which is dy^T in panels (turn_rows), W is read as it is
// stored; the first row of a call is then a multiple of `panel`.
template <class T>
struct AffineBackward {
    const T* dy;
    i64 dy_row;
    const T* weights;
    const T* packed;
    T* dx;
    i64 dx_row;
    const T* y;
    i64 y_row;
    const T* noise;
    i64 noise_row;
    i64 inputs, outputs;
    Activation act;
    T factor;
    Ahead read_next{};
    const T* turned = nullptr;
    i64 rows = 0;          // of all that is turned
    T* sums = nullptr;     // turned_scratch numbers of the caller's
    bool distant = false;  // W lies in no near cache: each row is asked for before its turn
};

// What the gradients of W and b are made of.
template <class T>
struct AffineGradient {
    const T* x;
    i64 x_row;
    const T* dy;
    i64 dy_row;
    i64 rows, inputs, outputs;
    Ahead read_next{}, write_next{};
    Step* lists = nullptr;  // the same; all of dy must be finite then
};

// Row by row: the loss, and the gradient of the scores times `scale`. Targets are drawn by
// `index` (null: the row itself) from `labels` or, when that is null, from rows of numbers.
template <class T>
struct LossRows {
    LossKind kind;
    const T* scores;
    i64 scores_row;
    T* gradient;
    i64 gradient_row;
    i64 classes;
    const i64* labels;
    const T* targets;
    i64 targets_row;
    const i64* index;
    double* losses;
    T scale;
};

// One operand or two, entry by entry (softmax: row by row).
template <class T>
struct Elementwise {
    const T* a;
    i64 a_row;
    const T* b;
    i64 b_row;
    T* out;
    i64 out_row;
    i64 columns;
    Activation act;
    Curve curve;
    T parameter;
};

// out = x * noise, with noise `factor` or, where a number of layers/dropout.py's is below `least`, 0.
// `noise` may be null: then it is not kept. `out` may be `x`.
template <class T>
struct DropoutRows {
    const T* x;
    i64 x_row;
    T* noise;
    i64 noise_row;
    T* out;
    i64 out_row;
    i64 columns;
    T factor;
    std::uint32_t least;
    std::uint64_t seed, pass;
};

// One step of an optimizer; what depends on the step alone is worked out beforehand.
template <class T>
struct Update {
    OptimizerKind kind;
    T lr;           // Adam: lr / (1 - beta1^t)
    T clip;         // gradients are multiplied by this; 1 leaves them
    T decay;        // coupled weight decay; 0 leaves gradients alone
    T shrink;       // decoupled weight decay: parameters times this; 1 leaves them
    T keep1, keep2; // momentum, RMSProp's decay or beta1; beta2
    T take1, take2; // 1 - keep1 and 1 - keep2, rounded after the subtraction
    T spread;       // Adam: 1 / sqrt(1 - beta2^t)
    T eps;
};

// The kernels of one float format. A range of rows or columns is [from, to).
template <class T>
struct Math {
    i64 lanes;      // numbers in a vector
    i64 panel;      // columns in a panel
    i64 undivided;  // up to so many columns, a packed product is not cut by them
    i64 tile_rows;  // rows of a tile: ranges of rows are best cut at its multiples
    i64 few_rows;   // up to so many rows, affine products read W as it is stored

    // Columns are cut at multiples of `panel`, those of W beyond `undivided` ones.
    void (*affine)(const AffineForward<T>&, i64 row, i64 row_end, i64 column, i64 column_end,
                   bool few);
    // The two halves of that for few rows: y = x W, and then y = act(y * scale + b).
    void (*affine_sums)(const AffineForward<T>&, i64 row, i64 row_end);
    void (*finish_affine)(const AffineForward<T>&, i64 row, i64 row_end);
    // The depth of a product is cut into parts, whose sums are added in order: depth_parts(inputs) of
    // them, part p from depth_cut(inputs, p) to depth_cut(inputs, p + 1). `affine_part` gives the sums of
    // one of them, from packed W, and finish_affine makes y of their total.
    i64 (*depth_parts)(i64 depth);
    i64 (*depth_cut)(i64 depth, i64 part);
    void (*affine_part)(const AffineForward<T>&, i64 row, i64 row_end, i64 part);
    void (*affine_back)(const AffineBackward<T>&, i64 row, i64 row_end, i64 column,
                        i64 column_end, bool few);
    // Rows [row, row_end) and columns of dW, dense with `out_row` between rows; columns as above.
    void (*weight_gradient)(const AffineGradient<T>&, i64 row, i64 row_end, i64 column,
                            i64 column_end, T* out, i64 out_row);
    void (*bias_gradient)(const AffineGradient<T>&, T* out);
    bool (*dy_is_finite)(const AffineGradient<T>&);
    // A part of W into panels; `column` and, for W^T, `row` are multiples of `panel`. With `changed_only`, lines
    // that hold these numbers already are not written: other cores may have them too.
    void (*pack_forward)(const T* weights, i64 inputs, i64 outputs, i64 row, i64 row_end,
                         i64 column, i64 column_end, T* to, bool changed_only);
    void (*pack_backward)(const T* weights, i64 inputs, i64 outputs, i64 row, i64 row_end,
                          i64 column, i64 column_end, T* to);
    // dy^T in panels, rows [row, row_end) of `rows`; `row` is a multiple of `panel`.
    void (*turn_rows)(const T* dy, i64 dy_row, i64 rows, i64 outputs, i64 row, i64 row_end, T* to);
    i64 (*turned_scratch)(i64 rows);  // for so many rows in one call

    // The first row whose label is out of range, or -1.
    i64 (*loss)(const LossRows<T>&, i64 row, i64 row_end);
    void (*activate)(const Elementwise<T>&, i64 row, i64 row_end);
    void (*activate_back)(const Elementwise<T>&, i64 row, i64 row_end);  // a = dy, b = y
    void (*curve)(const Elementwise<T>&, i64 row, i64 row_end);
    void (*curve_back)(const Elementwise<T>&, i64 row, i64 row_end);  // a = dy, b = x
    void (*softmax)(const Elementwise<T>&, i64 row, i64 row_end);
    void (*softmax_back)(const Elementwise<T>&, i64 row, i64 row_end);  // a = dy, b = y
    void (*add)(const Elementwise<T>&, i64 row, i64 row_end);
    void (*multiply)(const Elementwise<T>&, i64 row, i64 row_end);
    void (*dropout)(const DropoutRows<T>&, i64 row, i64 row_end);

    void (*update)(const Update<T>&, T* params, const T* grads, T* first, T* second, i64 count);
    double (*sum_of_squares)(const T* values, i64 count);

    ImageMath<T> images;
};

struct Kernels {
    FirstBadIndex first_bad_index;
    Gather<std::uint8_t, float> gather_u8_f32;
    Gather<std::uint8_t, double> gather_u8_f64;
    Gather<float, float> gather_f32_f32;
    Gather<float, double> gather_f32_f64;
    Gather<double, float> gather_f64_f32;
    Gather<double, double> gather_f64_f64;
    Math<float> f32;
    Math<double> f64;
};

template <class T>
inline const Math<T>& math(const Kernels& kernels) {
    if constexpr (sizeof(T) == sizeof(float)) return kernels.f32;
    else return kernels.f64;
}

}  // namespace zk
