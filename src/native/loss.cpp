// Losses fused with their gradients, row by row.
#include "softmax.hpp"
#include "tables.hpp"

namespace zk::ZK_ISA {
namespace {

// Where the targets of row i are.
template <class T>
inline i64 place(const LossRows<T>& op, i64 i) {
    return op.index ? op.index[i] : i;
}

// The gradient of a row, of which `label` is the class where targets are labels; and what its loss needs.
template <class T>
SoftmaxRow<T> softmax_gradient_row(const LossRows<T>& op, i64 i, i64 label) {
    T* dx = op.gradient + i * op.gradient_row;
    const SoftmaxRow<T> row = softmax_row(op.scores + i * op.scores_row, dx, op.classes);
    if (op.labels) {
        dx[label] -= T(1);
    } else {
        const T* t = op.targets + place(op, i) * op.targets_row;
        for (i64 c = 0; c < op.classes; ++c) dx[c] -= t[c];
    }
    for (i64 c = 0; c < op.classes; c += kLanes<T>) store(dx + c, load(dx + c) * op.scale);
    return row;
}

// log(sum) - (x[t] - max): never negative, since the sum holds exp(0) = 1 and x[t] - max <= 0.
template <class T>
double softmax_loss_row(const LossRows<T>& op, i64 i, i64 label, T greatest, T log_sum) {
    const T* x = op.scores + i * op.scores_row;
    const auto error = [&](i64 c) { return static_cast<double>(log_sum - (x[c] - greatest)); };
    if (op.labels) return error(label);
    const T* t = op.targets + place(op, i) * op.targets_row;
    double loss = 0;
    // 0 times the error of an impossible class, which is infinite, is no error.
    for (i64 c = 0; c < op.classes; ++c)
        if (t[c] != T(0)) loss += static_cast<double>(t[c]) * error(c);
    return loss;
}

// As many rows at a time as logarithms are computed side by side. Gives the row whose label is out of range,
// or -1; a label is read once, for someone may change it meanwhile.
template <class T>
i64 softmax_loss(const LossRows<T>& op, i64 row, i64 row_end) {
    constexpr int most = kLanes<double>;
    for (i64 first = row; first < row_end; first += most) {
        const i64 count = row_end - first < most ? row_end - first : most;
        i64 labels[most];
        T greatest[most];
        Vector<double> sums = splat(1.0);
        for (i64 r = 0; r < count; ++r) {
            labels[r] = op.labels ? op.labels[place(op, first + r)] : 0;
            if (op.labels && (labels[r] < 0 || labels[r] >= op.classes)) return first + r;
            const SoftmaxRow<T> done = softmax_gradient_row(op, first + r, labels[r]);
            greatest[r] = done.greatest;
            sums[r] = static_cast<double>(done.sum);
        }
        const Vector<double> logs = logarithm(sums);
        for (i64 r = 0; r < count; ++r)
            op.losses[first + r] =
                softmax_loss_row(op, first + r, labels[r], greatest[r], static_cast<T>(logs[r]));
    }
    return -1;
}

// max(x, 0) - x t + log(1 + exp(-|x|)), which cannot overflow.
template <class T>
void sigmoid_loss_row(const LossRows<T>& op, i64 i) {
    const T* x = op.scores + i * op.scores_row;
    const T* t = op.targets + place(op, i) * op.targets_row;
    T* dx = op.gradient + i * op.gradient_row;
    double loss = 0;
    each_part<T>(op.classes, [&](i64 j, i64 count) {
        const Vector<T> s = load_part(x + j, count);
        store_part(dx + j, (sigmoid<T>(s) - load_part(t + j, count)) * op.scale, count);
        const Vector<T> e = exponential<T>(minus_size<T>(s));
        for (i64 l = 0; l < count; ++l) {
            const double score = static_cast<double>(s[l]);
            const double above = score < 0 ? 0 : score;
            loss += above - score * static_cast<double>(t[j + l]) +
                    __builtin_log1p(static_cast<double>(e[l]));
        }
    });
    op.losses[i] = loss;
}

template <class T>
void identity_loss_row(const LossRows<T>& op, i64 i) {
    const T* x = op.scores + i * op.scores_row;
    const T* t = op.targets + place(op, i) * op.targets_row;
    T* dx = op.gradient + i * op.gradient_row;
    double loss = 0;
    for (i64 c = 0; c < op.classes; ++c) {
        const T difference = x[c] - t[c];
        loss += 0.5 * static_cast<double>(difference) * static_cast<double>(difference);
        dx[c] = difference * op.scale;
    }
    op.losses[i] = loss;
}

template <class T>
i64 loss(const LossRows<T>& op, i64 row, i64 row_end) {
    if (op.kind == LossKind::softmax) return softmax_loss(op, row, row_end);
    for (i64 i = row; i < row_end; ++i) {
        if (op.kind == LossKind::sigmoid) sigmoid_loss_row(op, i);
        else identity_loss_row(op, i);
    }
    return -1;
}

}  // namespace

void add_loss(Kernels& table) {
    table.f32.loss = loss<float>;
    table.f64.loss = loss<double>;
}

}  // namespace zk::ZK_ISA
