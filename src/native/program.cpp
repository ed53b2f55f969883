#include "program.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#endif

#include "parallel.hpp"

namespace zk {
namespace {

// Below so much arithmetic, waking helpers costs more than they bring.
constexpr double kFlopsForHelpers = 4e5;
// Chunks of rows a thread: enough that one that is held up holds up little.
constexpr i64 kChunksPerThread = 2;
// Numbers of one block's gradient, which lives in a thread's cache between product and update.
constexpr i64 kBlockNumbers = 8192;
// Columns of a block, beyond which its rows are updated piece by piece.
constexpr i64 kBlockColumns = 512;
// Arithmetic of one block: small beside a step, large beside the claim of a task.
constexpr double kBlockFlops = 1e6;
// Parameters of one task where there is no product to do.
constexpr i64 kRangeNumbers = 16384;

constexpr std::size_t kLine = 64;

i64 round_up(i64 value, i64 to) { return (value + to - 1) / to * to; }

// From half a huge page on, memory is asked for in huge pages: a step walks through all of it, and
// with small ones the processor spends much of that time looking up where it is.
constexpr std::size_t kHuge = std::size_t{1} << 21;

template <class T>
std::unique_ptr<T[], void (*)(void*)> aligned_zeros(i64 count) {
    const std::size_t bytes = std::max(static_cast<std::size_t>(count) * sizeof(T), kLine);
    const std::size_t line = bytes >= kHuge / 2 ? kHuge : kLine;
    const std::size_t whole = (bytes + line - 1) / line * line;
    void* memory = std::aligned_alloc(line, whole);
    if (memory == nullptr) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
    if (line == kHuge) madvise(memory, whole, MADV_HUGEPAGE);
#endif
    std::memset(memory, 0, whole);
    return {static_cast<T*>(memory), std::free};
}

i64 bytes_of(Source::Type type) {
    return type == Source::Type::u8 ? 1 : type == Source::Type::f32 ? 4 : 8;
}

inline void prefetch(const void* address) {
#if defined(__GNUC__)
    __builtin_prefetch(address);
#else
    (void)address;
#endif
}

// A thread's own working memory, kept from task to task.
template <class T>
T* scratch(i64 count) {
    struct Memory {
        std::unique_ptr<T[], void (*)(void*)> data{nullptr, std::free};
        i64 size = 0;
    };
    thread_local Memory memory;
    if (memory.size < count) {
        memory.data = aligned_zeros<T>(count);
        memory.size = count;
    }
    return memory.data.get();
}

template <class T>
Update<T> step_of(const OptimizerSettings& settings, i64 step) {
    const double t = static_cast<double>(step);
    double lr = settings.lr, spread = 1;
    if (settings.kind == OptimizerKind::adam) {
        lr /= 1 - std::pow(settings.keep1, t);
        spread = 1 / std::sqrt(1 - std::pow(settings.keep2, t));
    }
    Update<T> u{};
    u.kind = settings.kind;
    u.lr = static_cast<T>(lr);
    u.clip = T(1);
    u.decay = static_cast<T>(settings.decoupled ? 0 : settings.weight_decay);
    u.shrink = static_cast<T>(settings.decoupled ? 1 - settings.lr * settings.weight_decay : 1);
    u.keep1 = static_cast<T>(settings.keep1);
    u.keep2 = static_cast<T>(settings.keep2);
    u.take1 = static_cast<T>(1 - settings.keep1);
    u.take2 = static_cast<T>(1 - settings.keep2);
    u.spread = static_cast<T>(spread);
    u.eps = static_cast<T>(settings.eps);
    return u;
}

}  // namespace

template <class T>
Program<T>::Program(const Kernels& kernels, i64 max_rows, i64 arena_size, Buffers<T> buffers)
    : math_(math<T>(kernels)),
      kernels_(kernels),
      max_rows_(max_rows),
      arena_size_(arena_size),
      buffers_(buffers),
      arena_(aligned_zeros<T>(arena_size)),
      row_losses_(static_cast<std::size_t>(max_rows)) {}

template <class T>
Program<T>::~Program() = default;

template <class T>
i64 Program<T>::slot(i64 offset, i64 row, i64 columns) {
    const i64 vectors = round_up(columns, math_.panel);
    if (offset < 0 || row < vectors || offset + row * max_rows_ > arena_size_)
        throw std::invalid_argument("program: a slot lies outside the arena");
    slots_.push_back({arena_.get() + offset, row, columns});
    return static_cast<i64>(slots_.size()) - 1;
}

template <class T>
i64 Program<T>::layer(i64 weights, i64 bias, i64 inputs, i64 outputs, i64 input, bool needs_back) {
    if (weights < 0 || bias < 0 || weights + inputs * outputs > buffers_.size ||
        bias + outputs > buffers_.size)
        throw std::invalid_argument("program: a layer's parameters lie outside the buffer");
    Layer made{weights, bias, inputs, outputs, input, -1, {nullptr, std::free}, {nullptr, std::free}};
    made.forward_panels = aligned_zeros<T>(inputs * round_up(outputs, math_.panel));
    if (needs_back) made.back_panels = aligned_zeros<T>(outputs * round_up(inputs, math_.panel));
    layers_.push_back(std::move(made));
    return static_cast<i64>(layers_.size()) - 1;
}

template <class T>
void Program<T>::add_op(Op op) {
    const bool call = std::holds_alternative<Call>(op);
    const bool joins = !segments_.empty() && !call &&
                       !std::holds_alternative<Call>(segments_.back().front());
    if (!joins) segments_.emplace_back();
    segments_.back().push_back(op);
}

template <class T>
void Program<T>::gather(i64 source, i64 to, bool may_alias) {
    const Slot& slot = slots_.at(static_cast<std::size_t>(to));
    add_op(Gather{source, to, may_alias, slot.data - arena_.get(), slot.row});
}

template <class T>
void Program<T>::affine(i64 layer, i64 input, i64 output, Activation act) {
    const Layer& of = layers_.at(static_cast<std::size_t>(layer));
    flops_a_row_ += 2.0 * static_cast<double>(of.inputs) * static_cast<double>(of.outputs);
    add_op(Affine{layer, input, output, act});
}

template <class T>
void Program<T>::affine_back(i64 layer, i64 dout, i64 dx, i64 output, Activation act) {
    const Layer& of = layers_.at(static_cast<std::size_t>(layer));
    flops_a_row_ += 2.0 * static_cast<double>(of.inputs) * static_cast<double>(of.outputs);
    add_op(AffineBack{layer, dout, dx, output, act});
}

template <class T>
void Program<T>::elementwise(Elementwise kind, i64 a, i64 b, i64 out, Activation act) {
    add_op(Entrywise{kind, a, b, out, act});
}

template <class T>
void Program<T>::loss(LossKind kind, i64 scores, i64 gradient) {
    add_op(Loss{kind, scores, gradient});
}

template <class T>
void Program<T>::call(i64 id) { add_op(Call{id}); }

template <class T>
void Program<T>::gradient(i64 layer, i64 dout) {
    layers_.at(static_cast<std::size_t>(layer)).dout = dout;
}

template <class T>
void Program<T>::update_range(i64 offset, i64 count) { ranges_.push_back({offset, count}); }

template <class T>
void Program<T>::result(i64 slot) { result_ = slot; }

template <class T>
i64 Program<T>::packed_size() const {
    i64 total = 0;
    for (const Layer& l : layers_) {
        total += l.inputs * round_up(l.outputs, math_.panel);
        if (l.back_panels) total += l.outputs * round_up(l.inputs, math_.panel);
    }
    return total;
}

template <class T>
int Program<T>::threads_for(double flops) const {
    return flops < kFlopsForHelpers ? 1 : std::max(1, max_threads());
}

// ---- forward and back ---------------------------------------------------------------------------

template <class T>
void Program<T>::run_segments(const Batch& batch, const Callback& callback) {
    for (const std::vector<Op>& ops : segments_) {
        if (const Call* call = std::get_if<Call>(&ops.front())) callback(call->id, batch.rows);
        else if (batch.threads > 1 && batch.rows < batch.threads * math_.tile_rows)
            run_columns(ops, batch);
        else run_rows(ops, batch);
    }
}

// Every thread takes chunks of rows through all the calls: no waiting in between. A row's numbers
// do not depend on the chunk that it lies in.
template <class T>
void Program<T>::run_rows(const std::vector<Op>& ops, const Batch& batch) {
    // As many chunks for each thread, and none so large that its rows leave the cache.
    const i64 widest = 8 * math_.tile_rows;
    const i64 turns = batch.threads == 1 ? 1 : batch.threads * kChunksPerThread;
    const i64 rounds = (batch.rows - 1) / (widest * turns) + 1;
    const i64 chunk = std::max((batch.rows - 1) / (rounds * turns) + 1, math_.tile_rows);
    const i64 chunks = (batch.rows + chunk - 1) / chunk;
    parallel_for(batch.threads, chunks, [&](i64 i, int) {
        const i64 end = std::min(batch.rows, (i + 1) * chunk);
        for (const Op& op : ops) run_op(op, batch, i * chunk, end, 0, -1);
    });
}

// A few rows through wide layers: each product is cut by columns instead.
template <class T>
void Program<T>::run_columns(const std::vector<Op>& ops, const Batch& batch) {
    for (const Op& op : ops) {
        i64 of = -1, columns = 0;
        if (const Affine* a = std::get_if<Affine>(&op)) {
            of = a->layer;
            columns = layers_[static_cast<std::size_t>(of)].outputs;
        } else if (const AffineBack* b = std::get_if<AffineBack>(&op)) {
            of = b->layer;
            columns = layers_[static_cast<std::size_t>(of)].inputs;
        }
        double flops = 0;
        if (of >= 0) {
            const Layer& l = layers_[static_cast<std::size_t>(of)];
            flops = 2.0 * static_cast<double>(batch.rows * l.inputs) * static_cast<double>(l.outputs);
        }
        if (flops < kFlopsForHelpers / 2) {
            run_op(op, batch, 0, batch.rows, 0, -1);
            continue;
        }
        const i64 panels = (columns + math_.panel - 1) / math_.panel;
        const i64 share = (panels - 1) / (batch.threads * kChunksPerThread) + 1;
        const i64 width = share * math_.panel;
        parallel_for(batch.threads, (columns + width - 1) / width, [&](i64 i, int) {
            run_op(op, batch, 0, batch.rows, i * width, std::min(columns, (i + 1) * width));
        });
    }
}

// Whether `predict` may read the user's rows where they are.
template <class T>
bool Program<T>::aliases(const Gather& op, const Batch& batch) const {
    const Source& source = (*batch.sources)[static_cast<std::size_t>(op.source)];
    const bool same = source.type == (sizeof(T) == 4 ? Source::Type::f32 : Source::Type::f64);
    return op.may_alias && batch.index == nullptr && same && source.scale == 1.0;
}

template <class T>
void Program<T>::run_gather(const Gather& op, const Batch& batch, i64 row, i64 row_end) {
    if (aliases(op, batch)) return;
    const Source& source = (*batch.sources)[static_cast<std::size_t>(op.source)];
    Slot& to = slots_[static_cast<std::size_t>(op.to)];
    const T scale = static_cast<T>(source.scale);
    const i64 row_bytes = source.columns * bytes_of(source.type);
    for (i64 r = row; r < row_end; ++r) {
        // Rows are drawn from all over the data set: the next one is asked for in time.
        if (batch.index != nullptr && r + 1 < row_end) {
            const char* next = static_cast<const char*>(source.data) +
                               batch.index[r + 1] * source.stride * bytes_of(source.type);
            for (i64 at = 0; at < row_bytes; at += static_cast<i64>(kLine)) prefetch(next + at);
        }
        const i64 whole = batch.first + r;
        const i64* from = batch.index ? batch.index + r : &whole;
        T* out = to.data + r * to.row;
        switch (source.type) {
            case Source::Type::u8: {
                const auto* data = static_cast<const std::uint8_t*>(source.data);
                if constexpr (sizeof(T) == 4)
                    kernels_.gather_u8_f32(data, source.stride, source.columns, from, 1, out, scale);
                else
                    kernels_.gather_u8_f64(data, source.stride, source.columns, from, 1, out, scale);
                break;
            }
            case Source::Type::f32: {
                const auto* data = static_cast<const float*>(source.data);
                if constexpr (sizeof(T) == 4)
                    kernels_.gather_f32_f32(data, source.stride, source.columns, from, 1, out, scale);
                else
                    kernels_.gather_f32_f64(data, source.stride, source.columns, from, 1, out, scale);
                break;
            }
            case Source::Type::f64: {
                const auto* data = static_cast<const double*>(source.data);
                if constexpr (sizeof(T) == 4)
                    kernels_.gather_f64_f32(data, source.stride, source.columns, from, 1, out, scale);
                else
                    kernels_.gather_f64_f64(data, source.stride, source.columns, from, 1, out, scale);
                break;
            }
        }
    }
}

template <class T>
void Program<T>::run_op(const Op& op, const Batch& batch, i64 row, i64 row_end, i64 column,
                        i64 column_end) {
    const auto at = [&](i64 id) -> const Slot& { return slots_[static_cast<std::size_t>(id)]; };
    if (const Gather* g = std::get_if<Gather>(&op)) {
        run_gather(*g, batch, row, row_end);
    } else if (const Affine* a = std::get_if<Affine>(&op)) {
        const Layer& l = layers_[static_cast<std::size_t>(a->layer)];
        const AffineForward<T> call{at(a->input).data,
                                    at(a->input).row,
                                    buffers_.params + l.weights,
                                    l.forward_panels.get(),
                                    buffers_.params + l.bias,
                                    at(a->output).data,
                                    at(a->output).row,
                                    l.inputs,
                                    l.outputs,
                                    a->act};
        math_.affine(call, row, row_end, column, column_end < 0 ? l.outputs : column_end, batch.few);
    } else if (const AffineBack* b = std::get_if<AffineBack>(&op)) {
        const Layer& l = layers_[static_cast<std::size_t>(b->layer)];
        const Slot none{nullptr, 0, 0};
        const Slot& y = b->output < 0 ? none : at(b->output);
        const AffineBackward<T> call{at(b->dout).data,
                                     at(b->dout).row,
                                     buffers_.params + l.weights,
                                     l.back_panels.get(),
                                     at(b->dx).data,
                                     at(b->dx).row,
                                     y.data,
                                     y.row,
                                     l.inputs,
                                     l.outputs,
                                     b->act};
        math_.affine_back(call, row, row_end, column, column_end < 0 ? l.inputs : column_end,
                          batch.few);
    } else if (const Entrywise* e = std::get_if<Entrywise>(&op)) {
        const Slot& second = e->b < 0 ? at(e->a) : at(e->b);
        const zk::Elementwise<T> call{at(e->a).data, at(e->a).row, second.data,
                                      second.row,    at(e->out).data, at(e->out).row,
                                      at(e->out).columns, e->act};
        switch (e->kind) {
            case Elementwise::activate: return math_.activate(call, row, row_end);
            case Elementwise::activate_back: return math_.activate_back(call, row, row_end);
            case Elementwise::softmax: return math_.softmax(call, row, row_end);
            case Elementwise::softmax_back: return math_.softmax_back(call, row, row_end);
            case Elementwise::add: return math_.add(call, row, row_end);
            case Elementwise::multiply: return math_.multiply(call, row, row_end);
        }
    } else if (const Loss* loss = std::get_if<Loss>(&op)) {
        const Targets<T>& t = *batch.targets;
        const LossRows<T> call{loss->kind,
                               at(loss->scores).data,
                               at(loss->scores).row,
                               at(loss->gradient).data,
                               at(loss->gradient).row,
                               at(loss->scores).columns,
                               t.labels,
                               t.numbers,
                               t.columns,
                               batch.index,
                               row_losses_.data(),
                               T(1) / static_cast<T>(batch.rows)};
        const i64 bad = math_.loss(call, row, row_end);
        // A label can only be out of range if someone changed it since it was checked.
        if (bad >= 0) row_losses_[static_cast<std::size_t>(bad)] = std::nan("");
    }
}

template <class T>
double Program<T>::mean_loss(i64 rows) const {
    double total = 0;
    for (i64 i = 0; i < rows; ++i) total += row_losses_[static_cast<std::size_t>(i)];
    // In the program's own format: a loss that it cannot hold has diverged.
    return rows > 0 ? static_cast<double>(static_cast<T>(total / static_cast<double>(rows))) : 0;
}

// ---- panels -------------------------------------------------------------------------------------

template <class T>
void Program<T>::pack_block(const Block& b) {
    Layer& l = layers_[static_cast<std::size_t>(b.layer)];
    const T* weights = buffers_.params + l.weights;
    math_.pack_forward(weights, l.inputs, l.outputs, b.k, b.k_end, b.j, b.j_end,
                       l.forward_panels.get());
    if (l.back_panels)
        math_.pack_backward(weights, l.inputs, l.outputs, b.k, b.k_end, b.j, b.j_end,
                            l.back_panels.get());
}

template <class T>
void Program<T>::pack(int threads) {
    plan_blocks(1);
    parallel_for(threads, static_cast<i64>(blocks_.size()), [&](i64 i, int) {
        const Block& block = blocks_[static_cast<std::size_t>(i)];
        if (block.k < block.k_end) pack_block(block);
    });
}

// ---- gradients and update -----------------------------------------------------------------------

// Cuts every layer's parameters into blocks. Where the cuts lie changes no bit of the result.
template <class T>
void Program<T>::plan_blocks(i64 rows) {
    if (rows == blocks_rows_) return;
    blocks_rows_ = rows;
    blocks_.clear();
    for (i64 id = 0; id < static_cast<i64>(layers_.size()); ++id) {
        const Layer& l = layers_[static_cast<std::size_t>(id)];
        const i64 columns = std::min(l.outputs, kBlockColumns);
        const double flops = 2.0 * static_cast<double>(rows) * static_cast<double>(columns);
        const i64 wanted = std::min(kBlockNumbers / std::max<i64>(columns, 1),
                                    static_cast<i64>(kBlockFlops / std::max(flops, 1.0)));
        const i64 height = std::clamp(wanted / math_.panel, i64{1}, i64{64}) * math_.panel;
        for (i64 j = 0; j < l.outputs; j += kBlockColumns)
            for (i64 k = 0; k < l.inputs; k += height)
                blocks_.push_back({id, k, std::min(l.inputs, k + height), j,
                                   std::min(l.outputs, j + kBlockColumns)});
        blocks_.push_back({id, 0, 0, 0, 0});
    }
}

template <class T>
AffineGradient<T> Program<T>::gradient_of(const Layer& l, i64 rows) const {
    const Slot& x = slots_[static_cast<std::size_t>(l.input)];
    const Slot& dy = slots_[static_cast<std::size_t>(l.dout)];
    return {x.data, x.row, dy.data, dy.row, rows, l.inputs, l.outputs};
}

template <class T>
void Program<T>::apply(const Update<T>& step, i64 offset, const T* grads, i64 count) {
    math_.update(step, buffers_.params + offset, grads,
                 buffers_.first ? buffers_.first + offset : nullptr,
                 buffers_.second ? buffers_.second + offset : nullptr, count);
}

// One block from its product to its new parameters while it is in the cache; the gradient itself is
// never written to memory.
template <class T>
void Program<T>::update_block(const Block& b, const Batch& batch, const Update<T>& step,
                              bool repack) {
    const Layer& l = layers_[static_cast<std::size_t>(b.layer)];
    if (b.k == b.k_end) {
        T* bias = scratch<T>(round_up(l.outputs, math_.panel));
        math_.bias_gradient(gradient_of(l, batch.rows), bias);
        apply(step, l.bias, bias, l.outputs);
        return;
    }
    const i64 width = b.j_end - b.j;
    T* out = scratch<T>((b.k_end - b.k) * width + math_.panel);
    math_.weight_gradient(gradient_of(l, batch.rows), b.k, b.k_end, b.j, b.j_end, out, width);
    const i64 start = l.weights + b.k * l.outputs + b.j;
    if (width == l.outputs) {
        apply(step, start, out, (b.k_end - b.k) * width);
    } else {
        for (i64 k = 0; k < b.k_end - b.k; ++k)
            apply(step, start + k * l.outputs, out + k * width, width);
    }
    if (repack) pack_block(b);
}

template <class T>
void Program<T>::write_gradients(const Batch& batch) {
    parallel_for(batch.threads, static_cast<i64>(blocks_.size()), [&](i64 i, int) {
        const Block& b = blocks_[static_cast<std::size_t>(i)];
        const Layer& l = layers_[static_cast<std::size_t>(b.layer)];
        if (b.k == b.k_end) {
            T* bias = scratch<T>(round_up(l.outputs, math_.panel));
            math_.bias_gradient(gradient_of(l, batch.rows), bias);
            std::copy_n(bias, l.outputs, buffers_.grads + l.bias);
        } else {
            math_.weight_gradient(gradient_of(l, batch.rows), b.k, b.k_end, b.j, b.j_end,
                                  buffers_.grads + l.weights + b.k * l.outputs + b.j, l.outputs);
        }
    });
}

// Partial sums of a fixed length, added in order.
template <class T>
double Program<T>::gradient_norm(int threads) {
    const i64 parts = (buffers_.size + kRangeNumbers - 1) / kRangeNumbers;
    std::vector<double> sums(static_cast<std::size_t>(parts));
    parallel_for(threads, parts, [&](i64 i, int) {
        const i64 start = i * kRangeNumbers;
        sums[static_cast<std::size_t>(i)] = math_.sum_of_squares(
            buffers_.grads + start, std::min(kRangeNumbers, buffers_.size - start));
    });
    double total = 0;
    for (const double sum : sums) total += sum;
    return std::sqrt(total);
}

template <class T>
void Program<T>::update(const Batch& batch, const OptimizerSettings& settings, bool repack) {
    Update<T> step = step_of<T>(settings, settings.steps);
    plan_blocks(batch.rows);
    if (settings.clip_norm > 0) {
        // The norm of all gradients must be known before the first parameter moves.
        write_gradients(batch);
        const double norm = gradient_norm(batch.threads);
        if (norm > settings.clip_norm) step.clip = static_cast<T>(settings.clip_norm / norm);
        const i64 parts = (buffers_.size + kRangeNumbers - 1) / kRangeNumbers;
        parallel_for(batch.threads, parts, [&](i64 i, int) {
            const i64 start = i * kRangeNumbers;
            apply(step, start, buffers_.grads + start,
                  std::min(kRangeNumbers, buffers_.size - start));
        });
        if (repack) pack(batch.threads);
        return;
    }
    const i64 blocks = static_cast<i64>(blocks_.size());
    parallel_for(batch.threads, blocks + static_cast<i64>(ranges_.size()), [&](i64 i, int) {
        if (i < blocks) {
            update_block(blocks_[static_cast<std::size_t>(i)], batch, step, repack);
        } else {
            const Range& range = ranges_[static_cast<std::size_t>(i - blocks)];
            apply(step, range.offset, buffers_.grads + range.offset, range.count);
        }
    });
}

// ---- the loops ----------------------------------------------------------------------------------

template <class T>
i64 Program<T>::train(const std::vector<Source>& sources, const Targets<T>& targets,
                      const i64* indices, const i64* bounds, i64 batches,
                      const OptimizerSettings& settings, double* losses,
                      const Callback& callback) {
    OptimizerSettings now = settings;
    bool packed = false;
    for (i64 b = 0; b < batches; ++b) {
        const i64 rows = bounds[b + 1] - bounds[b];
        const auto few = [&](i64 count) { return count <= math_.few_rows; };
        const Batch batch{&sources, &targets, indices + bounds[b], 0, rows,
                          threads_for(flops_a_row_ * static_cast<double>(rows)), few(rows)};
        if (!packed && !batch.few) pack(batch.threads);
        run_segments(batch, callback);
        losses[b] = mean_loss(rows);
        if (!std::isfinite(losses[b])) return b + 1;
        ++now.steps;
        packed = b + 1 < batches && !few(bounds[b + 2] - bounds[b + 1]);
        update(batch, now, packed);
    }
    return batches;
}

// Slots that need no copy of the user's rows point to them; the rest to their own place.
template <class T>
void Program<T>::point_slots(const Batch& batch) {
    for (const std::vector<Op>& ops : segments_) for (const Op& op : ops) {
        const Gather* g = std::get_if<Gather>(&op);
        if (g == nullptr || !g->may_alias) continue;
        Slot& slot = slots_[static_cast<std::size_t>(g->to)];
        const Source& source = (*batch.sources)[static_cast<std::size_t>(g->source)];
        if (aliases(*g, batch)) {
            // Only read: an input slot is no call's output.
            slot.data = const_cast<T*>(static_cast<const T*>(source.data)) +
                        batch.first * source.stride;
            slot.row = source.stride;
        } else {
            slot.data = arena_.get() + g->offset;
            slot.row = g->row;
        }
    }
}

template <class T>
void Program<T>::predict(const std::vector<Source>& sources, i64 rows, T* out,
                         const Callback& callback) {
    const bool few = rows <= math_.few_rows;
    const int threads = threads_for(flops_a_row_ * static_cast<double>(rows));
    if (!few) pack(threads);
    const Slot result = slots_.at(static_cast<std::size_t>(result_));
    for (i64 first = 0; first < rows; first += max_rows_) {
        const i64 count = std::min(max_rows_, rows - first);
        const Batch batch{&sources, nullptr, nullptr, first, count, threads, few};
        point_slots(batch);
        run_segments(batch, callback);
        for (i64 r = 0; r < count; ++r)
            std::copy_n(result.data + r * result.row, result.columns,
                        out + (first + r) * result.columns);
    }
}

template class Program<float>;
template class Program<double>;

}  // namespace zk
