// Whether products leave out the zeros of what they are given: see docs/decisions/0022-zeros.md.
#include "program.hpp"

#include <algorithm>

namespace zk {
namespace {

// Data is looked at in the first of so many calls.
constexpr i64 kCallsBetween = 16;
// As many rows as a tile has, about.
constexpr i64 kRowsToLook = 6;
// Columns of a product, below which a list costs more than it saves.
constexpr i64 kListedColumns = 48;

// How many of a tile's steps, and of the samples of its columns, are not zeros in rows like these.
class Looked {
public:
    explicit Looked(i64 columns) : any_(static_cast<std::size_t>(columns)) {}

    template <class S>
    void row(const void* data, i64 first) {
        const S* const from = static_cast<const S*>(data) + first;
        const i64 columns = static_cast<i64>(any_.size());
        for (i64 k = 0; k < columns; ++k) any_[static_cast<std::size_t>(k)] |= from[k] != S(0);
        for (i64 k = 0; k + kListedRows <= columns; k += kListedRows, ++groups_) {
            int some = 0;
            for (i64 c = k; c < k + kListedRows; ++c) some |= from[c] != S(0);
            groups_left_ += some;
        }
    }

    // Where so few of them are left, as measured, lists pay, and on a core that is shared with another thread too.
    bool by_rows() const {
        return 10 * std::count(any_.begin(), any_.end(), char(1)) < 7 * static_cast<i64>(any_.size());
    }
    bool by_columns() const { return 2 * groups_left_ < groups_; }

private:
    std::vector<char> any_;
    i64 groups_ = 0, groups_left_ = 0;
};

}  // namespace

template <class T>
void Program<T>::find_zeros(const Batch& batch) {
    if (batch.few || batch.rows == 0 || calls_++ % kCallsBetween != 0) return;
    for (const Segment& segment : segments_)
        for (const Op& op : segment.ops) {
            const Gather* const g = std::get_if<Gather>(&op);
            if (g == nullptr) continue;
            const Source& source = (*batch.sources)[static_cast<std::size_t>(g->source)];
            Looked looked(source.columns);
            for (i64 i = 0; i < std::min(batch.rows, kRowsToLook); ++i) {
                const i64 r = batch.rows * i / std::min(batch.rows, kRowsToLook);
                const i64 first = (batch.index ? batch.index[r] : batch.first + r) * source.stride;
                switch (source.type) {
                    case Source::Type::u8: looked.row<std::uint8_t>(source.data, first); break;
                    case Source::Type::f32: looked.row<float>(source.data, first); break;
                    case Source::Type::f64: looked.row<double>(source.data, first); break;
                }
            }
            slots_[static_cast<std::size_t>(g->to)].zeros = {looked.by_rows(), looked.by_columns()};
        }
    LeavesOut any;
    for (const Layer& layer : layers_) {
        any.rows |= zeros_of(layer).rows;
        any.columns |= zeros_of(layer).columns && layer.dout >= 0;
    }
    leaves_out_.store(any, std::memory_order_relaxed);
}

template <class T>
auto Program<T>::zeros_of(const Layer& layer) const -> LeavesOut {
    return layer.outputs >= kListedColumns ? slots_[static_cast<std::size_t>(layer.input)].zeros : LeavesOut{};
}

template <class T>
Step* Program<T>::lists_of(const Affine& op, i64 rows) const {
    return zeros_of(layers_[static_cast<std::size_t>(op.layer)]).rows ? scratch<Step>(lists_room(rows)) : nullptr;
}

// Of the step at hand, looked up once, by whoever comes first.
template <class T>
bool Program<T>::dy_is_finite(const Layer& layer, const AffineGradient<T>& op) const {
    std::atomic<Finite>& known = finite_[static_cast<std::size_t>(&layer - layers_.data())];
    Finite is = known.load(std::memory_order_relaxed);
    if (is == Finite::unknown) {
        is = math_.dy_is_finite(op) ? Finite::yes : Finite::no;
        known.store(is, std::memory_order_relaxed);
    }
    return is == Finite::yes;
}

template <class T>
void Program<T>::forget_finite() {
    if (finite_.size() != layers_.size()) finite_ = std::vector<std::atomic<Finite>>(layers_.size());
    for (std::atomic<Finite>& each : finite_) each.store(Finite::unknown, std::memory_order_relaxed);
}

#define ZK_ZEROS(T)                                                     \
    template void Program<T>::find_zeros(const Batch&);                 \
    template Step* Program<T>::lists_of(const Affine&, i64) const;      \
    template auto Program<T>::zeros_of(const Layer&) const -> LeavesOut; \
    template bool Program<T>::dy_is_finite(const Layer&, const AffineGradient<T>&) const; \
    template void Program<T>::forget_finite();
ZK_ZEROS(float)
ZK_ZEROS(double)

}  // namespace zk
