// Kernels on images: their arguments, and their part of the table of kernels.
//
// An image in an arena lies pixel by pixel, the channels of one side by side (NHWC), each pixel
// padded to whole vectors. Around the image may stand a border of zeros, so that windows that reach
// past its edge need no question asked.
#pragma once

#include <cstdint>

namespace zk {

using i64 = std::int64_t;
enum class Activation : int;

// Where a window stands: its first number in x, and the result in `out` and in `y`; offsets within
// a sample. A border keeps `from` plus any tap inside the sample.
struct Place {
    std::int32_t from, to, y;
};

// Numbers of a window that lie side by side in x, `from` behind the window's first.
struct Tap {
    i64 from, depth;
};

// An image, or the place of one: pixel (y, x) begins at data[y * line + x * pixel].
template <class T>
struct Plane {
    T* data;
    i64 line, pixel;
};

template <class T>
inline Plane<const T> to_read(const Plane<T>& plane) {
    return {plane.data, plane.line, plane.pixel};
}

// out[place] = act(b + sum over taps of x * W), the sum times `scale` where there is one, or, with
// `y`, (sum) * act'(y): one sample. W is in
// panels of columns as for affine products, its depth in the order of the taps.
template <class T>
struct Correlation {
    const T* x;
    const T* panels;
    const T* bias;   // whole vectors; null: none
    const T* scale;  // whole vectors; null: none
    T* out;
    const T* y;
    const Place* places;
    i64 place_count;
    const Tap* taps;
    i64 tap_count;
    i64 depth;  // of all taps
    i64 columns;
    Activation act;
};

// The same where only the greatest of each 2x2 results goes on, where of equal ones the first counts. x
// begins where the first window does; `x_line` and `x_pixel` go from a window to that of the next line and
// of the next place. `act` is none or relu.
template <class T>
struct PooledCorrelation {
    const T* x;
    i64 x_line, x_pixel;
    const T* panels;
    const T* bias;   // whole vectors
    const T* scale;  // whole vectors; null: none
    Plane<T> out;
    Plane<T> winner;  // which of the four it was, from 0 on; null: nobody asks
    const Tap* taps;
    i64 tap_count;
    i64 depth;  // of all taps
    i64 columns, out_height, out_width;  // of the pooled numbers
    Activation act;
    T* row;  // where the pooled numbers go next, as many of them, and what is asked for ahead; null: nowhere
};

// Places side by side: windows `x_step` apart in x, results `dy_step` apart in dy.
struct Run {
    std::int32_t from, to, count;
};

// The gradients of W and b of one sample, added to `sums` and `bias_sums`, or, where it is the
// `first`, written there. They lie in panels, as W does.
template <class T>
struct FilterGradient {
    const T* x;
    const T* dy;
    const Run* runs;
    i64 run_count;
    i64 runs_at_once;  // as many as stay in the first-level cache
    i64 x_step, dy_step;
    const Tap* taps;
    i64 tap_count;
    i64 depth, columns;
    T* sums;
    T* bias_sums;
    bool first;
};

// A window of `size` moves over images by `stride`; all are (height, width).
struct PoolShape {
    i64 channels;
    i64 height, width, out_height, out_width;
    i64 size[2], stride[2], pad[2];
    bool greatest;  // the greatest number of a window, or the mean
};

// `winner` holds the number of the window's entry that gave the greatest; it may be null forward.
// Backward, `y` (null: none) tells the output of the activation in front, whose gradient is applied:
// where the greatest counts, by the pooled numbers, else by that output itself.
template <class T>
struct Pooling {
    Plane<const T> from;  // x, or dy
    Plane<T> to;          // y, or dx
    Plane<T> winner;
    Plane<const T> y;
    Activation act;
};

// The gradients of W and b of one sample as in FilterGradient, of a convolution whose results only reached
// what follows by the greatest of each 2x2. `dy`, `winner` and, where the gradient of the activation in
// front is to be applied, `y` are of the pooled numbers.
template <class T>
struct PooledGradient {
    const T* x;  // where the first window begins
    i64 x_line, x_pixel;  // from a window to that of the next line, and of the next place
    Plane<const T> dy, winner, y;
    Activation act;
    const Tap* taps;
    i64 tap_count;
    i64 depth, columns, out_height, out_width;
    T* sums;
    T* bias_sums;
    bool first;
    T* scratch;  // pooled_gradient_scratch numbers
};

// A 3x3 convolution with stride 1, by Winograd's way: out = act(b + windows of x * W), or, with
// `y`, (that sum) * act'(y): one sample. x begins where the first window does. W is turned, in 16
// planes of panels. `channels` is a multiple of the lanes of a vector.
template <class T>
struct Winograd {
    Plane<const T> x;
    const T* panels;
    const T* bias;   // whole vectors; null: none, and no activation
    const T* scale;  // whole vectors; null: none
    Plane<T> out;
    Plane<const T> y;
    i64 channels, columns, out_height, out_width;
    Activation act;
    T* scratch;  // winograd_scratch numbers
};

// A convolution of windows five wide with stride 1, `lines` of them high and `down` apart, by
// Winograd's way along lines; else as above. W is turned, in 8 planes of panels.
template <class T>
struct LineWinograd {
    Plane<const T> x;
    const T* panels;
    const T* bias;   // whole vectors; null: none
    const T* scale;  // whole vectors; null: none
    Plane<T> out;
    Plane<const T> y;
    i64 lines, down;
    i64 channels, columns, out_height, out_width;
    Activation act;
    T* scratch;  // line_winograd_scratch numbers
};

// How many numbers a column has: one a row, or in images one a pixel.
struct Places {
    i64 rows, height, width;
    i64 count() const { return rows * height * width; }
};

// Where they are: data[r * row + y * line + x * pixel].
template <class T>
struct Grid {
    T* data;
    i64 row, line, pixel;
};

// Sums of each column over a part of the batch, for batch normalization: of x its mean and the squares of
// what lies away from it; on the way back, where `normal` is given, of x and of x * normal.
template <class T>
struct ColumnSums {
    Places places;
    Grid<const T> x, normal;
    i64 columns;
    T* first;   // whole vectors
    T* second;  // whole vectors
};

// The parts' means and squares put together: mean and 1 / standard deviation of the whole batch, which
// the running values follow. Not `own`: a single number has no variance, and the running values serve.
template <class T>
struct Moments {
    const T* sums;  // part p: `first` at p * apart, and `second` half of that behind it
    i64 parts, apart;
    i64 numbers, last;  // of a column in each part, and in the last
    i64 columns;
    T* running_mean;
    T* running_variance;
    T* mean;   // whole vectors
    T* scale;  // whole vectors
    T keep, take, eps;
    bool own;
};

// normal = (x - mean) * scale and y = act(normal * gamma + beta).
template <class T>
struct Normalize {
    Places places;
    Grid<const T> x;
    Grid<T> normal, y;
    i64 columns;
    const T* mean;
    const T* scale;
    const T* gamma;
    const T* beta;
    Activation act;
};

// dx = (dy - (sum(dy) + normal * sum(dy * normal)) * share) * gamma * scale. The batch's own mean and
// variance move with x, where `share` is 1 / its numbers; running ones do not, where it is 0.
template <class T>
struct NormalizeBack {
    Places places;
    Grid<const T> dy, normal;
    Grid<T> dx;
    i64 columns;
    const T* gamma;
    const T* scale;
    const T* sum;
    const T* across;
    T share;
};

// Batch normalization by running values: y = act(x * scale + shift), both in whole vectors.
template <class T>
struct Rescale {
    Places places;
    Grid<const T> x;
    Grid<T> y;
    i64 columns;
    const T* scale;
    const T* shift;
    Activation act;
};

template <class T>
struct ImageMath {
    void (*correlate)(const Correlation<T>&);
    void (*correlate_pooled)(const PooledCorrelation<T>&);
    void (*winograd)(const Winograd<T>&);
    i64 (*winograd_scratch)(i64 channels, i64 columns);
    void (*line_winograd)(const LineWinograd<T>&);
    i64 (*line_winograd_scratch)(const LineWinograd<T>&);
    void (*filter_gradient)(const FilterGradient<T>&);
    void (*pooled_gradient)(const PooledGradient<T>&);
    i64 (*pooled_gradient_scratch)(const PooledGradient<T>&);  // `scratch` is not looked at
    // to[i] = the parts' sum at i, added in order; parts lie `apart` from each other.
    void (*sum_parts)(const T* parts, i64 apart, i64 count, i64 numbers, T* to);
    void (*pool)(const PoolShape&, const Pooling<T>&);
    void (*pool_back)(const PoolShape&, const Pooling<T>&);
    void (*column_sums)(const ColumnSums<T>&);
    void (*settle)(const Moments<T>&);
    void (*normalize)(const Normalize<T>&);
    void (*normalize_back)(const NormalizeBack<T>&);
    void (*rescale)(const Rescale<T>&);
    // A sample (channels, height * width) as an image, and back.
    void (*to_image)(const T* from, i64 channels, i64 height, i64 width, const Plane<T>& to);
    void (*from_image)(const Plane<const T>& from, i64 channels, i64 height, i64 width, T* to);
};

}  // namespace zk
