// A program: a flat list of kernel calls over one arena, and the loop that runs it.
//
// It is built call by call from Python (engine/assemble.py), which plans the arena. It knows no
// Python itself: a layer that has no kernel is a `call` back to whoever runs it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "kernels.hpp"
#include "memory.hpp"
#include "program_inputs.hpp"
#include "program_parts.hpp"
#include "windows.hpp"

namespace zk {

// `kernels` are those of the instruction set that was in use when the program was made.
template <class T>
class Program {
public:
    using Callback = std::function<void(i64 id, i64 rows)>;
    using Parts = ProgramParts<T>;
    using Elementwise = typename Parts::Elementwise;
    using Kind = typename Parts::Kind;

    Program(const Kernels& kernels, i64 max_rows, i64 arena_size, Buffers<T> buffers);
    ~Program();
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    // Building. Slots and layers are known by the numbers that these return. A segment is what a
    // thread does with its samples before it waits for others.
    void segment(Kind kind);
    i64 slot(i64 offset, i64 row, i64 columns);
    i64 layer(i64 weights, i64 bias, i64 inputs, i64 outputs, i64 input, bool needs_back);
    void gather(i64 source, i64 to, bool may_alias);
    void affine(i64 layer, i64 input, i64 output, Activation act, i64 norm);
    void affine_back(i64 layer, i64 dout, i64 dx, i64 output, i64 noise, Activation act,
                     double factor);
    void elementwise(Elementwise kind, i64 a, i64 b, i64 out, Activation act, Curve curve,
                     double parameter);
    void loss(LossKind kind, i64 scores, i64 gradient);
    void call(i64 id);                        // back to the caller, all rows at once
    // Dropout's noise is that of layers/dropout.py; `state` is its (seed, passes), which is counted
    // up at each step. Null: inference, where all numbers are multiplied by `factor`. A `noise` of -1
    // is not kept; `out` may be `x`.
    void dropout(i64 x, i64 out, i64 noise, double ratio, double factor, std::uint64_t* state);

    // Batch normalization. Its columns are summed at the end of a segment, and the numbers taken on in
    // the next. The running values are the layer's own; gamma and beta lie in the flat buffers, as do
    // their gradients. `normal` -1: forward.
    i64 normalization(i64 gamma, i64 beta, i64 columns, T* mean, T* variance, double keep,
                      double take, double eps);
    void column_sums(i64 norm, i64 x, i64 normal);
    void normalize(i64 norm, i64 x, i64 normal, i64 out, Activation act);
    // The same in inference, where running values make it a scale and a shift; an affine layer or a
    // convolution in front takes them in its stride, given `norm` (-1: none).
    void rescale(i64 norm, i64 x, i64 out, Activation act);
    void normalize_back(i64 norm, i64 dout, i64 normal, i64 dx);

    // Images: slots that hold (channels, height, width) pixel by pixel, `lay` within a row.
    // A local image has a row in each thread's memory, of `locals` numbers, and none in the arena:
    // nothing outside its segment may read it.
    void locals(i64 size);
    i64 image(i64 offset, i64 row, i64 channels, i64 height, i64 width, const Lay& lay, bool local);
    void to_image(i64 from, i64 to);
    void from_image(i64 from, i64 to);
    i64 convolution(i64 weights, i64 bias, const ConvShape& shape, i64 x);
    void correlate(i64 conv, i64 out, Activation act, i64 norm);
    // The same, and of its results the greatest of each 2x2: nothing else may read `out`.
    void correlate_pooled(i64 conv, i64 out, Activation act, i64 norm, const PoolShape& shape, i64 pooled,
                          i64 winner);
    void correlate_back(i64 conv, i64 dout, i64 dx, i64 output, Activation act);
    // W's and b's, and their update. With `winner` (-1: none) `dout` is the gradient of the greatest of
    // each 2x2 of the convolution's results, and `output` (-1: none) what those were.
    void filter_gradient(i64 conv, i64 dout, i64 winner, i64 output, Activation act);
    void pool(const PoolShape& shape, i64 x, i64 out, i64 winner);
    void pool_back(const PoolShape& shape, i64 dout, i64 dx, i64 winner, i64 output,
                   Activation act);

    void gradient(i64 layer, i64 dout);       // the layer's gradients, and its update
    void update_range(i64 offset, i64 count); // parameters whose gradients a callback filled
    void result(i64 slot);                    // what `predict` gives; nothing comes after it

    // Runs one step for each batch indices[bounds[i]:bounds[i + 1]] and writes its mean loss. Ends
    // early, before the update, at a loss that is not finite. Returns how many losses it wrote.
    // With `rates`, each step has its own learning rate.
    i64 train(const std::vector<Source>& sources, const Targets<T>& targets, const i64* indices,
              const i64* bounds, i64 batches, const OptimizerSettings& settings,
              const double* rates, double* losses, const Callback& callback);

    // Rows of the result for rows of the sources, `max_rows` at a time.
    void predict(const std::vector<Source>& sources, i64 rows, T* out, const Callback& callback);

