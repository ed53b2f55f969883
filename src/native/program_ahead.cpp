// Asking for memory ahead: what a thread will read, or write, and another core has in its cache.
//
// A line that another core wrote takes a hundred times as long as one of the own first-level cache, and a
// core waits for a dozen at a time. A product has time for that: of what it reads, all but a little is near,
// and the places for lines that come from afar stand empty. So each product asks, step by step, for what its
// thread works on next: no number changes, and the order of no sum.
#include "program.hpp"

#include <algorithm>
#include <array>

namespace zk {
namespace {

// Bytes of rows that are asked for at most, as kMostPanels for those of W.
constexpr i64 kMostRows = i64{1} << 20;

}  // namespace

// For every product of a step the panels of the one that follows it; and what its second phase goes through.
template <class T>
void Program<T>::find_next_panels() {
    const i64 states = 1 + (buffers_.first != nullptr) + (buffers_.second != nullptr);
    update_bytes_ = (buffers_.size * states + packed_size()) * static_cast<i64>(sizeof(T));
    Stretch* before = nullptr;
    for (Segment& segment : segments_) {
        for (Op& op : segment.ops) {
            Affine* const affine = std::get_if<Affine>(&op);
            AffineBack* const back = std::get_if<AffineBack>(&op);
            if (affine == nullptr && back == nullptr) continue;
            const Layer& l = *product_of(op).layer;
            const i64 numbers = affine ? l.inputs * round_up(l.outputs, math_.lanes)
                                       : l.outputs * round_up(l.inputs, math_.lanes);
            const i64 bytes = numbers * static_cast<i64>(sizeof(T));
            const T* const packed = affine ? l.forward_panels.get() : l.back_panels.get();
            const T* const panels = packed != nullptr ? packed : buffers_.params + l.weights;
            if (before != nullptr) *before = {panels, bytes <= kMostPanels ? bytes : 0};
            before = affine ? &affine->next : &back->next;
        }
    }
}

// For every block the layer that its thread goes on with: each of a layer's blocks asks for some rows.
template <class T>
void Program<T>::find_next_layers() {
    for (std::size_t thread = 0; thread + 1 < starts_.size(); ++thread) {
        std::vector<Block*> blocks;  // from the last one to the first
        for (i64 at = starts_[thread + 1]; at-- > starts_[thread];) {
            const i64 i = tasks_[static_cast<std::size_t>(at)] - static_cast<i64>(filters_.size());
            if (i < 0 || i >= static_cast<i64>(blocks_.size())) continue;
            Block& block = blocks_[static_cast<std::size_t>(i)];
            if (block.k < block.k_end) blocks.push_back(&block);
        }
        i64 next = -1;
        for (std::size_t from = 0, to = 0; from < blocks.size(); from = to) {
            const i64 layer = blocks[from]->layer;
            while (to < blocks.size() && blocks[to]->layer == layer) ++to;
            const i64 turns = static_cast<i64>(to - from);
            for (std::size_t i = from; i < to; ++i) {
                blocks[i]->next = next;
                blocks[i]->turn = static_cast<i64>(to - 1 - i);
                blocks[i]->turns = turns;
            }
            next = layer;
        }
    }
}

// A block's gradient, meanwhile asking for rows of what the next layer was given and of its gradient, and
// for what the block writes after it: parameters and means, if they come from afar, and the panels where it will
// be packed, for who read them last has them.
template <class T>
void Program<T>::weight_gradient(const Block& b, const Batch& batch, bool repack, T* out) const {
    const Layer& l = layers_[static_cast<std::size_t>(b.layer)];
    const auto bytes = [](i64 numbers) { return numbers * static_cast<i64>(sizeof(T)); };
    const auto own = [&](i64 layer) { return batch.by_depth && layer == first_.layer; };
    AffineGradient<T> op = gradient_of(b, batch);
    const i64 height = b.k_end - b.k, width = b.j_end - b.j;
    const bool far = update_bytes_ > kNear * batch.threads;
    if (batch.threads == 1 && !far) return math_.weight_gradient(op, b.k, b.k_end, b.j, b.j_end, out, width);
    std::array<Stretch, 2> read{};
    std::array<Stretch, 24> write{};
    std::size_t reads = 0, writes = 0;
    if (b.next >= 0 && !own(b.next)) {
        const Layer& next = layers_[static_cast<std::size_t>(b.next)];
        const Slot &x = at(next.input), &dy = at(next.dout);
        const i64 row = batch.rows * b.turn / b.turns, row_end = batch.rows * (b.turn + 1) / b.turns;
        if (bytes(batch.rows * (x.row + dy.row)) <= kMostRows)
            for (const Slot* slot : {&x, &dy})
                read[reads++] = {slot->data + row * slot->row, bytes((row_end - row) * slot->row)};
    }
    // Parameters that products read come from whoever read them last, as panels do.
    const bool shared = l.forward_panels == nullptr && !own(b.layer);
    if (width == l.outputs)
        for (const T* state : {buffers_.params, buffers_.first, buffers_.second})
            if (state != nullptr && (far || (shared && state == buffers_.params)))
                write[writes++] = {state + l.weights + b.k * l.outputs, bytes(height * width)};
    if (repack && (far || !own(b.layer))) {
        if (l.back_panels) {
            const i64 lines = std::min(math_.panel, round_up(l.inputs - b.k, math_.lanes));
            write[writes++] = {l.back_panels.get() + b.k * l.outputs + b.j * lines, bytes(height * width)};
        }
        for (i64 j = b.j; l.forward_panels && j < b.j_end && writes < write.size(); j += math_.panel) {
            const i64 across = std::min(math_.panel, round_up(l.outputs - j, math_.lanes));
            write[writes++] = {l.forward_panels.get() + j * l.inputs + b.k * across, bytes(height * across)};
        }
    }
    op.read_next = {read.data(), static_cast<i64>(reads)};
    op.write_next = {write.data(), static_cast<i64>(writes)};
    math_.weight_gradient(op, b.k, b.k_end, b.j, b.j_end, out, width);
}

#define ZK_AHEAD(T)                                      \
    template void Program<T>::find_next_panels();        \
    template void Program<T>::find_next_layers();        \
    template void Program<T>::weight_gradient(const Block&, const Batch&, bool, T*) const;
ZK_AHEAD(float)
ZK_AHEAD(double)

}  // namespace zk
