// Gradients of an affine layer's parameters: dW = x^T dy and db = the column sums of dy.
#include "listed_gradient.hpp"
#include "tables.hpp"

namespace zk::ZK_ISA {
namespace {

// Few rows: there is more to write than to compute, so dW is written straight on, line by line. The
// last vector of a line is moved back so that it ends with it.
template <class T, int count>
void few_gradient(const AffineGradient<T>& op, i64 row, i64 row_end, i64 column, i64 columns, T* out,
                  i64 out_row) {
    const T* const dy = op.dy + column;
    for (i64 k = row; k < row_end; ++k, out += out_row) {
        Vector<T> one[count];
#pragma GCC unroll 4
        for (int r = 0; r < count; ++r) one[r] = splat(op.x[r * op.x_row + k]);
        const auto at = [&](i64 c) {
            Vector<T> sum{};
#pragma GCC unroll 4
            for (int r = 0; r < count; ++r) sum = fma(one[r], load(dy + r * op.dy_row + c), sum);
            return sum;
        };
        i64 c = 0;
        for (; c + kLanes<T> <= columns; c += kLanes<T>) store(out + c, at(c));
        if (c == columns) continue;
        if (columns > kLanes<T>) store(out + columns - kLanes<T>, at(columns - kLanes<T>));
        else store_part(out, at(0), columns);
    }
}

template <class T>
void weight_gradient(const AffineGradient<T>& op, i64 row, i64 row_end, i64 column, i64 column_end,
                     T* out, i64 out_row) {
    if (column_end > op.outputs) column_end = op.outputs;
    if (op.rows > 0 && op.rows <= kFewRows)
        return with_rows<kFewRows>(static_cast<int>(op.rows), [&]<int count>() {
            few_gradient<T, count>(op, row, row_end, column, column_end - column, out, out_row);
        });
    // An empty batch has the gradient 0, which the first block must still write.
    const i64 batch = op.rows > 0 ? op.rows : 1;
    const i64 steps = steps_of<T>(row_end - row, column_end - column, batch);
    Asking reading(op.read_next, steps), writing(op.write_next, steps);
    for (i64 first = 0; first < batch; first += kBatchBlock) {
        const i64 last = first + kBatchBlock < op.rows ? first + kBatchBlock : op.rows;
        if (op.lists != nullptr && listed_gradient(op, row, row_end, column, column_end, first, last, out, out_row))
            continue;
        gradient_columns(op, row, row_end, column, column_end, first, last, out, out_row, reading, writing);
    }
}

// Vectors of db side by side: alone, each sum waits for the one before it.
constexpr int kBiasVectors = 8;

template <class T>
void bias_gradient(const AffineGradient<T>& op, T* out) {
    const i64 vectors = (op.outputs + kLanes<T> - 1) / kLanes<T>;
    for_pieces<kBiasVectors>(0, vectors, [&]<int count>(i64 first) {
        Vector<T> sum[count] = {};
        const T* dy = op.dy + first * kLanes<T>;
        for (i64 i = 0; i < op.rows; ++i, dy += op.dy_row)
#pragma GCC unroll 8
            for (int v = 0; v < count; ++v) sum[v] += load(dy + v * kLanes<T>);
#pragma GCC unroll 8
        for (int v = 0; v < count; ++v) {
            const i64 j = (first + v) * kLanes<T>, left = op.outputs - j;
            store_part(out + j, sum[v], left < kLanes<T> ? left : kLanes<T>);
        }
    });
}

template <class T>
bool dy_is_finite(const AffineGradient<T>& op) {
    return are_finite(op.dy, op.dy_row, op.rows, op.outputs);
}

template <class T>
void fill(Math<T>& math) {
    math.dy_is_finite = dy_is_finite<T>;
    math.weight_gradient = weight_gradient<T>;
    math.bias_gradient = bias_gradient<T>;
}

}  // namespace

void add_gradient(Kernels& table) {
    fill(table.f32);
    fill(table.f64);
}

}  // namespace zk::ZK_ISA
