// Convolutions by Winograd's way: when it is taken, and how W is turned for it.
#include "program.hpp"

namespace zk {
namespace {

// Fewer channels or filters, and turning costs more than it saves.
constexpr i64 kLeast = 16;

// G g, then (G g) G^T: u has 16 numbers.
template <class T>
void turn_filter(const T* g, bool flipped, T* u) {
    const T half = T(0.5);
    T rows[4][3];
    for (int j = 0; j < 3; ++j) {
        const T a = flipped ? g[8 - j] : g[j], b = flipped ? g[5 - j] : g[3 + j],
                c = flipped ? g[2 - j] : g[6 + j];
        rows[0][j] = a;
        rows[1][j] = (a + b + c) * half;
        rows[2][j] = (a - b + c) * half;
        rows[3][j] = c;
    }
    for (int i = 0; i < 4; ++i) {
        const T a = rows[i][0], b = rows[i][1], c = rows[i][2];
        u[4 * i] = a;
        u[4 * i + 1] = (a + b + c) * half;
        u[4 * i + 2] = (a - b + c) * half;
        u[4 * i + 3] = c;
    }
}

}  // namespace

template <class T>
bool Program<T>::can_turn(const ConvShape& s, i64 channels, i64 columns) const {
    for (int axis = 0; axis < 2; ++axis)
        if (s.size[axis] != 3 || s.stride[axis] != 1 || s.dilation[axis] != 1 || s.pad[axis] > 2)
            return false;
    return channels >= kLeast && columns >= kLeast && channels % math_.lanes == 0;
}

// The filters' part of all planes. Backward the filters are the depth, and W is flipped.
template <class T>
void Program<T>::pack_turned(const Filters& filters, bool back) {
    Conv& c = convs_[static_cast<std::size_t>(filters.conv)];
    const ConvShape& s = c.shape;
    const T* const weights = buffers_.params + c.weights;
    for (i64 f = filters.first; f < filters.end; ++f) {
        for (i64 channel = 0; channel < s.channels; ++channel) {
            T u[16];
            turn_filter(weights + (f * s.channels + channel) * 9, back, u);
            const i64 at = back ? packed_at(f, channel, s.filters, s.channels, math_.lanes, math_.panel)
                                : packed_at(channel, f, s.channels, s.filters, math_.lanes, math_.panel);
            T* const to = (back ? c.back_panels : c.panels).get() + at;
            for (int k = 0; k < 16; ++k) to[k * (back ? c.back_plane : c.plane)] = u[k];
        }
    }
}

template <class T>
void Program<T>::correlate_turned(const Conv& c, const Correlate& op, const Sample& sample) {
    const ConvShape& s = c.shape;
    Plane<const T> x = to_read(plane(c.x, sample));
    x.data -= s.pad[0] * x.line + s.pad[1] * x.pixel;
    const T* const bias = op.norm < 0 ? c.bias_panel.get()
                                      : norms_[static_cast<std::size_t>(op.norm)].shift.get();
    math_.images.winograd({x, c.panels.get(), bias, scale_of(op.norm), plane(op.out, sample),
                           {nullptr, 0, 0}, s.channels, s.filters, s.out_height, s.out_width, op.act,
                           scratch<T>(math_.images.winograd_scratch(s.channels, s.filters))});
}

// dx is a convolution of dy, as much wider as x was padded less.
template <class T>
void Program<T>::correlate_turned_back(const Conv& c, const CorrelateBack& op,
                                       const Sample& sample) {
    const ConvShape& s = c.shape;
    Plane<const T> dy = to_read(plane(op.dout, sample));
    dy.data -= (2 - s.pad[0]) * dy.line + (2 - s.pad[1]) * dy.pixel;
    const bool act = op.output >= 0;
    math_.images.winograd({dy, c.back_panels.get(), nullptr, nullptr, plane(op.dx, sample),
                           to_read(plane(op.output, sample)), s.filters, s.channels, s.height,
                           s.width, act ? op.act : Activation::none,
                           scratch<T>(math_.images.winograd_scratch(s.filters, s.channels))});
}

#define ZK_WINOGRAD(T)                                                                             \
    template bool Program<T>::can_turn(const ConvShape&, i64, i64) const;                          \
    template void Program<T>::pack_turned(const Filters&, bool);                                   \
    template void Program<T>::correlate_turned(const Conv&, const Correlate&, const Sample&);      \
    template void Program<T>::correlate_turned_back(const Conv&, const CorrelateBack&, const Sample&);

ZK_WINOGRAD(float)
ZK_WINOGRAD(double)

}  // namespace zk
