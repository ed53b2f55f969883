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

// log(sum) - (x[t] - max): never negative, since the sum holds exp(0) = 1 and x[t] - max <= 0.
template <class T>
bool softmax_loss_row(const LossRows<T>& op, i64 i) {
    const T* x = op.scores + i * op.scores_row;
    T* dx = op.gradient + i * op.gradient_row;
    const SoftmaxRow<T> row = softmax_row(x, dx, op.classes);
    const T log_sum = static_cast<T>(__builtin_log(static_cast<double>(row.sum)));
    const auto error = [&](i64 c) { return static_cast<double>(log_sum - (x[c] - row.greatest)); };
    if (op.labels) {
        const i64 label = op.labels[place(op, i)];
        if (label < 0 || label >= op.classes) return false;
        op.losses[i] = error(label);
        dx[label] -= T(1);
    } else {
        const T* t = op.targets + place(op, i) * op.targets_row;
        double loss = 0;
        for (i64 c = 0; c < op.classes; ++c) {
            // 0 times the error of an impossible class, which is infinite, is no error.
            if (t[c] != T(0)) loss += static_cast<double>(t[c]) * error(c);
            dx[c] -= t[c];
        }
        op.losses[i] = loss;
    }
    for (i64 c = 0; c < op.classes; c += kLanes<T>) store(dx + c, load(dx + c) * op.scale);
    return true;
}

// max(x, 0) - x t + log(1 + exp(-|x|)), which cannot overflow.
template <class T>
bool sigmoid_loss_row(const LossRows<T>& op, i64 i) {
    const T* x = op.scores + i * op.scores_row;
    const T* t = op.targets + place(op, i) * op.targets_row;
    T* dx = op.gradient + i * op.gradient_row;
    double loss = 0;
    each_part<T>(op.classes, [&](i64 j, i64 count) {
        const Vector<T> s = load_part(x + j, count);
        store_part(dx + j, (sigmoid<T>(s) - load_part(t + j, count)) * op.scale, count);
        const Vector<T> e = exponential<T>(s < T(0) ? s : -s);
        for (i64 l = 0; l < count; ++l) {
            const double score = static_cast<double>(s[l]);
            const double above = score < 0 ? 0 : score;
            loss += above - score * static_cast<double>(t[j + l]) +
                    __builtin_log1p(static_cast<double>(e[l]));
        }
    });
    op.losses[i] = loss;
    return true;
}

template <class T>
bool identity_loss_row(const LossRows<T>& op, i64 i) {
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
    return true;
}

template <class T>
i64 loss(const LossRows<T>& op, i64 row, i64 row_end) {
    for (i64 i = row; i < row_end; ++i) {
        const bool good = op.kind == LossKind::softmax   ? softmax_loss_row(op, i)
                          : op.kind == LossKind::sigmoid ? sigmoid_loss_row(op, i)
                                                         : identity_loss_row(op, i);
        if (!good) return i;
    }
    return -1;
}

}  // namespace

void add_loss(Kernels& table) {
    table.f32.loss = loss<float>;
    table.f64.loss = loss<double>;
}

}  // namespace zk::ZK_ISA
