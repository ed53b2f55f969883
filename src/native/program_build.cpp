// Building a program, call by call.
#include "program.hpp"

#include <stdexcept>

namespace zk {
namespace {

constexpr i64 kStoredRow = 2048;  // bytes of a row of W

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
    slots_.push_back({arena_.get() + offset, row, columns, 0, 0, 0, {}, -1});
    return static_cast<i64>(slots_.size()) - 1;
}

// Whole panels can be read where W is stored, and then W is nowhere else: there is nothing to pack, to remember or to
// hand from core to core. Where its rows are longer, the lines of a panel share too few sets of the cache.
template <class T>
bool Program<T>::is_read_as_stored(i64 outputs) const {
    return outputs % math_.panel == 0 && outputs * static_cast<i64>(sizeof(T)) <= kStoredRow;
}

// Either W^T goes into panels, or dy^T does and dx comes out turned. The second is less to write where W is larger than
// dy and dx, and W^T is then nowhere: see turned_product.hpp. Fewer rows than a panel holds would leave lanes idle.
template <class T>
bool Program<T>::is_turned(i64 inputs, i64 outputs) const {
    return max_rows_ >= math_.panel && inputs * outputs >= max_rows_ * (inputs + outputs);
}

template <class T>
i64 Program<T>::layer(i64 weights, i64 bias, i64 inputs, i64 outputs, i64 input, bool needs_back) {
    if (weights < 0 || bias < 0 || weights + inputs * outputs > buffers_.size ||
        bias + outputs > buffers_.size)
        throw std::invalid_argument("program: a layer's parameters lie outside the buffer");
    Layer made{weights, bias, inputs, outputs, input, -1};
    if (!is_read_as_stored(outputs))
        made.forward_panels = aligned_zeros<T>(inputs * round_up(outputs, math_.panel));
    if (needs_back && is_turned(inputs, outputs))
        made.turned = aligned_zeros<T>(outputs * round_up(max_rows_, math_.panel));
    else if (needs_back)
        made.back_panels = aligned_zeros<T>(outputs * round_up(inputs, math_.panel));
    layers_.push_back(std::move(made));
    return static_cast<i64>(layers_.size()) - 1;
}

template <class T>
void Program<T>::add_op(Op op) {
    if (segments_.empty()) segments_.push_back({Kind::rows, {}});
    Segment& segment = segments_.back();
    segment.has_sums |= std::holds_alternative<FilterGradient>(op);
    segment.turns |= std::holds_alternative<Turn>(op);
    if (const Layer* const l = product_of(op).layer) {
        const bool stored = std::holds_alternative<Affine>(op) ? l->forward_panels == nullptr : l->turned != nullptr;
        segment.strides |= stored && l->inputs * l->outputs >= kWideNumbers;
    }
    segment.ops.push_back(op);
}

template <class T>
void Program<T>::segment(Kind kind) { segments_.push_back({kind, {}}); }

template <class T>
void Program<T>::gather(i64 source, i64 to, bool may_alias) {
    const Slot& slot = slots_.at(static_cast<std::size_t>(to));
    add_op(Gather{source, to, may_alias, slot.data - arena_.get(), slot.row});
}

template <class T>
void Program<T>::affine(i64 layer, i64 input, i64 output, Activation act, i64 norm) {
    const Layer& of = layers_.at(static_cast<std::size_t>(layer));
    flops_a_row_ += 2.0 * static_cast<double>(of.inputs) * static_cast<double>(of.outputs);
    fold_into(norm, of.bias);
    add_op(Affine{layer, input, output, act, norm});
}

template <class T>
void Program<T>::affine_back(i64 layer, i64 dout, i64 dx, i64 output, i64 noise,
                             Activation act, double factor) {
    const Layer& of = layers_.at(static_cast<std::size_t>(layer));
    flops_a_row_ += 2.0 * static_cast<double>(of.inputs) * static_cast<double>(of.outputs);
    if (of.turned) add_op(Turn{layer, dout});
    add_op(AffineBack{layer, dout, dx, output, noise, act, static_cast<T>(factor)});
}

template <class T>
void Program<T>::elementwise(Elementwise kind, i64 a, i64 b, i64 out, Activation act, Curve curve,
                             double parameter) {
    add_op(Entrywise{kind, a, b, out, act, curve, parameter});
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
void Program<T>::result(i64 slot) {
    const bool open = !segments_.empty() && segments_.back().kind == Kind::rows &&
                      !std::holds_alternative<Call>(segments_.back().ops.back());
    if (!open) segment(Kind::rows);
    add_op(Give{slot});
}

template <class T>
i64 Program<T>::packed_size() const {
    i64 total = 0;
    for (const Layer& l : layers_) {
        if (l.forward_panels) total += l.inputs * round_up(l.outputs, math_.panel);
        if (l.back_panels) total += l.outputs * round_up(l.inputs, math_.panel);
        if (l.turned) total += l.outputs * round_up(max_rows_, math_.panel);
    }
    for (const Conv& c : convs_)
        total += planes_of(c.way) * c.plane + (c.back_panels ? planes_of(c.back_way) * c.back_plane : 0);
    return total;
}

template class Program<float>;
template class Program<double>;

}  // namespace zk
