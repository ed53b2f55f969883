// Calls of a program that work on images: building them, and running them sample by sample.
#include <algorithm>
#include <stdexcept>

#include "parallel.hpp"
#include "program.hpp"

namespace zk {
namespace {

// Samples of a part of the batch whose filter gradients are summed by themselves, and the most
// parts. Fixed numbers: the order of the sums, and so their bits, must hang on nothing else.
constexpr i64 kPartRows = 8;
constexpr i64 kMostParts = 16;

}  // namespace

template <class T>
i64 Program<T>::image(i64 offset, i64 row, i64 channels, i64 height, i64 width, const Lay& lay,
                      bool local) {
    const i64 last = lay.origin + (height - 1) * lay.line + width * lay.pixel;
    if (offset < 0 || lay.origin < 0 || lay.pixel < channels || lay.line < width * lay.pixel ||
        last > row || offset + row * (local ? 1 : max_rows_) > (local ? local_size_ : arena_size_))
        throw std::invalid_argument("program: an image lies outside the arena");
    slots_.push_back({local ? nullptr : arena_.get() + offset, row, channels * height * width,
                      channels, height, width, lay, local ? offset : -1});
    return static_cast<i64>(slots_.size()) - 1;
}

template <class T>
void Program<T>::locals(i64 size) { local_size_ = size; }

template <class T>
void Program<T>::to_image(i64 from, i64 to) { add_op(ToImage{from, to}); }

template <class T>
void Program<T>::from_image(i64 from, i64 to) {
    add_op(FromImage{from, to});
    // The convolution whose pooled results these are asks for the row meanwhile.
    for (Op& op : segments_.back().ops) {
        Correlate* const before = std::get_if<Correlate>(&op);
        if (before != nullptr && before->pool && before->pool->out == from) before->row = to;
    }
}

// Every number that a window sees must lie in the slot of its sample.
template <class T>
void Program<T>::check_windows(const Windows& windows, const Slot& slot) const {
    if (windows.places.empty() || windows.taps.empty()) return;
    i64 first = 0, last = 0, low = windows.places[0].from, high = low;
    for (const Tap& tap : windows.taps) {
        first = std::min(first, tap.from);
        last = std::max(last, tap.from + tap.depth);
    }
    for (const Place& place : windows.places) {
        low = std::min<i64>(low, place.from);
        high = std::max<i64>(high, place.from);
    }
    if (low + first < 0 || high + last > slot.row)
        throw std::invalid_argument("program: a window reaches past its image's border");
}

template <class T>
i64 Program<T>::convolution(i64 weights, i64 bias, const ConvShape& shape, i64 x) {
    const i64 numbers = shape.filters * shape.channels * shape.size[0] * shape.size[1];
    if (weights < 0 || bias < 0 || weights + numbers > buffers_.size ||
        bias + shape.filters > buffers_.size)
        throw std::invalid_argument("program: a layer's parameters lie outside the buffer");
    Conv made{shape, weights, bias, x, forward_packing(shape, math_.lanes, math_.panel),
              {}, {nullptr, std::free}, {nullptr, std::free}, {nullptr, std::free},
              {nullptr, std::free}, Way::tiles, Way::tiles, 0, 0, {}, {}, {}, 0, 0, 0, 0};
    made.way = way_of(shape, shape.channels, shape.filters, shape.out_width);
    made.plane =
        plane_of(made.way, made.packing, shape.size[0], shape.channels, shape.filters);
    made.panels = aligned_zeros<T>(planes_of(made.way) * made.plane);
    made.bias_panel = aligned_zeros<T>(round_up(shape.filters, math_.panel));
    convs_.push_back(std::move(made));
    const i64 id = static_cast<i64>(convs_.size()) - 1;
    for (i64 f = 0; f < shape.filters; f += math_.panel)
        filters_.push_back({id, f, std::min(shape.filters, f + math_.panel), {}});
    return id;
}

// Of one sample, multiplied window by window.
template <class T>
double Program<T>::flops_of(const Conv& c) {
    return 2.0 * static_cast<double>(c.windows.depth * c.shape.filters) *
           static_cast<double>(c.windows.places.size());
}

template <class T>
void Program<T>::correlate(i64 conv, i64 out, Activation act, i64 norm) {
    Conv& c = convs_.at(static_cast<std::size_t>(conv));
    c.windows = forward_windows(c.shape, at(c.x).lay, at(out).lay);
    check_windows(c.windows, at(c.x));
    flops_a_row_ += flops_of(c);
    fold_into(norm, c.bias);
    add_op(Correlate{conv, out, act, norm, {}});
}

template <class T>
void Program<T>::correlate_pooled(i64 conv, i64 out, Activation act, i64 norm, const PoolShape& shape,
                                  i64 pooled, i64 winner) {
    correlate(conv, out, act, norm);
    std::get<Correlate>(segments_.back().ops.back()).pool = {shape, out, pooled, winner};
}

template <class T>
void Program<T>::correlate_back(i64 conv, i64 dout, i64 dx, i64 output, Activation act) {
    Conv& c = convs_.at(static_cast<std::size_t>(conv));
    c.back_packing = back_packing(c.shape, math_.lanes, math_.panel);
    c.back_way = way_of(c.shape, c.shape.filters, c.shape.channels, c.shape.width);
    c.back_plane =
        plane_of(c.back_way, c.back_packing, c.shape.size[0], c.shape.filters, c.shape.channels);
    c.back_panels = aligned_zeros<T>(planes_of(c.back_way) * c.back_plane);
    c.back = back_windows(c.shape, at(dout).lay, at(dx).lay, at(output < 0 ? dx : output).lay,
                          math_.panel);
    for (const Windows& windows : c.back) check_windows(windows, at(dout));
    add_op(CorrelateBack{conv, dout, dx, output, act});
}

template <class T>
void Program<T>::pool(const PoolShape& shape, i64 x, i64 out, i64 winner) {
    add_op(Pool{shape, x, out, winner});
}

template <class T>
void Program<T>::pool_back(const PoolShape& shape, i64 dout, i64 dx, i64 winner, i64 output,
                           Activation act) {
    add_op(PoolBack{shape, dout, dx, winner, output, act});
}

template <class T>
i64 Program<T>::parts_of(i64 rows) const {
    return std::clamp(rows / kPartRows, i64{1}, kMostParts);
}

// A sample goes through all the calls before the next one begins, while its images are in the
// cache. Where filter gradients are among them, a task is a part of the batch.
template <class T>
void Program<T>::run_images(const Segment& segment, const Batch& batch) {
    const i64 parts = segment.has_sums ? parts_of(batch.rows) : batch.rows;
    while (static_cast<int>(locals_.size()) < std::max(1, batch.threads))
        locals_.push_back(aligned_zeros<T>(local_size_));
    if (!segment.has_sums && 2 * batch.rows <= batch.threads) return run_bands(segment, batch);
    parallel_for(batch.threads, parts, [&](i64 part, int thread) {
        const i64 begin = batch.rows * part / parts, end = batch.rows * (part + 1) / parts;
        T* const local = locals_[static_cast<std::size_t>(thread)].get();
        for (i64 r = begin; r < end; ++r)
            for (const Op& op : segment.ops)
                run_image_op(op, batch, {r, local, part, r == begin});
    });
}

// More than one thread for a sample: call by call, each large convolution cut into bands of lines.
template <class T>
void Program<T>::run_bands(const Segment& segment, const Batch& batch) {
    for (const Op& op : segment.ops) {
        const Correlate* f = std::get_if<Correlate>(&op);
        const bool large =
            f != nullptr && flops_of(convs_[static_cast<std::size_t>(f->conv)]) >= kFlopsToCut;
        const i64 bands = large ? batch.threads / batch.rows : 1;
        parallel_for(batch.threads, batch.rows * bands, [&](i64 task, int) {
            const i64 r = task / bands;
            T* const local = locals_[static_cast<std::size_t>(r)].get();
            run_image_op(op, batch, {r, local, 0, true, task % bands, bands});
        });
    }
}

// Where a slot's numbers of this sample begin.
template <class T>
T* Program<T>::numbers(i64 slot, const Sample& sample) const {
    const Slot& s = at(slot);
    return s.local < 0 ? s.sample(sample.row) : sample.local + s.local;
}

// An image of this sample, from its first pixel on; without a slot, nothing.
template <class T>
Plane<T> Program<T>::plane(i64 slot, const Sample& sample) const {
    if (slot < 0) return {nullptr, 0, 0};
    const Lay& lay = at(slot).lay;
    return {numbers(slot, sample) + lay.origin, lay.line, lay.pixel};
}

template <class T>
void Program<T>::run_image_op(const Op& op, const Batch& batch, const Sample& sample) {
    const auto from = [&](i64 id) { return numbers(id, sample); };
    const auto writing = [&](i64 id) { return plane(id, sample); };
    const auto reading = [&](i64 id) { return to_read(plane(id, sample)); };
    if (const Correlate* f = std::get_if<Correlate>(&op)) {
        const Conv& c = convs_[static_cast<std::size_t>(f->conv)];
        if (f->pool) return run_pooled(c, *f, sample);
        // The sample's band of lines: whole squares, two lines high.
        const i64 lines = c.shape.out_height, pairs = (lines + 1) / 2;
        const i64 line = pairs * sample.band / sample.bands * 2;
        const i64 end = std::min(lines, pairs * (sample.band + 1) / sample.bands * 2);
        correlate_lines(c, *f, sample, line, end - line);
    } else if (const CorrelateBack* b = std::get_if<CorrelateBack>(&op)) {
        const Conv& c = convs_[static_cast<std::size_t>(b->conv)];
        if (c.back_way != Way::tiles) return correlate_turned_back(c, *b, sample);
        const bool act = b->output >= 0;
        for (const Windows& w : c.back) {
            math_.images.correlate({from(b->dout), c.back_panels.get() + w.start, nullptr, nullptr,
                                    from(b->dx), act ? from(b->output) : nullptr,
                                    w.places.data(), static_cast<i64>(w.places.size()),
                                    w.taps.data(), static_cast<i64>(w.taps.size()), w.depth,
                                    c.shape.channels, act ? b->act : Activation::none});
        }
    } else if (const FilterGradient* g = std::get_if<FilterGradient>(&op)) {
        run_filter_gradient(*g, sample);
    } else if (const Pool* p = std::get_if<Pool>(&op)) {
        const Activation none = Activation::none;
        math_.images.pool(p->shape, {reading(p->x), writing(p->out), writing(p->winner), {}, none});
    } else if (const PoolBack* q = std::get_if<PoolBack>(&op)) {
        math_.images.pool_back(q->shape, {reading(q->dout), writing(q->dx), writing(q->winner),
                                          reading(q->output), q->act});
    } else if (const ToImage* to = std::get_if<ToImage>(&op)) {
        const Slot& image = at(to->to);
        math_.images.to_image(from(to->from), image.channels, image.height, image.width,
                              writing(to->to));
    } else if (const FromImage* row = std::get_if<FromImage>(&op)) {
        const Slot& image = at(row->from);
        math_.images.from_image(reading(row->from), image.channels, image.height, image.width,
                                from(row->to));
    } else if (const Entrywise* e = std::get_if<Entrywise>(&op)) {
        // Line by line, for the border between them must stay as it is.
        const Slot& out = at(e->out);
        const Plane<const T> one = reading(e->a), two = reading(e->b < 0 ? e->a : e->b);
        const Plane<T> sum = writing(e->out);
        const zk::Elementwise<T> call{one.data, one.line, two.data, two.line,
                                      sum.data, sum.line, out.width * out.lay.pixel, e->act,
                                      e->curve, static_cast<T>(e->parameter)};
        if (e->kind == Elementwise::activate) math_.activate(call, 0, out.height);
        else if (e->kind == Elementwise::activate_back) math_.activate_back(call, 0, out.height);
        else if (e->kind == Elementwise::curve) math_.curve(call, 0, out.height);
        else if (e->kind == Elementwise::curve_back) math_.curve_back(call, 0, out.height);
        else if (e->kind == Elementwise::add) math_.add(call, 0, out.height);
        else if (e->kind == Elementwise::multiply) math_.multiply(call, 0, out.height);
    } else if (const Gather* gather = std::get_if<Gather>(&op)) {
        run_gather(*gather, batch, sample.row, sample.row + 1);
    } else {
        run_norm(op, batch, sample.row, sample.row + 1, sample.local);
    }
}

#define ZK_IMAGES(T)                                                                             \
    template i64 Program<T>::image(i64, i64, i64, i64, i64, const Lay&, bool);                   \
    template void Program<T>::locals(i64);                                                       \
    template void Program<T>::to_image(i64, i64);                                                \
    template void Program<T>::from_image(i64, i64);                                              \
    template i64 Program<T>::convolution(i64, i64, const ConvShape&, i64);                       \
    template void Program<T>::correlate(i64, i64, Activation, i64);                              \
    template void Program<T>::correlate_pooled(i64, i64, Activation, i64, const PoolShape&, i64, i64); \
    template void Program<T>::correlate_back(i64, i64, i64, i64, Activation);                    \
    template void Program<T>::pool(const PoolShape&, i64, i64, i64);                             \
    template void Program<T>::pool_back(const PoolShape&, i64, i64, i64, i64, Activation);       \
    template i64 Program<T>::parts_of(i64) const;                                                \
    template T* Program<T>::numbers(i64, const Sample&) const;                                   \
    template Plane<T> Program<T>::plane(i64, const Sample&) const;                               \
    template void Program<T>::run_images(const Segment&, const Batch&);

ZK_IMAGES(float)
ZK_IMAGES(double)

}  // namespace zk
