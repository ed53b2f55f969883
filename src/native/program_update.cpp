// Gradients and update: each block of parameters from its product to its new values.
#include "program.hpp"

#include <algorithm>
#include <cmath>

#include "parallel.hpp"

namespace zk {
namespace {

// Numbers of one block's gradient, which stays in the first-level cache from its product to its update.
constexpr i64 kBlockNumbers = 4096;
// Columns of a block, beyond which its rows are updated piece by piece.
constexpr i64 kBlockColumns = 512;
// Rows of a block, or a multiple of them, where columns of x are listed: whole lines of x, and enough of dW to pay for
// the lists.
constexpr i64 kListedUnit = 32;
// Arithmetic of one block: small beside a step, large beside the claim of a task.
constexpr double kBlockFlops = 1e6;
// Parameters of one task where there is no product to do.
constexpr i64 kRangeNumbers = 16384;

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
void Program<T>::pack_block(const Block& b, bool changed_only) {
    Layer& l = layers_[static_cast<std::size_t>(b.layer)];
    const T* weights = buffers_.params + l.weights;
    if (l.forward_panels)
        math_.pack_forward(weights, l.inputs, l.outputs, b.k, b.k_end, b.j, b.j_end,
                           l.forward_panels.get(), changed_only);
    if (l.back_panels)
        math_.pack_backward(weights, l.inputs, l.outputs, b.k, b.k_end, b.j, b.j_end,
                            l.back_panels.get());
}

// The tasks of the second phase, each by the thread whose it is: see plan_tasks.
template <class T>
template <class OnFilters, class OnBlock, class OnRange>
void Program<T>::for_tasks(int threads, OnFilters on_filters, OnBlock on_block, OnRange on_range) {
    plan_tasks(threads);
    const auto task = [&](i64 at, int) {
        auto i = static_cast<std::size_t>(tasks_[static_cast<std::size_t>(at)]);
        if (i < filters_.size()) return on_filters(filters_[i]);
        i -= filters_.size();
        if (i < blocks_.size()) return on_block(blocks_[i]);
        on_range(ranges_[i - blocks_.size()]);
    };
    parallel_for(threads, static_cast<i64>(tasks_.size()), task, starts_.data());
}

template <class T>
void Program<T>::pack(int threads, bool few, bool changed_only) {
    // Convolutions read packed filters however few the rows are; affine layers do not.
    if (few) {
        const auto changed = [&](i64 i, int) { pack_changed(filters_[static_cast<std::size_t>(i)]); };
        return parallel_for(threads, static_cast<i64>(filters_.size()), changed);
    }
    if (blocks_rows_ < 0) plan_blocks(1);
    for_tasks(
        threads, [&](Filters& filters) { pack_filters(filters); },
        [&](const Block& block) { if (block.k < block.k_end) pack_block(block, changed_only); }, [](const Range&) {});
}

// Cuts every layer's parameters into blocks. Where the cuts lie changes no bit of the result.
template <class T>
void Program<T>::plan_blocks(i64 rows) {
    if (rows == blocks_rows_) return;
    blocks_rows_ = rows;
    blocks_.clear();
    tasks_.clear();
    for (i64 id = 0; id < static_cast<i64>(layers_.size()); ++id) {
        const Layer& l = layers_[static_cast<std::size_t>(id)];
        const i64 columns = std::min(l.outputs, kBlockColumns);
        const double flops = 2.0 * static_cast<double>(rows) * static_cast<double>(columns);
        const i64 wanted = std::min(kBlockNumbers / std::max<i64>(columns, 1),
                                    static_cast<i64>(kBlockFlops / std::max(flops, 1.0)));
        // Of whole tiles, where no panel says otherwise.
        const i64 unit = zeros_of(l).columns                      ? kListedUnit
                         : l.back_panels || l.forward_panels ? math_.panel
                                                             : 3 * math_.tile_rows;
        const i64 most = std::clamp(wanted / unit, i64{1}, i64{64}) * unit;
        // The first layer is cut where its product is; others are not cut by depth.
        const i64 parts = l.back_panels || l.turned ? 1 : math_.depth_parts(l.inputs);
        const auto cut = [&](i64 part) { return part == parts ? l.inputs : math_.depth_cut(l.inputs, part); };
        for (i64 j = 0; j < l.outputs; j += kBlockColumns)
            for (i64 part = 0; part < parts; ++part) {
                // As even as whole units can be, so that no thread waits long for the last one.
                const i64 all = cut(part + 1) - cut(part), blocks = (all - 1) / most + 1;
                const i64 height = round_up((all - 1) / std::max(blocks, i64{1}) + 1, unit);
                for (i64 k = cut(part), k_end = k; k < cut(part + 1); k = k_end) {
                    // A few rows that are left go with the last block: alone, they fill no tile.
                    const i64 left = cut(part + 1) - k;
                    k_end = left < height + height / 2 ? k + left : k + height;
                    blocks_.push_back({id, k, k_end, j, std::min(l.outputs, j + kBlockColumns), part});
                }
            }
        blocks_.push_back({id, 0, 0, 0, 0, 0});
    }
}

// Which thread begins with which tasks of the second phase: filters, then blocks, then ranges. Those of the
// first product go to the thread that has their columns of x, where it is cut by depth. The others follow
// each other, so that a thread has as few layers as can be, and of a layer one piece: of what such a layer
// was given, and of its gradient, half lies in another core's cache.
template <class T>
void Program<T>::plan_tasks(int threads) {
    const auto shares = static_cast<std::size_t>(threads);
    if (!tasks_.empty() && starts_.size() == shares + 1) return;
    struct Task { double work; std::size_t of; };  // of: the thread that has to have it
    std::vector<Task> all;
    const auto add = [&](double work, std::size_t of) { all.push_back({work, of}); };
    for (std::size_t i = 0; i < filters_.size(); ++i) add(1, shares);
    for (const Block& b : blocks_) {
        const bool first = b.layer == first_.layer && b.k < b.k_end;
        add(static_cast<double>((b.k_end - b.k) * (b.j_end - b.j)),
            first ? static_cast<std::size_t>((b.k + b.k_end) / 2 * threads / first_.inputs) : shares);
    }
    for (const Range& range : ranges_) add(static_cast<double>(range.count), shares);
    std::vector<double> load(shares);
    double total = 0;
    for (const Task& task : all) {
        total += task.work;
        if (task.of < shares) load[task.of] += task.work;
    }
    std::vector<std::vector<i64>> of(shares);
    for (std::size_t i = 0, next = 0; i < all.size(); ++i) {
        std::size_t to = all[i].of;
        if (to == shares) {
            while (next + 1 < shares && load[next] + all[i].work / 2 > total / threads) ++next;
            to = next;
            load[to] += all[i].work;
        }
        of[to].push_back(static_cast<i64>(i));
    }
    tasks_.clear();
    starts_.assign(1, 0);
    for (const std::vector<i64>& each : of) {
        tasks_.insert(tasks_.end(), each.begin(), each.end());
        starts_.push_back(static_cast<i64>(tasks_.size()));
    }
    find_next_layers();
}

template <class T>
AffineGradient<T> Program<T>::gradient_of(const Block& b, const Batch& batch) const {
    const Layer& l = layers_[static_cast<std::size_t>(b.layer)];
    const Slot& x = slots_[static_cast<std::size_t>(l.input)];
    const Slot& dy = slots_[static_cast<std::size_t>(l.dout)];
    AffineGradient<T> op{x.data, x.row, dy.data, dy.row, batch.rows, l.inputs, l.outputs};
    if (batch.by_depth && b.layer == first_.layer) {
        const PartX columns = part_x(b.part);
        op.x = columns.data - math_.depth_cut(l.inputs, b.part);
        op.x_row = columns.row;
    }
    if (b.k < b.k_end && zeros_of(l).columns && dy_is_finite(l, op)) op.lists = scratch<Step>(lists_room(b.k_end - b.k));
    return op;
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
        math_.bias_gradient(gradient_of(b, batch), bias);
        apply(step, l.bias, bias, l.outputs);
        return;
    }
    ask_for_next(b);
    const i64 width = b.j_end - b.j;
    T* out = scratch<T>((b.k_end - b.k) * width + math_.panel);
    weight_gradient(b, batch, repack, out);
    const i64 start = l.weights + b.k * l.outputs + b.j;
    if (width == l.outputs) {
        apply(step, start, out, (b.k_end - b.k) * width);
    } else {
        for (i64 k = 0; k < b.k_end - b.k; ++k)
            apply(step, start + k * l.outputs, out + k * width, width);
    }
    if (repack) pack_block(b, false);
}

template <class T>
void Program<T>::write_gradients(const Batch& batch) {
    parallel_for(batch.threads, static_cast<i64>(blocks_.size()), [&](i64 i, int) {
        const Block& b = blocks_[static_cast<std::size_t>(i)];
        const Layer& l = layers_[static_cast<std::size_t>(b.layer)];
        if (b.k == b.k_end) {
            T* bias = scratch<T>(round_up(l.outputs, math_.panel));
            math_.bias_gradient(gradient_of(b, batch), bias);
            std::copy_n(bias, l.outputs, buffers_.grads + l.bias);
        } else {
            math_.weight_gradient(gradient_of(b, batch), b.k, b.k_end, b.j, b.j_end,
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
    forget_finite();
    if (settings.clip_norm > 0) {
        // The norm of all gradients must be known before the first parameter moves.
        write_gradients(batch);
        parallel_for(batch.threads, static_cast<i64>(filters_.size()), [&](i64 i, int) {
            write_filter_gradients(filters_[static_cast<std::size_t>(i)], batch.rows);
        });
        const double norm = gradient_norm(batch.threads);
        if (norm > settings.clip_norm) step.clip = static_cast<T>(settings.clip_norm / norm);
        const i64 parts = (buffers_.size + kRangeNumbers - 1) / kRangeNumbers;
        parallel_for(batch.threads, parts, [&](i64 i, int) {
            const i64 start = i * kRangeNumbers;
            apply(step, start, buffers_.grads + start,
                  std::min(kRangeNumbers, buffers_.size - start));
        });
        if (repack) pack(batch.threads, false, false);
        return;
    }
    for_tasks(
        batch.threads, [&](Filters& filters) { update_filters(filters, batch, step, repack); },
        [&](const Block& block) { update_block(block, batch, step, repack); },
        [&](const Range& range) { apply(step, range.offset, buffers_.grads + range.offset, range.count); });
}

template void Program<float>::pack(int, bool, bool);
template AffineGradient<float> Program<float>::gradient_of(const Block&, const Batch&) const;
template void Program<float>::apply(const Update<float>&, i64, const float*, i64);
template void Program<float>::update(const Batch&, const OptimizerSettings&, bool);
template void Program<double>::pack(int, bool, bool);
template AffineGradient<double> Program<double>::gradient_of(const Block&, const Batch&) const;
template void Program<double>::apply(const Update<double>&, i64, const double*, i64);
template void Program<double>::update(const Batch&, const OptimizerSettings&, bool);

}  // namespace zk
