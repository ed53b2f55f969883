// Layers that stand alone in a program: activations without a product before them, softmax, sums
// and products of two branches.
#include "activation.hpp"
#include "softmax.hpp"
#include "tables.hpp"

namespace zk::ZK_ISA {
namespace {

// Whole vectors over the padded rows; what is computed past the last column is never read.
template <class T, class F>
inline void each(const Elementwise<T>& op, i64 row, i64 row_end, F&& f) {
    for (i64 i = row; i < row_end; ++i) {
        const T* a = op.a + i * op.a_row;
        const T* b = op.b ? op.b + i * op.b_row : a;
        T* out = op.out + i * op.out_row;
        for (i64 j = 0; j < op.columns; j += kLanes<T>) store(out + j, f(load(a + j), load(b + j)));
    }
}

template <class T>
void activate_rows(const Elementwise<T>& op, i64 row, i64 row_end) {
    with_activation(op.act, [&]<Activation act>() {
        each(op, row, row_end, [](Vector<T> x, Vector<T>) { return activate<T, act>(x); });
    });
}

template <class T>
void activate_rows_back(const Elementwise<T>& op, i64 row, i64 row_end) {
    with_activation(op.act, [&]<Activation act>() {
        each(op, row, row_end,
             [](Vector<T> dy, Vector<T> y) { return activate_back<T, act>(dy, y); });
    });
}

template <class T>
void add(const Elementwise<T>& op, i64 row, i64 row_end) {
    each(op, row, row_end, [](Vector<T> a, Vector<T> b) { return a + b; });
}

template <class T>
void multiply(const Elementwise<T>& op, i64 row, i64 row_end) {
    each(op, row, row_end, [](Vector<T> a, Vector<T> b) { return a * b; });
}

template <class T>
void softmax(const Elementwise<T>& op, i64 row, i64 row_end) {
    for (i64 i = row; i < row_end; ++i) {
        softmax_row(op.a + i * op.a_row, op.out + i * op.out_row, op.columns);
    }
}

// dx = y (dy - sum(dy y)).
template <class T>
void softmax_back(const Elementwise<T>& op, i64 row, i64 row_end) {
    for (i64 i = row; i < row_end; ++i) {
        const T* dy = op.a + i * op.a_row;
        const T* y = op.b + i * op.b_row;
        T* dx = op.out + i * op.out_row;
        T sum = 0;
        for (i64 j = 0; j < op.columns; ++j) sum += dy[j] * y[j];
        for (i64 j = 0; j < op.columns; ++j) dx[j] = y[j] * (dy[j] - sum);
    }
}

template <class T>
void fill(Math<T>& math) {
    math.activate = activate_rows<T>;
    math.activate_back = activate_rows_back<T>;
    math.add = add<T>;
    math.multiply = multiply<T>;
    math.softmax = softmax<T>;
    math.softmax_back = softmax_back<T>;
}

}  // namespace

void add_elementwise(Kernels& table) {
    fill(table.f32);
    fill(table.f64);
}

}  // namespace zk::ZK_ISA
