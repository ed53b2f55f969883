// The calls of zerokara._core.Program32 and Program64 that build programs on images.
#pragma once

#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>

#include <stdexcept>
#include <tuple>

#include "program.hpp"

namespace zk_bind {

namespace nb = nanobind;
using namespace nb::literals;
using zk::i64;

using Pair = std::tuple<i64, i64>;
using Size = std::tuple<i64, i64, i64>;

inline void put(i64 (&to)[2], const Pair& pair, i64 least) {
    to[0] = std::get<0>(pair);
    to[1] = std::get<1>(pair);
    if (to[0] < least || to[1] < least) throw std::invalid_argument("program: a window is too small");
}

inline void check(const Size& size) {
    const auto [channels, height, width] = size;
    if (channels < 1 || height < 1 || width < 1)
        throw std::invalid_argument("program: an image is empty");
}

// (channels, height, width) of x and of the result; then the window, all (height, width).
inline zk::ConvShape conv_shape(const Size& x, const Size& out, const Pair& size,
                                const Pair& stride, const Pair& pad, const Pair& dilation) {
    zk::ConvShape s{};
    check(x);
    check(out);
    std::tie(s.channels, s.height, s.width) = x;
    std::tie(s.filters, s.out_height, s.out_width) = out;
    put(s.size, size, 1);
    put(s.stride, stride, 1);
    put(s.pad, pad, 0);
    put(s.dilation, dilation, 1);
    return s;
}

inline zk::PoolShape pool_shape(bool greatest, const Size& x, const Pair& out, const Pair& size,
                                const Pair& stride, const Pair& pad) {
    zk::PoolShape s{};
    check(x);
    std::tie(s.channels, s.height, s.width) = x;
    std::tie(s.out_height, s.out_width) = out;
    put(s.size, size, 1);
    put(s.stride, stride, 1);
    put(s.pad, pad, 0);
    s.greatest = greatest;
    return s;
}

// `Self` holds the program as `program`, and in `owners` what must live as long.
template <class T, class Self>
void def_images(nb::class_<Self>& type) {
    using zk::Activation;
    type.def("image", [](Self& s, i64 offset, i64 row, Size size, i64 origin, i64 line, i64 pixel,
                         bool local) {
        const auto [channels, height, width] = size;
        check(size);
        return s.program.image(offset, row, channels, height, width, {origin, line, pixel}, local);
    }, "offset"_a, "row"_a, "size"_a, "origin"_a, "line"_a, "pixel"_a, "local"_a);
    type.def("locals", [](Self& s, i64 size) { s.program.locals(size); }, "size"_a);
    type.def("segment", [](Self& s, int kind) {
        s.program.segment(static_cast<typename decltype(s.program)::Kind>(kind));
    }, "kind"_a);
    type.def("to_image", [](Self& s, i64 from, i64 to) { s.program.to_image(from, to); }, "source"_a,
             "to"_a);
    type.def("from_image", [](Self& s, i64 from, i64 to) { s.program.from_image(from, to); },
             "source"_a, "to"_a);
    type.def("convolution", [](Self& s, i64 weights, i64 bias, i64 x, Size given, Size out, Pair size,
                               Pair stride, Pair pad, Pair dilation) {
        return s.program.convolution(weights, bias,
                                     conv_shape(given, out, size, stride, pad, dilation), x);
    }, "weights"_a, "bias"_a, "x"_a, "given"_a, "out"_a, "size"_a, "stride"_a, "pad"_a, "dilation"_a);
    type.def("correlate", [](Self& s, i64 conv, i64 out, int act, i64 norm) {
        s.program.correlate(conv, out, static_cast<Activation>(act), norm);
    }, "conv"_a, "out"_a, "act"_a, "norm"_a);
    type.def("correlate_pooled", [](Self& s, i64 conv, i64 out, int act, i64 norm, Size given,
                                    Pair out_size, i64 pooled, i64 winner) {
        const zk::PoolShape shape = pool_shape(true, given, out_size, {2, 2}, {2, 2}, {0, 0});
        s.program.correlate_pooled(conv, out, static_cast<Activation>(act), norm, shape, pooled, winner);
    }, "conv"_a, "out"_a, "act"_a, "norm"_a, "given"_a, "out_size"_a, "pooled"_a, "winner"_a);
    type.def("correlate_back", [](Self& s, i64 conv, i64 dout, i64 dx, i64 output, int act) {
        s.program.correlate_back(conv, dout, dx, output, static_cast<Activation>(act));
    }, "conv"_a, "dout"_a, "dx"_a, "output"_a, "act"_a);
    type.def("filter_gradient", [](Self& s, i64 conv, i64 dout, i64 winner, i64 output, int act) {
        s.program.filter_gradient(conv, dout, winner, output, static_cast<Activation>(act));
    }, "conv"_a, "dout"_a, "winner"_a, "output"_a, "act"_a);
    type.def("pool", [](Self& s, bool greatest, Size given, Pair out_size, Pair size, Pair stride,
                        Pair pad, i64 x, i64 out, i64 winner) {
        s.program.pool(pool_shape(greatest, given, out_size, size, stride, pad), x, out, winner);
    }, "greatest"_a, "given"_a, "out_size"_a, "size"_a, "stride"_a, "pad"_a, "x"_a, "out"_a,
       "winner"_a);
    type.def("pool_back", [](Self& s, bool greatest, Size given, Pair out_size, Pair size,
                             Pair stride, Pair pad, i64 dout, i64 dx, i64 winner, i64 output,
                             int act) {
        s.program.pool_back(pool_shape(greatest, given, out_size, size, stride, pad), dout, dx,
                            winner, output, static_cast<Activation>(act));
    }, "greatest"_a, "given"_a, "out_size"_a, "size"_a, "stride"_a, "pad"_a, "dout"_a, "dx"_a,
       "winner"_a, "output"_a, "act"_a);
    using Running = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
    type.def("normalization", [](Self& s, i64 gamma, i64 beta, nb::object mean, nb::object variance,
                                 double keep, double take, double eps) {
        const auto first = nb::cast<Running>(mean, false), second = nb::cast<Running>(variance, false);
        if (first.shape(0) != second.shape(0))
            throw std::invalid_argument("program: running values of two lengths");
        s.owners.push_back(std::move(mean));
        s.owners.push_back(std::move(variance));
        return s.program.normalization(gamma, beta, static_cast<i64>(first.shape(0)), first.data(),
                                       second.data(), keep, take, eps);
    }, "gamma"_a, "beta"_a, "mean"_a, "variance"_a, "keep"_a, "take"_a, "eps"_a);
    type.def("column_sums", [](Self& s, i64 norm, i64 x, i64 normal) {
        s.program.column_sums(norm, x, normal);
    }, "norm"_a, "x"_a, "normal"_a);
    type.def("normalize", [](Self& s, i64 norm, i64 x, i64 normal, i64 out, int act) {
        s.program.normalize(norm, x, normal, out, static_cast<Activation>(act));
    }, "norm"_a, "x"_a, "normal"_a, "out"_a, "act"_a);
    type.def("rescale", [](Self& s, i64 norm, i64 x, i64 out, int act) {
        s.program.rescale(norm, x, out, static_cast<Activation>(act));
    }, "norm"_a, "x"_a, "out"_a, "act"_a);
    type.def("normalize_back", [](Self& s, i64 norm, i64 dout, i64 normal, i64 dx) {
        s.program.normalize_back(norm, dout, normal, dx);
    }, "norm"_a, "dout"_a, "normal"_a, "dx"_a);
    using State = nb::ndarray<std::uint64_t, nb::shape<2>, nb::c_contig, nb::device::cpu>;
    type.def("dropout", [](Self& s, i64 x, i64 out, i64 noise, double ratio, double factor,
                           nb::object state) {
        std::uint64_t* counted = nullptr;
        if (!state.is_none()) {
            counted = nb::cast<State>(state, false).data();
            s.owners.push_back(std::move(state));
        }
        s.program.dropout(x, out, noise, ratio, factor, counted);
    }, "x"_a, "out"_a, "noise"_a, "ratio"_a, "factor"_a, "state"_a.none());
}

}  // namespace zk_bind
