// What a program is made of: its slots, its layers, and the calls of its list.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "kernels.hpp"
#include "memory.hpp"
#include "windows.hpp"

namespace zk {

// The types of Program<T>, which names them all as its own. What is an i64 and named after a slot, a layer, a
// convolution or a normalization is the number of one.
template <class T>
struct ProgramParts {
    enum class Elementwise {
        activate, activate_back, softmax, softmax_back, add, multiply, curve, curve_back
    };
    // What a segment takes at a time: chunks of rows, or one image after the other.
    enum class Kind { rows, images };

    // Whether so much of some data is zero that products leave it out: those of its rows, or of its columns.
    struct LeavesOut { bool rows = false, columns = false; };
    struct Slot {
        T* data;
        i64 row, columns;
        i64 channels, height, width;  // of an image; 0: a plain row
        Lay lay;
        i64 local;  // where it begins in a thread's own memory; -1: it lies in the arena
        bool users = false;  // the caller's rows, where they are
        LeavesOut zeros{};  // of data
        T* sample(i64 r) const { return data + r * row; }
    };
    enum class Finite : char { unknown, yes, no };
    struct Layer {
        i64 weights, bias, inputs, outputs, input, dout;
        // Null: W is read as it is stored; W^T is not needed, or dy is turned instead.
        Memory<T> forward_panels{nullptr, std::free}, back_panels{nullptr, std::free}, turned{nullptr, std::free};
    };
    // How windows are multiplied: tile by tile, or with fewer products, by squares or along lines.
    enum class Way { tiles, squares, lines };
    // One convolution: its parameters, their packed form, and its windows.
    struct Conv {
        ConvShape shape;
        i64 weights, bias, x;
        Packing packing, back_packing;
        Memory<T> panels, bias_panel, back_panels, sums;
        Way way, back_way;
        i64 plane, back_plane;  // numbers of one plane of W; Winograd's ways have several
        Windows windows;
        std::vector<Windows> back;
        std::vector<Run> runs;
        i64 runs_at_once, x_step, dy_step;
        i64 part;  // numbers of one part's sums: those of W, then those of b
        i64 of_a_filter() const { return static_cast<i64>(packing.at.size()) / shape.filters; }
    };
    // Filters [first, end) of a convolution: those of one panel. `packed`: their W and b as they were
    // packed, if that is remembered.
    struct Filters { i64 conv, first, end; std::vector<T> packed; };
    struct Gather { i64 source, to; bool may_alias; i64 offset, row; };
    struct Affine { i64 layer, input, output; Activation act; i64 norm; Stretch next{}; };
    struct Turn { i64 layer, dout; };
    struct AffineBack {
        i64 layer, dout, dx, output, noise;
        Activation act;
        T factor;
        Stretch next{};
    };
    struct Entrywise {
        Elementwise kind;
        i64 a, b, out;
        Activation act;
        Curve curve;
        double parameter;
    };
    struct Loss { LossKind kind; i64 scores, gradient; };
    struct Give { i64 from; };
    struct Call { i64 id; };
    struct Dropout { i64 x, out, noise; double ratio, factor; std::uint64_t* state; std::uint64_t seed, pass; };
    struct Norm {
        i64 gamma, beta, columns, width;
        T* mean;
        T* variance;
        double keep, take, eps;
        Memory<T> scale, shift;  // of inference; in training 1 / standard deviation, and mean
        Memory<T> parts, sums;   // of columns, a pair for each part of the batch; and on the way back
        i64 bias;  // of the layer that it is folded into; -1: none
    };
    struct Rescale { i64 norm, x, out; Activation act; };
    struct SumColumns { i64 norm, x, normal; };
    struct Normalize { i64 norm, x, normal, out; Activation act; };
    struct NormalizeBack { i64 norm, dout, normal, dx; };
    struct ToImage { i64 from, to; };
    struct FromImage { i64 from, to; };
    struct Pool { PoolShape shape; i64 x, out, winner; };
    struct Correlate {
        i64 conv, out;
        Activation act;
        i64 norm;
        std::optional<Pool> pool;
        i64 row = -1;  // the slot to which the pooled image goes; -1: none, or an image
    };
    struct CorrelateBack { i64 conv, dout, dx, output; Activation act; };
    struct FilterGradient { i64 conv, dout, winner, output; Activation act; };
    struct PoolBack { PoolShape shape; i64 dout, dx, winner, output; Activation act; };
    using Op = std::variant<Gather, Affine, AffineBack, Entrywise, Loss, Give, Call, Dropout, ToImage,
                            FromImage, Correlate, CorrelateBack, FilterGradient, Pool, PoolBack,
                            SumColumns, Normalize, NormalizeBack, Rescale, Turn>;
    // Calls that run together, for chunks of rows or sample by sample.
    struct Segment {
        Kind kind;
        std::vector<Op> ops;
        bool has_sums = false;  // filter gradients, which are summed in parts of the batch
        bool turns = false;     // gradients, panel by panel
        bool strides = false;   // through a wide W as it is stored
    };
    // What one call on an image works on: a row of the batch, and where it lies.
    struct Sample {
        i64 row;
        T* local;  // the thread's own memory
        i64 part;
        bool first;  // of its part
        i64 band = 0, bands = 1;  // of the lines of a convolution's results
    };
    struct Range { i64 offset, count; };
    // A block of one layer's parameters: rows [k, k_end), columns [j, j_end); bias where rows = 0.
    // `next`: the layer that its thread goes on with, of which it asks for one of so many turns.
    struct Block { i64 layer, k, k_end, j, j_end, part, next = -1, turn = 0, turns = 1; };
};

}  // namespace zk