    T* arena() { return arena_.get(); }
    double* row_losses() { return row_losses_.data(); }  // max_rows numbers
    i64 arena_size() const { return arena_size_; }
    i64 packed_size() const;
    // Any layer, since data was last looked at. Another thread may ask while this one runs.
    typename Parts::LeavesOut leaves_zeros_out() const { return leaves_out_.load(std::memory_order_relaxed); }

private:
    // Rows whose columns are summed before the next ones are begun.
    static constexpr i64 kSumRows = 16;
    // Chunks of rows a thread: enough that one that is held up holds up little.
    static constexpr i64 kChunksPerThread = 2;
    // A call of so much arithmetic is cut where there are too few rows or samples to share out.
    static constexpr double kFlopsToCut = 2e5;

    using LeavesOut = typename Parts::LeavesOut;
    using Slot = typename Parts::Slot;
    using Layer = typename Parts::Layer;
    using Finite = typename Parts::Finite;
    using Way = typename Parts::Way;
    using Conv = typename Parts::Conv;
    using Filters = typename Parts::Filters;
    using Gather = typename Parts::Gather;
    using Affine = typename Parts::Affine;
    using Turn = typename Parts::Turn;
    using AffineBack = typename Parts::AffineBack;
    using Entrywise = typename Parts::Entrywise;
    using Loss = typename Parts::Loss;
    using Give = typename Parts::Give;
    using Call = typename Parts::Call;
    using Dropout = typename Parts::Dropout;
    using Norm = typename Parts::Norm;
    using Rescale = typename Parts::Rescale;
    using SumColumns = typename Parts::SumColumns;
    using Normalize = typename Parts::Normalize;
    using NormalizeBack = typename Parts::NormalizeBack;
    using ToImage = typename Parts::ToImage;
    using FromImage = typename Parts::FromImage;
    using Pool = typename Parts::Pool;
    using Correlate = typename Parts::Correlate;
    using CorrelateBack = typename Parts::CorrelateBack;
    using FilterGradient = typename Parts::FilterGradient;
    using PoolBack = typename Parts::PoolBack;
    using Segment = typename Parts::Segment;
    using Sample = typename Parts::Sample;
    using Range = typename Parts::Range;
    using Block = typename Parts::Block;
    using Op = typename Parts::Op;

    // What one batch runs on.
    struct Batch {
        const std::vector<Source>* sources;
        const Targets<T>* targets;
        const i64* index;
        i64 first, rows;
        int threads;
        bool few;
        bool by_depth = false;  // its first product is cut so
        T* out = nullptr;       // of inference: all rows of the result
    };

    // Bytes that a thread reads and writes in the second phase of a step, beyond which most of it has left the
    // core's own cache, which has 1 or 2 MB, when the next step comes.
    static constexpr i64 kNear = i64{5} << 18;
    // Numbers of a W that no thread should read whole more often than it must: half of what a core's own cache holds.
    static constexpr i64 kWideNumbers = 131072;

