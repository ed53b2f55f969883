// Forward and back: the calls of a program on rows of the batch.
#include "program.hpp"

#include <algorithm>
#include <cmath>

#include "parallel.hpp"

namespace zk {
namespace {

// With few rows W is read but once, so a product is cut by its depth, into parts that lie in one
// piece: of so many numbers of W, and no more than so many. The order of the sums, and so their bits,
// hangs on nothing else.
constexpr i64 kPartNumbers = 98304;
constexpr i64 kMostParts = 32;
// Rows of a chunk at most where every chunk goes through a wide W whose lines no processor fetches by itself: as many
// as a second-level cache of 512 KB has room for, of one part of their depth.
constexpr i64 kStridingRows = 192;

}  // namespace

// Slots that need no copy of the user's rows point to them; the rest to their own place.
template <class T>
void Program<T>::point_slots(const Batch& batch) {
    for (const Segment& segment : segments_) {
        for (const Op& op : segment.ops) {
            const Gather* g = std::get_if<Gather>(&op);
            if (g != nullptr && g->may_alias) point_slot(*g, batch);
        }
    }
}

template <class T>
void Program<T>::point_slot(const Gather& op, const Batch& batch) {
    Slot& slot = slots_[static_cast<std::size_t>(op.to)];
    const Source& source = (*batch.sources)[static_cast<std::size_t>(op.source)];
    if (aliases(op, batch)) {
        // Only read: an input slot is no call's output.
        T* const rows = const_cast<T*>(static_cast<const T*>(source.data));
        slot.data = rows + batch.first * source.stride;
        slot.row = source.stride;
        slot.users = true;
    } else {
        slot.data = arena_.get() + op.offset;
        slot.row = op.row;
        slot.users = false;
    }
}

template <class T>
void Program<T>::run_segments(const Batch& batch, const Callback& callback) {
    for (const Segment& segment : segments_) {
        const std::vector<Op>& ops = segment.ops;
        if (const Call* call = std::get_if<Call>(&ops.front())) callback(call->id, batch.rows);
        else if (segment.kind == Kind::images) run_images(segment, batch);
        else if (batch.threads > 1 && batch.rows < batch.threads * math_.tile_rows)
            run_columns(ops, batch);
        else run_rows(segment, batch);
        if (const SumColumns* sums = std::get_if<SumColumns>(&ops.back())) settle(*sums, batch.rows);
    }
}

// Every thread takes chunks of rows through all the calls, and waits for the others only around a product
// that is cut by its columns. A row's numbers do not depend on the chunk that it lies in.
template <class T>
void Program<T>::run_rows(const Segment& segment, const Batch& batch) {
    // As many chunks for each thread, and none so large that its rows leave the cache.
    const i64 widest = segment.strides ? kStridingRows : 8 * math_.tile_rows;
    const i64 turns = batch.threads == 1 ? 1 : batch.threads * kChunksPerThread;
    const i64 rounds = (batch.rows - 1) / (widest * turns) + 1;
    const i64 chunk = std::max((batch.rows - 1) / (rounds * turns) + 1, math_.tile_rows);
    // Where columns are summed, no chunk may cut the rows that are summed together.
    const bool sums = std::holds_alternative<SumColumns>(segment.ops.back());
    // Rows of whole tiles, of any panel's, where that makes no chunk much larger than another.
    const i64 tiles = 2 * math_.tile_rows;
    const i64 whole = chunk >= 3 * tiles ? tiles : chunk;
    const i64 unit = segment.turns ? std::max(kSumRows, math_.panel) : sums ? kSumRows : whole;
    const i64 units = (batch.rows - 1) / unit + 1;
    const i64 chunks = std::min(units, (batch.rows - 1) / chunk + 1);
    bool by_depth = batch.by_depth && &segment == &segments_.front();
    if (by_depth) run_by_depth(batch);
    const std::vector<Op>& ops = segment.ops;
    for (std::size_t from = by_depth ? 2 : 0, to = from; by_depth || from < ops.size(); from = to) {
        while (to < ops.size() && !goes_by_columns(ops[to], batch)) ++to;
        if (by_depth || to > from)
            parallel_for(batch.threads, chunks, [&](i64 i, int) {
                const i64 begin = units * i / chunks * unit;
                const i64 end = std::min(batch.rows, units * (i + 1) / chunks * unit);
                if (by_depth) add_parts(begin, end);
                for (std::size_t at = from; at < to; ++at) run_op(ops[at], batch, begin, end, 0, -1);
            });
        by_depth = false;
        if (to < ops.size()) run_by_columns(ops[to++], batch);
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
    const Slot& to = at(op.to);
    gather_columns(source, batch, row, row_end, 0, source.columns, to.data, to.row);
}

// Columns [column, column_end) of the batch's rows into rows of their own.
template <class T>
void Program<T>::gather_columns(const Source& source, const Batch& batch, i64 row, i64 row_end,
                                i64 column, i64 column_end, T* to, i64 to_row) {
    const T scale = static_cast<T>(source.scale);
    const i64 columns = column_end - column;
    const i64 bytes = columns * bytes_of(source.type);
    for (i64 r = row; r < row_end; ++r) {
        // Rows are drawn from all over the data set: the next one is asked for in time.
        if (batch.index != nullptr && r + 1 < row_end)
            prefetch(address_of(source, batch.index[r + 1], column), bytes);
        const i64 whole = batch.first + r;
        const i64* from = batch.index ? batch.index + r : &whole;
        T* out = to + r * to_row;
        switch (source.type) {
            case Source::Type::u8: {
                const auto* data = static_cast<const std::uint8_t*>(source.data) + column;
                if constexpr (sizeof(T) == 4)
                    kernels_.gather_u8_f32(data, source.stride, columns, from, 1, out, scale);
                else
                    kernels_.gather_u8_f64(data, source.stride, columns, from, 1, out, scale);
                break;
            }
            case Source::Type::f32: {
                const auto* data = static_cast<const float*>(source.data) + column;
                if constexpr (sizeof(T) == 4)
                    kernels_.gather_f32_f32(data, source.stride, columns, from, 1, out, scale);
                else
                    kernels_.gather_f32_f64(data, source.stride, columns, from, 1, out, scale);
                break;
            }
            case Source::Type::f64: {
                const auto* data = static_cast<const double*>(source.data) + column;
                if constexpr (sizeof(T) == 4)
                    kernels_.gather_f64_f32(data, source.stride, columns, from, 1, out, scale);
                else
                    kernels_.gather_f64_f64(data, source.stride, columns, from, 1, out, scale);
                break;
            }
        }
    }
}

// A few rows through one product.
template <class T>
void Program<T>::run_few(const AffineForward<T>& op, const Batch& batch) {
    const i64 rows = batch.rows;
    const i64 parts = std::clamp(op.inputs * op.outputs / kPartNumbers, i64{1}, kMostParts);
    if (parts == 1) return math_.affine(op, 0, rows, 0, op.outputs, true);
    const i64 width = round_up(op.outputs, math_.panel), apart = rows * width;
    T* const sums = scratch<T>(parts * apart);
    parallel_for(batch.threads, parts, [&](i64 i, int) {
        AffineForward<T> part = op;
        const i64 first = op.inputs * i / parts, end = op.inputs * (i + 1) / parts;
        part.x += first;
        part.weights += first * op.outputs;
        part.inputs = end - first;
        part.y = sums + i * apart;
        part.y_row = width;
        math_.affine_sums(part, 0, rows);
    });
    for (i64 r = 0; r < rows; ++r)
        math_.images.sum_parts(sums + r * width, apart, parts, width, op.y + r * op.y_row);
    math_.finish_affine(op, 0, rows);
}

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

template <class T>
void Program<T>::run_op(const Op& op, const Batch& batch, i64 row, i64 row_end, i64 column,
                        i64 column_end) {
    if (const Gather* g = std::get_if<Gather>(&op)) {
        run_gather(*g, batch, row, row_end);
    } else if (const Affine* a = std::get_if<Affine>(&op)) {
        AffineForward<T> call = forward_of(*a);
        call.read_next = ahead(a->next, batch);
        call.lists = lists_of(*a, row_end - row);
        if (batch.few) run_few(call, batch);
        else math_.affine(call, row, row_end, column, column_end < 0 ? call.outputs : column_end, false);
    } else if (const AffineBack* b = std::get_if<AffineBack>(&op)) {
        const Layer& l = layers_[static_cast<std::size_t>(b->layer)];
        const Slot none{};
        const Slot& y = b->output < 0 ? none : at(b->output);
        const Slot& noise = b->noise < 0 ? none : at(b->noise);
        AffineBackward<T> call{at(b->dout).data,
                               at(b->dout).row,
                               buffers_.params + l.weights,
                               l.back_panels.get(),
                               at(b->dx).data,
                               at(b->dx).row,
                               y.data,
                               y.row,
                               noise.data,
                               noise.row,
                               l.inputs,
                               l.outputs,
                               b->act,
                               b->factor,
                               ahead(b->next, batch)};
        if (l.turned) {
            call.turned = l.turned.get();
            call.rows = batch.rows;
            call.sums = scratch<T>(math_.turned_scratch(row_end - row));
            call.distant = update_bytes_ > kNear * batch.threads;
        }
        math_.affine_back(call, row, row_end, column, column_end < 0 ? l.inputs : column_end,
                          batch.few);
    } else if (const Turn* turn = std::get_if<Turn>(&op)) {
        const Layer& l = layers_[static_cast<std::size_t>(turn->layer)];
        const Slot& dy = at(turn->dout);
        if (!batch.few) math_.turn_rows(dy.data, dy.row, batch.rows, l.outputs, row, row_end, l.turned.get());
    } else if (const Entrywise* e = std::get_if<Entrywise>(&op)) {
        const Slot& second = e->b < 0 ? at(e->a) : at(e->b);
        const zk::Elementwise<T> call{at(e->a).data, at(e->a).row, second.data,
                                      second.row,    at(e->out).data, at(e->out).row,
                                      at(e->out).columns, e->act, e->curve,
                                      static_cast<T>(e->parameter)};
        switch (e->kind) {
            case Elementwise::activate: return math_.activate(call, row, row_end);
            case Elementwise::activate_back: return math_.activate_back(call, row, row_end);
            case Elementwise::curve: return math_.curve(call, row, row_end);
            case Elementwise::curve_back: return math_.curve_back(call, row, row_end);
            case Elementwise::softmax: return math_.softmax(call, row, row_end);
            case Elementwise::softmax_back: return math_.softmax_back(call, row, row_end);
            case Elementwise::add: return math_.add(call, row, row_end);
            case Elementwise::multiply: return math_.multiply(call, row, row_end);
        }
    } else if (const Dropout* d = std::get_if<Dropout>(&op)) {
        run_dropout(*d, row, row_end);
    } else if (const Give* give = std::get_if<Give>(&op)) {
        const Slot& from = at(give->from);
        for (i64 r = row; batch.out != nullptr && r < row_end; ++r)
            std::copy_n(from.sample(r), from.columns, batch.out + (batch.first + r) * from.columns);
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
    } else {
        run_norm(op, batch, row, row_end, nullptr);
    }
}

template AffineForward<float> Program<float>::forward_of(const Affine&) const;
template void Program<float>::run_segments(const Batch&, const Callback&);
template void Program<float>::point_slots(const Batch&);
template void Program<float>::run_gather(const Gather&, const Batch&, i64, i64);
template void Program<float>::gather_columns(const Source&, const Batch&, i64, i64, i64, i64, float*, i64);
template AffineForward<double> Program<double>::forward_of(const Affine&) const;
template void Program<double>::run_segments(const Batch&, const Callback&);
template void Program<double>::point_slots(const Batch&);
template void Program<double>::run_gather(const Gather&, const Batch&, i64, i64);
template void Program<double>::gather_columns(const Source&, const Batch&, i64, i64, i64, i64, double*, i64);

}  // namespace zk
