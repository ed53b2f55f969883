// Gradients of an affine layer's parameters: dW = x^T dy and db = the column sums of dy.
#include "tables.hpp"
#include "tile.hpp"

namespace zk::ZK_ISA {
namespace {

// Rows of the batch that are summed before the next are begun, so that they stay in the cache.
// A fixed number: the order of a sum, and so its bits, must hang on nothing else.
constexpr i64 kBatchBlock = 256;

template <class T, int rows, int vectors>
inline void gradient_tile(const AffineGradient<T>& op, i64 k, i64 j, i64 first, i64 last, T* out,
                          i64 out_row, i64 columns) {
    Vector<T> sum[rows][vectors] = {};
    multiply<T, rows, vectors, true>(
        last - first, Scalars<T, true>{op.x + first * op.x_row + k, 1, op.x_row},
        Rows<T>{op.dy + first * op.dy_row + j, op.dy_row}, sum);
#pragma GCC unroll 24
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
            T* to = out + i * out_row + v * kLanes<T>;
            const i64 left = columns - v * kLanes<T>;
            if (left >= kLanes<T>) {
                store(to, first == 0 ? sum[i][v] : load(to) + sum[i][v]);
            } else if (left > 0) {
                store_part(to, first == 0 ? sum[i][v] : load_part(to, left) + sum[i][v], left);
            }
        }
    }
}

template <class T>
void weight_gradient(const AffineGradient<T>& op, i64 row, i64 row_end, i64 column, i64 column_end,
                     T* out, i64 out_row) {
    if (column_end > op.outputs) column_end = op.outputs;
    // An empty batch has the gradient 0, which the first block must still write.
    const i64 batch = op.rows > 0 ? op.rows : 1;
    for (i64 first = 0; first < batch; first += kBatchBlock) {
        const i64 last = first + kBatchBlock < op.rows ? first + kBatchBlock : op.rows;
        for (i64 j = column; j < column_end; j += kPanel<T>) {
            const i64 columns = column_end - j;
            const auto run = [&]<int vectors>() {
                for_tiles<vectors>(row, row_end, [&]<int rows>(i64 k) {
                    gradient_tile<T, rows, vectors>(op, k, j, first, last,
                                                    out + (k - row) * out_row + (j - column),
                                                    out_row, columns);
                });
            };
            if (columns <= kLanes<T>) run.template operator()<1>();
            else run.template operator()<kTileVectors>();
        }
    }
}

template <class T>
void bias_gradient(const AffineGradient<T>& op, T* out) {
    for (i64 j = 0; j < op.outputs; j += kLanes<T>) {
        Vector<T> sum{};
        for (i64 i = 0; i < op.rows; ++i) sum += load(op.dy + i * op.dy_row + j);
        const i64 left = op.outputs - j;
        store_part(out + j, sum, left < kLanes<T> ? left : kLanes<T>);
    }
}

template <class T>
void fill(Math<T>& math) {
    math.weight_gradient = weight_gradient<T>;
    math.bias_gradient = bias_gradient<T>;
}

}  // namespace

void add_gradient(Kernels& table) {
    fill(table.f32);
    fill(table.f64);
}

}  // namespace zk::ZK_ISA