    void add_op(Op op);
    bool is_read_as_stored(i64 outputs) const;
    bool is_turned(i64 inputs, i64 outputs) const;
    const Slot& at(i64 slot) const { return slots_[static_cast<std::size_t>(slot)]; }
    void run_segments(const Batch& batch, const Callback& callback);
    void run_rows(const Segment& segment, const Batch& batch);
    struct Product { const Layer* layer; i64 columns; };
    Product product_of(const Op& op) const;
    bool goes_by_columns(const Op& op, const Batch& batch) const;
    void run_by_columns(const Op& op, const Batch& batch);
    void run_columns(const std::vector<Op>& ops, const Batch& batch);
    void run_images(const Segment& segment, const Batch& batch);
    void run_bands(const Segment& segment, const Batch& batch);
    void fold_norms();
    void fold_into(i64 norm, i64 bias);
    const T* scale_of(i64 norm) const;
    static i64 rows_of_part(const Slot& x);
    Grid<T> grid(i64 slot, i64 row, T* local) const;
    Grid<const T> reading(i64 slot, i64 row, T* local) const;
    Places places(i64 slot, i64 rows) const;
    void run_norm(const Op& op, const Batch& batch, i64 row, i64 row_end, T* local);
    void settle(const SumColumns& op, i64 rows);
    void run_image_op(const Op& op, const Batch& batch, const Sample& sample);
    T* numbers(i64 slot, const Sample& sample) const;
    Plane<T> plane(i64 slot, const Sample& sample) const;
    void run_dropout(const Dropout& op, i64 row, i64 row_end);
    void next_noise();
    i64 parts_of(i64 rows) const;
    static double flops_of(const Conv& conv);
    void check_windows(const Windows& windows, const Slot& slot) const;
    void pack_filters(Filters& filters);
    void pack_changed(Filters& filters);
    void pack_turned(const Filters& filters, bool back);
    void correlate_lines(const Conv& conv, const Correlate& op, const Sample& sample, i64 line, i64 height);
    void correlate_turned(const Conv& conv, const Correlate& op, const Sample& sample, i64 line,
                          i64 height);
    void run_pooled(const Conv& conv, const Correlate& op, const Sample& sample);
    const T* bias_of(const Conv& conv, const Correlate& op) const;
    void correlate_turned_back(const Conv& conv, const CorrelateBack& op, const Sample& sample);
    void by_lines(LineWinograd<T> op);
    Way way_of(const ConvShape& shape, i64 channels, i64 columns, i64 width) const;
    static i64 planes_of(Way way);
    i64 plane_of(Way way, const Packing& packing, i64 lines, i64 channels, i64 columns) const;
    const T* filter_sums(const Filters& filters, i64 rows);
    void update_filters(Filters& filters, const Batch& batch, const Update<T>& step,
                        bool repack);
    void write_filter_gradients(const Filters& filters, i64 rows);
    void run_filter_gradient(const FilterGradient& op, const Sample& sample);
    void run_few(const AffineForward<T>& op, const Batch& batch);
    void run_op(const Op& op, const Batch& batch, i64 row, i64 row_end, i64 column, i64 column_end);
    bool aliases(const Gather& op, const Batch& batch) const;
    void point_slots(const Batch& batch);
    void point_slot(const Gather& op, const Batch& batch);
    void run_gather(const Gather& op, const Batch& batch, i64 row, i64 row_end);
    void gather_columns(const Source& source, const Batch& batch, i64 row, i64 row_end, i64 column,
                        i64 column_end, T* to, i64 to_row);
    AffineForward<T> forward_of(const Affine& op) const;
    void find_zeros(const Batch& batch);
    Step* lists_of(const Affine& op, i64 rows) const;
    LeavesOut zeros_of(const Layer& layer) const;
    void forget_finite();
    bool dy_is_finite(const Layer& layer, const AffineGradient<T>& op) const;
    void find_first();
    bool goes_by_depth(i64 rows, int threads);
    void run_by_depth(const Batch& batch);
    void add_parts(i64 row, i64 row_end);
    void ask_for_next(const Block& block) const;
    static Ahead ahead(const Stretch& next, const Batch& batch) {
        return {&next, batch.threads > 1 && next.bytes > 0};  // alone, a thread has all of it near
    }
    void find_next_panels();
    void find_next_layers();
    void weight_gradient(const Block& block, const Batch& batch, bool repack, T* out) const;
    struct PartX { T* data; i64 row; };
    PartX part_x(i64 part) const;
    void pack(int threads, bool few, bool changed_only);
    void pack_block(const Block& block, bool changed_only);
    void update(const Batch& batch, const OptimizerSettings& settings, bool repack);
    void update_block(const Block& block, const Batch& batch, const Update<T>& step, bool repack);
    void write_gradients(const Batch& batch);
    double gradient_norm(int threads);
    void apply(const Update<T>& step, i64 offset, const T* grads, i64 count);
    void plan_blocks(i64 rows);
    void plan_tasks(int threads);
    template <class OnFilters, class OnBlock, class OnRange>
    void for_tasks(int threads, OnFilters on_filters, OnBlock on_block, OnRange on_range);
    double mean_loss(i64 rows) const;
    AffineGradient<T> gradient_of(const Block& block, const Batch& batch) const;
    int threads_for(double flops) const;

    const Math<T>& math_;
    const Kernels& kernels_;
    i64 max_rows_, arena_size_;
    Buffers<T> buffers_;
    Memory<T> arena_;
    std::vector<double> row_losses_;
    std::vector<Slot> slots_;
    std::vector<Layer> layers_;
    std::vector<Segment> segments_;
    std::vector<Memory<T>> locals_;
    // Of the product that is cut by its depth, part after part: its sums, and its columns of x.
    Memory<T> depth_sums_{nullptr, std::free}, depth_x_{nullptr, std::free};
    i64 local_size_ = 0;
    std::vector<Conv> convs_;
    std::vector<Norm> norms_;
    std::vector<Filters> filters_;
    std::vector<Range> ranges_;
    std::vector<Block> blocks_;
    i64 blocks_rows_ = -1;
    std::vector<i64> tasks_, starts_;  // of the second phase, those of one thread after another's
    // The gather and the product that a step begins with, if it does: see program_depth.cpp.
    struct First { const Gather* gather; const Affine* affine; i64 layer, inputs, parts, rows; };
    First first_{nullptr, nullptr, -1, 0, 0, 0};
    i64 update_bytes_ = 0;  // that the second phase of a step reads and writes
    const Batch* next_ = nullptr;  // the batch after the one at hand, while that is learned from
    double flops_a_row_ = 0;
    std::atomic<LeavesOut> leaves_out_{};
    i64 calls_ = 0;  // of train() and predict(), of a few rows not counted
    mutable std::vector<std::atomic<Finite>> finite_;  // of each layer: whether all of dy is, in the step at hand
};

}  // namespace zk
