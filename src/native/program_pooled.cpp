// Convolutions forward, line by line of their results, and those of which only the greatest of each 2x2
// goes on.
#include "program.hpp"

namespace zk {
namespace {

// With deeper windows a tile for each four results would read W anew too often.
constexpr i64 kDeepest = 400;

}  // namespace

template <class T>
const T* Program<T>::bias_of(const Conv& c, const Correlate& op) const {
    return op.norm < 0 ? c.bias_panel.get() : norms_[static_cast<std::size_t>(op.norm)].shift.get();
}

// So many lines of one sample's results, from `line` on.
template <class T>
void Program<T>::correlate_lines(const Conv& c, const Correlate& op, const Sample& sample, i64 line,
                                 i64 height) {
    if (c.way != Way::tiles) return correlate_turned(c, op, sample, line, height);
    const Windows& w = c.windows;
    math_.images.correlate({numbers(c.x, sample), c.panels.get(), bias_of(c, op), scale_of(op.norm),
                            numbers(op.out, sample), nullptr, w.places.data() + line * c.shape.out_width,
                            height * c.shape.out_width, w.taps.data(), static_cast<i64>(w.taps.size()),
                            w.depth, c.shape.filters, op.act});
}

// The sample's band of pooled lines. A line of results that no 2x2 has is never computed.
template <class T>
void Program<T>::run_pooled(const Conv& c, const Correlate& op, const Sample& sample) {
    const Pool& pool = *op.pool;
    const i64 begin = pool.shape.out_height * sample.band / sample.bands;
    const i64 count = pool.shape.out_height * (sample.band + 1) / sample.bands - begin;
    Plane<T> out = plane(pool.out, sample), winner = plane(pool.winner, sample);
    out.data += begin * out.line;
    if (winner.data != nullptr) winner.data += begin * winner.line;
    const Windows& w = c.windows;
    const bool simple = op.act == Activation::none || op.act == Activation::relu;
    if (c.way == Way::tiles && w.depth <= kDeepest && simple) {
        const ConvShape& s = c.shape;
        const Plane<T> x = plane(c.x, sample);
        const i64 x_line = s.stride[0] * x.line, x_pixel = s.stride[1] * x.pixel;
        const T* const first = x.data - s.pad[0] * x.line - s.pad[1] * x.pixel + 2 * begin * x_line;
        const i64 before = begin * pool.shape.out_width * s.filters;
        T* const row = op.row < 0 ? nullptr : numbers(op.row, sample) + before;
        math_.images.correlate_pooled({first, x_line, x_pixel, c.panels.get(), bias_of(c, op),
                                       scale_of(op.norm), out, winner, w.taps.data(),
                                       static_cast<i64>(w.taps.size()), w.depth, s.filters, count,
                                       pool.shape.out_width, op.act, row});
        return;
    }
    correlate_lines(c, op, sample, 2 * begin, 2 * count);
    PoolShape shape = pool.shape;
    shape.height = 2 * count;
    shape.out_height = count;
    Plane<T> from = plane(op.out, sample);
    from.data += 2 * begin * from.line;
    math_.images.pool(shape, {to_read(from), out, winner, {}, Activation::none});
}

#define ZK_POOLED(T)                                                                               \
    template const T* Program<T>::bias_of(const Conv&, const Correlate&) const;                    \
    template void Program<T>::correlate_lines(const Conv&, const Correlate&, const Sample&, i64, i64); \
    template void Program<T>::run_pooled(const Conv&, const Correlate&, const Sample&);
ZK_POOLED(float)
ZK_POOLED(double)

}  // namespace zk
