// Products cut by their columns.
#include "program.hpp"

#include <algorithm>

#include "parallel.hpp"

namespace zk {

// The layer of a product, or null; and how many columns the product has.
template <class T>
auto Program<T>::product_of(const Op& op) const -> Product {
    if (const Affine* a = std::get_if<Affine>(&op)) {
        const Layer& l = layers_[static_cast<std::size_t>(a->layer)];
        return {&l, l.outputs};
    }
    if (const AffineBack* b = std::get_if<AffineBack>(&op)) {
        const Layer& l = layers_[static_cast<std::size_t>(b->layer)];
        return {&l, l.inputs};
    }
    return {nullptr, 0};
}

// Cut by rows, every thread reads all of W, of which others wrote the most in the step before, once for each
// of its chunks. Where W is larger than what goes in and comes out, that is what threads should share.
template <class T>
bool Program<T>::goes_by_columns(const Op& op, const Batch& batch) const {
    const Product product = product_of(op);
    if (product.layer == nullptr || batch.threads == 1 || batch.few) return false;
    const Layer& l = *product.layer;
    return l.inputs * l.outputs >= kWideNumbers && batch.rows < std::min(l.inputs, l.outputs) &&
           product.columns >= batch.threads * kChunksPerThread * math_.panel;
}

template <class T>
void Program<T>::run_by_columns(const Op& op, const Batch& batch) {
    const i64 columns = product_of(op).columns;
    const i64 turns = batch.threads * kChunksPerThread;
    const i64 units = columns <= math_.undivided ? 1 : (columns + math_.panel - 1) / math_.panel;
    const i64 width = units == 1 ? columns : ((units - 1) / turns + 1) * math_.panel;
    parallel_for(batch.threads, (columns + width - 1) / width, [&](i64 i, int) {
        run_op(op, batch, 0, batch.rows, i * width, std::min(columns, (i + 1) * width));
    });
}

// A few rows: each product of some size is cut by columns, and nothing else is cut.
template <class T>
void Program<T>::run_columns(const std::vector<Op>& ops, const Batch& batch) {
    for (const Op& op : ops) {
        const Layer* const l = product_of(op).layer;
        const double flops = l == nullptr ? 0 : 2.0 * static_cast<double>(batch.rows * l->inputs) *
                                                    static_cast<double>(l->outputs);
        if (flops < kFlopsToCut || (batch.few && std::holds_alternative<Affine>(op)))
            run_op(op, batch, 0, batch.rows, 0, -1);
        else
            run_by_columns(op, batch);
    }
}

#define ZK_COLUMNS(T)                                                               \
    template auto Program<T>::product_of(const Op&) const -> Product;             \
    template bool Program<T>::goes_by_columns(const Op&, const Batch&) const;       \
    template void Program<T>::run_by_columns(const Op&, const Batch&);              \
    template void Program<T>::run_columns(const std::vector<Op>&, const Batch&);
ZK_COLUMNS(float)
ZK_COLUMNS(double)

}  // namespace zk
