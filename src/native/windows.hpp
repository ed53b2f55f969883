// Where a convolution's windows stand and what they see, as tables that its kernels walk through.
#pragma once

#include <cstdint>
#include <vector>

#include "images.hpp"

namespace zk {

// How an image lies in a slot: its first pixel at `origin`, and the distances between lines and
// between pixels.
struct Lay {
    i64 origin, line, pixel;
};

// A convolution's numbers; pairs are (height, width). W has the shape (filters, channels, size).
struct ConvShape {
    i64 channels, height, width;
    i64 filters, out_height, out_width;
    i64 size[2], stride[2], pad[2], dilation[2];
};

// One product of windows and a packed W.
struct Windows {
    std::vector<Place> places;
    std::vector<Tap> taps;
    i64 depth = 0;
    i64 start = 0;  // where its panels begin among the packed numbers
};

// Numbers of W, in their order, as they lie in panels: at[i] is the place of W's i-th number.
struct Packing {
    std::vector<std::int32_t> at;
    i64 size = 0;
};

// y from x: one product over all places.
Windows forward_windows(const ConvShape& shape, const Lay& x, const Lay& y);

// dx from dy: a product for each remainder of a place by the stride, since only every stride-th row
// and column of W meets it. `act` is where the output of the activation in front lies.
std::vector<Windows> back_windows(const ConvShape& shape, const Lay& dy, const Lay& dx,
                                  const Lay& act, i64 panel);

// The windows of a line of places, for the gradient of W.
std::vector<Run> window_runs(const ConvShape& shape, const Lay& x, const Lay& dy);

// Where row `k` of a column lies when a matrix is packed in panels of columns.
i64 packed_at(i64 k, i64 column, i64 depth, i64 columns, i64 lanes, i64 panel);

Packing forward_packing(const ConvShape& shape, i64 lanes, i64 panel);
Packing back_packing(const ConvShape& shape, i64 lanes, i64 panel);


}  // namespace zk
