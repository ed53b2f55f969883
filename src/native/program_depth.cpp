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
namespace {

// Numbers of a line of the cache.
template <class T>
constexpr i64 kLineNumbers = static_cast<i64>(kLine / sizeof(T));

}  // namespace

// A gather and the one product that reads what it gathers, for those rows then lie elsewhere. That products
// alone read them is what `may_alias` says.
template <class T>
void Program<T>::find_first() {
    if (first_.affine != nullptr || segments_.empty() || segments_.front().ops.size() < 2) return;
    const std::vector<Op>& ops = segments_.front().ops;
    const Gather* const gather = std::get_if<Gather>(&ops[0]);
    const Affine* const affine = std::get_if<Affine>(&ops[1]);
    if (gather == nullptr || !gather->may_alias || affine == nullptr || affine->input != gather->to) return;
    for (const Segment& segment : segments_) {
        for (const Op& op : segment.ops) {
            const Affine* const other = std::get_if<Affine>(&op);
            const ToImage* const image = std::get_if<ToImage>(&op);
            if (other != nullptr && other != affine && other->input == gather->to) return;
            if (image != nullptr && image->from == gather->to) return;
        }
    }
    const i64 inputs = layers_[static_cast<std::size_t>(affine->layer)].inputs;
    // Of so many rows the parts' sums are no more numbers than W.
    const i64 parts = math_.depth_parts(inputs), rows = std::min(max_rows_, inputs / parts);
    first_ = {gather, affine, affine->layer, inputs, parts, rows};
}

// Whether a batch is small enough beside W; there is room for it then.
template <class T>
bool Program<T>::goes_by_depth(i64 rows, int threads) {
    if (first_.parts < 2 || threads == 1 || rows > first_.rows || rows < threads * math_.tile_rows)
        return false;
    if (!depth_x_) {
        depth_sums_ = aligned_zeros<T>(first_.parts * first_.rows * at(first_.affine->output).row);
        depth_x_ = aligned_zeros<T>(first_.rows * (first_.inputs + first_.parts * 2 * kLineNumbers<T>));
    }
    return true;
}

// Where a part's columns of x are: together, so that no core's prefetching reaches for another's.
template <class T>
auto Program<T>::part_x(i64 part) const -> PartX {
    const i64 k = math_.depth_cut(first_.inputs, part);
    // An odd number of lines, so that rows do not share a few sets of the cache: less than two more than
    // the columns take.
    constexpr i64 line = kLineNumbers<T>;
    const i64 lines = (math_.depth_cut(first_.inputs, part + 1) - k + line - 1) / line;
    return {depth_x_.get() + first_.rows * (k + part * 2 * line), (lines | 1) * line};
}

// Tasks of one part follow each other, so that they fall to as few threads as can be.
template <class T>
void Program<T>::run_by_depth(const Batch& batch) {
    const AffineForward<T> whole = forward_of(*first_.affine);
    const Source& source = (*batch.sources)[static_cast<std::size_t>(first_.gather->source)];
    const i64 most = (batch.rows - 1) / math_.tile_rows + 1;
    const i64 chunks = std::min(most, (batch.threads * kChunksPerThread - 1) / first_.parts + 1);
    const auto cut = [&](i64 i) {
        return i == chunks ? batch.rows : batch.rows * i / chunks / math_.tile_rows * math_.tile_rows;
    };
    parallel_for(batch.threads, first_.parts * chunks, [&](i64 i, int) {
        const i64 part = i / chunks, begin = cut(i % chunks), end = cut(i % chunks + 1);
        const i64 k = math_.depth_cut(first_.inputs, part);
        const PartX x = part_x(part);
        gather_columns(source, batch, begin, end, k, math_.depth_cut(first_.inputs, part + 1), x.data,
                       x.row);
        AffineForward<T> call = whole;
        call.x = x.data - k;
        call.x_row = x.row;
        call.read_next = ahead(first_.affine->next, batch);
        call.y = depth_sums_.get() + part * first_.rows * whole.y_row;
        call.lists = lists_of(*first_.affine, end - begin);
        math_.affine_part(call, begin, end, part);
    });
}

// y of rows [row, row_end): the parts' sums in order, bias and activation.
template <class T>
void Program<T>::add_parts(i64 row, i64 row_end) {
    const AffineForward<T> call = forward_of(*first_.affine);
    for (i64 r = row; r < row_end; ++r)
        math_.images.sum_parts(depth_sums_.get() + r * call.y_row, first_.rows * call.y_row, first_.parts,
                               call.y_row, call.y + r * call.y_row);
    math_.finish_affine(call, row, row_end);
}

// Rows are drawn from all over the data set. While a block's gradient is computed, memory fetches what
// its thread will gather of some rows of the next batch.
template <class T>
void Program<T>::ask_for_next(const Block& b) const {
    if (next_ == nullptr || b.layer != first_.layer) return;
    const Source& source = (*next_->sources)[static_cast<std::size_t>(first_.gather->source)];
    const i64 k = math_.depth_cut(first_.inputs, b.part);
    const i64 width = math_.depth_cut(first_.inputs, b.part + 1) - k;
    const i64 first = next_->rows * (b.k - k) / width, last = next_->rows * (b.k_end - k) / width;
    const i64* const labels = next_->targets->labels;
    for (i64 r = first; r < last; ++r) {
        prefetch(address_of(source, next_->index[r], k), width * bytes_of(source.type));
        if (labels != nullptr) prefetch(reinterpret_cast<const char*>(labels + next_->index[r]), 1);
    }
}

#define ZK_DEPTH(T)                                                            \
    template void Program<T>::find_first();                                    \
    template bool Program<T>::goes_by_depth(i64, int);                         \
    template void Program<T>::run_by_depth(const Batch&);                      \
    template void Program<T>::add_parts(i64, i64);                             \
    template auto Program<T>::part_x(i64) const -> PartX;                      \
    template void Program<T>::ask_for_next(const Block&) const;
ZK_DEPTH(float)
ZK_DEPTH(double)

}  // namespace zk
