// 3x3 convolutions with less than half of the multiplications: Winograd's F(2x2, 3x3) (Lavin and
// Gray 2016, "Fast algorithms for convolutional neural networks").
//
// A square of 4x4 pixels, turned by sums and differences, times W, turned likewise, gives 2x2
// results: 16 products instead of 36. With many channels the turning costs little. What is added
// and taken away again may leave another rounding, and near an infinity a NaN.
#include "activation.hpp"
#include "tables.hpp"
#include "tile.hpp"

namespace zk::ZK_ISA {
namespace {

// Numbers of turned pixels and results of a block of squares, which stay in the second-level cache.
constexpr i64 kBlockNumbers = 32768;
// Keeps the 16 planes of a block out of each other's cache sets.
constexpr i64 kGap = 16;

// B^T d B, a column and then a row at a time.
template <class T>
inline void turn_input(Vector<T> (&d)[16]) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
        const Vector<T> a = d[j], b = d[4 + j], c = d[8 + j], e = d[12 + j];
        d[j] = a - c;
        d[4 + j] = b + c;
        d[8 + j] = c - b;
        d[12 + j] = b - e;
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
        const Vector<T> a = d[i], b = d[i + 1], c = d[i + 2], e = d[i + 3];
        d[i] = a - c;
        d[i + 1] = b + c;
        d[i + 2] = c - b;
        d[i + 3] = b - e;
    }
}

// A^T m A: the four results, row by row.
template <class T>
inline void turn_output(const Vector<T> (&m)[16], Vector<T> (&out)[4]) {
    Vector<T> top[4], low[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
        top[j] = m[j] + m[4 + j] + m[8 + j];
        low[j] = m[4 + j] - m[8 + j] - m[12 + j];
    }
    out[0] = top[0] + top[1] + top[2];
    out[1] = top[1] - top[2] - top[3];
    out[2] = low[0] + low[1] + low[2];
    out[3] = low[1] - low[2] - low[3];
}

// One block: squares [first, last) of the sample.
template <class T>
struct Block {
    i64 first, last, across;
    T* turned;  // 16 planes of squares x channels
    i64 turned_plane;
    T* product;  // 16 planes of squares x columns
    i64 product_plane, columns;
};

template <class T>
void turn_squares(const Winograd<T>& op, const Block<T>& block) {
    for (i64 s = block.first; s < block.last; ++s) {
        const i64 y = s / block.across * 2, x = s % block.across * 2;
        const T* line[4];
        for (int i = 0; i < 4; ++i) {
            // A row past the last one only reaches results that are not kept.
            const i64 row = y + i <= op.out_height + 1 ? y + i : op.out_height + 1;
            line[i] = op.x.data + row * op.x.line + x * op.x.pixel;
        }
        // Nor does a column.
        const i64 last = x + 3 <= op.out_width + 1 ? 3 : 2;
        T* to = block.turned + (s - block.first) * op.channels;
        for (i64 c = 0; c < op.channels; c += kLanes<T>) {
            Vector<T> d[16];
#pragma GCC unroll 4
            for (int i = 0; i < 4; ++i) {
                d[4 * i] = load(line[i] + c);
                d[4 * i + 1] = load(line[i] + op.x.pixel + c);
                d[4 * i + 2] = load(line[i] + 2 * op.x.pixel + c);
                d[4 * i + 3] = load(line[i] + last * op.x.pixel + c);
            }
            turn_input<T>(d);
#pragma GCC unroll 16
            for (int k = 0; k < 16; ++k) store(to + k * block.turned_plane + c, d[k]);
        }
    }
}

