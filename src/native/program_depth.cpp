// The first product of a training step, cut by its depth.
//
// Cut by rows, every thread would read all of W, of which others wrote the most in the step before, and
// later all of x, of which others gathered the most: lines that come from another core's cache. Cut by
// depth, a thread gathers its columns of x, multiplies them with its rows of W, and in the second phase
// computes the gradient of those rows and updates them: both stay in its own cache. What the threads
// exchange is the parts' sums, and of these there are few.
#include "program.hpp"

#include <algorithm>

#include "parallel.hpp"

namespace zk {

template <class T>
AffineForward<T> Program<T>::forward_of(const Affine& op) const {
    const Layer& l = layers_[static_cast<std::size_t>(op.layer)];
    const Slot& x = at(op.input);
    const Slot& y = at(op.output);
    return {x.data,
            x.row,
            buffers_.params + l.weights,
            l.forward_panels.get(),
            op.norm < 0 ? buffers_.params + l.bias : norms_[static_cast<std::size_t>(op.norm)].shift.get(),
            scale_of(op.norm),
            y.data,
            y.row,
            l.inputs,
            l.outputs,
            op.act,
            x.users};
}

// The product to cut, or null: one that follows the gather of its input, where the parts' sums are fewer
// numbers than W.
template <class T>
auto Program<T>::first_by_depth(const Segment& segment, const Batch& batch) -> const Affine* {
    if (batch.index == nullptr || batch.few || segment.ops.size() < 2) return nullptr;
    const Gather* const gather = std::get_if<Gather>(&segment.ops[0]);
    const Affine* const op = std::get_if<Affine>(&segment.ops[1]);
    if (gather == nullptr || op == nullptr || op->input != gather->to) return nullptr;
    depth_layer_ = op->layer;
    depth_gather_ = gather;
    if (batch.threads == 1) return nullptr;
    const Layer& l = layers_[static_cast<std::size_t>(op->layer)];
    const i64 parts = math_.depth_parts(l.inputs);
    if (parts == 1 || parts * batch.rows > l.inputs) return nullptr;
    by_depth_ = true;
    if (!depth_sums_) {
        depth_sums_ = aligned_zeros<T>(parts * max_rows_ * at(op->output).row);
        depth_x_ = aligned_zeros<T>(max_rows_ * (l.inputs + parts * 2 * math_.panel));
    }
    return op;
}

// Where a part's columns of x are: together, so that no core's prefetching reaches for another's.
template <class T>
auto Program<T>::part_x(i64 inputs, i64 part) const -> PartX {
    const i64 k = math_.depth_cut(inputs, part), width = math_.depth_cut(inputs, part + 1) - k;
    // An odd number of lines, so that rows do not share a few sets of the cache.
    const i64 line = static_cast<i64>(kLine / sizeof(T));
    const i64 lines = (width + line - 1) / line;
    return {depth_x_.get() + max_rows_ * (k + part * 2 * math_.panel), (lines + (lines + 1) % 2) * line};
}

// While a block's gradient is computed, the memory fetches what its thread will gather: its columns of some
// rows of the next batch, which are drawn from all over the data set.
template <class T>
void Program<T>::ask_for_next(const Block& b) const {
    if (next_ == nullptr || depth_gather_ == nullptr) return;
    const Source& source = (*next_->sources)[static_cast<std::size_t>(depth_gather_->source)];
    const i64 inputs = layers_[static_cast<std::size_t>(b.layer)].inputs;
    const i64 k = math_.depth_cut(inputs, b.part), width = math_.depth_cut(inputs, b.part + 1) - k;
    const i64 each = source.type == Source::Type::u8 ? 1 : source.type == Source::Type::f32 ? 4 : 8;
    const i64 first = next_->rows * (b.k - k) / width, last = next_->rows * (b.k_end - k) / width;
    for (i64 r = first; r < last; ++r) {
        const char* from = static_cast<const char*>(source.data) +
                           (next_->index[r] * source.stride + k) * each;
        for (i64 at = 0; at < width * each; at += static_cast<i64>(kLine)) __builtin_prefetch(from + at, 0, 2);
    }
}

// Tasks of one part follow each other, so that they fall to as few threads as can be.
template <class T>
void Program<T>::run_by_depth(const Gather& gather, const Affine& op, const Batch& batch) {
    AffineForward<T> whole = forward_of(op);
    const i64 parts = math_.depth_parts(whole.inputs), apart = max_rows_ * whole.y_row;
    const i64 most = (batch.rows - 1) / math_.tile_rows + 1;
    const i64 chunks = std::min(most, (batch.threads * kChunksPerThread - 1) / parts + 1);
    const auto cut = [&](i64 i) {
        return i == chunks ? batch.rows : batch.rows * i / chunks / math_.tile_rows * math_.tile_rows;
    };
    parallel_for(batch.threads, parts * chunks, [&](i64 i, int) {
        const i64 part = i / chunks, begin = cut(i % chunks), end = cut(i % chunks + 1);
        const i64 k = math_.depth_cut(whole.inputs, part);
        const PartX x = part_x(whole.inputs, part);
        gather_columns((*batch.sources)[static_cast<std::size_t>(gather.source)], batch, begin, end, k,
                       math_.depth_cut(whole.inputs, part + 1), x.data, x.row);
        AffineForward<T> call = whole;
        call.x = x.data - k;
        call.x_row = x.row;
        call.y = depth_sums_.get() + part * apart;
        math_.affine_part(call, begin, end, part);
    });
}

// y of rows [row, row_end): the parts' sums in order, bias and activation.
template <class T>
void Program<T>::add_parts(const Affine& op, i64 row, i64 row_end) {
    const AffineForward<T> call = forward_of(op);
    const i64 parts = math_.depth_parts(call.inputs);
    const i64 apart = max_rows_ * call.y_row;
    for (i64 r = row; r < row_end; ++r)
        math_.images.sum_parts(depth_sums_.get() + r * call.y_row, apart, parts, call.y_row,
                               call.y + r * call.y_row);
    math_.finish_affine(call, row, row_end);
}

#define ZK_DEPTH(T)                                                                             \
    template AffineForward<T> Program<T>::forward_of(const Affine&) const;                      \
    template auto Program<T>::first_by_depth(const Segment&, const Batch&) -> const Affine*;    \
    template void Program<T>::run_by_depth(const Gather&, const Affine&, const Batch&);         \
    template void Program<T>::add_parts(const Affine&, i64, i64);                               \
    template auto Program<T>::part_x(i64, i64) const -> PartX;                                  \
    template void Program<T>::ask_for_next(const Block&) const;
ZK_DEPTH(float)
ZK_DEPTH(double)

}  // namespace zk