template <class T>
void multiply_planes(const Winograd<T>& op, const Block<T>& block) {
    const i64 count = block.last - block.first;
    const T* panel = op.panels;
    for (int k = 0; k < 16; ++k) {
        const T* left = block.turned + k * block.turned_plane;
        T* out = block.product + k * block.product_plane;
        for (i64 j = 0; j < op.columns; j += kPanel<T>) {
            const auto run = [&]<int vectors>() {
                for_tiles<vectors>(0, count, [&]<int rows>(i64 s) {
                    Vector<T> sum[rows][vectors] = {};
                    multiply<T, rows, vectors, false>(
                        op.channels, Scalars<T>{left + s * op.channels, op.channels, 1},
                        Rows<T>{panel, vectors * kLanes<T>}, sum);
#pragma GCC unroll 24
                    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 2
                        for (int v = 0; v < vectors; ++v)
                            store(out + (s + r) * block.columns + j + v * kLanes<T>, sum[r][v]);
                });
                panel += op.channels * vectors * kLanes<T>;
            };
            if (op.columns - j <= kLanes<T>) run.template operator()<1>();
            else run.template operator()<kTileVectors>();
        }
    }
}

template <class T, Activation act, bool back>
void turn_results(const Winograd<T>& op, const Block<T>& block) {
    for (i64 s = block.first; s < block.last; ++s) {
        const i64 y = s / block.across * 2, x = s % block.across * 2;
        const i64 rows = op.out_height - y < 2 ? 1 : 2, across = op.out_width - x < 2 ? 1 : 2;
        const T* from = block.product + (s - block.first) * block.columns;
        for (i64 c = 0; c < op.columns; c += kLanes<T>) {
            Vector<T> m[16], out[4];
#pragma GCC unroll 16
            for (int k = 0; k < 16; ++k) m[k] = load(from + k * block.product_plane + c);
            turn_output<T>(m, out);
            for (i64 i = 0; i < rows; ++i) {
                for (i64 j = 0; j < across; ++j) {
                    T* const to = op.out.data + (y + i) * op.out.line + (x + j) * op.out.pixel + c;
                    const Vector<T> value = out[2 * i + j];
                    if constexpr (back) {
                        const T* const of =
                            op.y.data + (y + i) * op.y.line + (x + j) * op.y.pixel + c;
                        store(to, activate_back<T, act>(value, load(of)));
                    } else if (op.bias == nullptr) {
                        store(to, value);
                    } else if (op.scale == nullptr) {
                        store(to, activate<T, act>(value + load(op.bias + c)));
                    } else {
                        store(to, activate<T, act>(value * load(op.scale + c) + load(op.bias + c)));
                    }
                }
            }
        }
    }
}

template <class T>
i64 squares_at_once(i64 channels, i64 columns) {
    const i64 count = kBlockNumbers / (16 * (channels + padded<T>(columns)));
    const i64 whole = count / kTileRows * kTileRows;
    return whole > kTileRows ? whole : kTileRows;
}

template <class T>
i64 winograd_scratch(i64 channels, i64 columns) {
    return 16 * (squares_at_once<T>(channels, columns) * (channels + padded<T>(columns)) + 2 * kGap) +
           kPanel<T>;
}

template <class T>
void winograd(const Winograd<T>& op) {
    const i64 across = (op.out_width + 1) / 2, squares = (op.out_height + 1) / 2 * across;
    const i64 at_once = squares_at_once<T>(op.channels, op.columns);
    Block<T> block{};
    block.across = across;
    block.columns = padded<T>(op.columns);
    block.turned_plane = at_once * op.channels + kGap;
    block.product_plane = at_once * block.columns + kGap;
    block.turned = op.scratch;
    block.product = op.scratch + 16 * block.turned_plane;
    // Blocks of nearly the same size.
    const i64 blocks = (squares + at_once - 1) / at_once;
    for (i64 b = 0; b < blocks; ++b) {
        block.first = squares * b / blocks;
        block.last = squares * (b + 1) / blocks;
        turn_squares(op, block);
        multiply_planes(op, block);
        with_activation(op.act, [&]<Activation act>() {
            if (op.y.data != nullptr) turn_results<T, act, true>(op, block);
            else turn_results<T, act, false>(op, block);
        });
    }
}

template <class T>
void fill(ImageMath<T>& math) {
    math.winograd = winograd<T>;
    math.winograd_scratch = winograd_scratch<T>;
}

}  // namespace

void add_winograd(Kernels& table) {
    fill(table.f32.images);
    fill(table.f64.images);
}

}  // namespace zk::ZK_ISA
