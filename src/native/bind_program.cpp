// zerokara._core.Program32 and Program64: their names in Python. engine/ is what makes sense of them.
#include "bind_program.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <vector>

#include "bind_images.hpp"
#include "bind_program_run.hpp"
#include "dispatch.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using namespace zk_bind;

template <class S>
void def_source(nb::class_<PySource>& type, zk::Source::Type kind) {
    type.def(
        "__init__",
        [kind](PySource* self, nb::ndarray<const S, nb::ndim<2>, nb::device::cpu> rows,
               double scale) {
            if (rows.shape(0) > 0 && rows.shape(1) > 1 && rows.stride(1) != 1)
                throw nb::value_error("Source: the elements of a row must lie side by side");
            new (self) PySource{{kind, rows.data(), static_cast<i64>(rows.shape(0)),
                                 static_cast<i64>(rows.shape(1)), rows.stride(0), scale},
                                nb::cast(rows)};
        },
        "rows"_a.noconvert(), "scale"_a = 1.0);
}

template <class T>
void def_program(nb::module_& m, const char* name) {
    using Program = zk::Program<T>;
    using Self = PyProgram<T>;
    using zk::Activation;
    nb::class_<Self> type(m, name, "A flat list of kernel calls over one arena; see engine/.");
    type.def(
        "__init__",
        [](Self* self, i64 max_rows, i64 arena_size, Flat<T> params, Flat<T> grads,
           std::vector<nb::object> state) {
            if (max_rows < 1) throw nb::value_error("Program: max_rows must be 1 or more");
            std::vector<nb::object> owners = state;
            owners.push_back(nb::cast(params));
            owners.push_back(nb::cast(grads));
            new (self) Self{{zk::isa().kernels, max_rows, arena_size,
                             buffers<T>(params, grads, state)},
                            max_rows,
                            std::move(owners),
                            {},
                            {},
                            {},
                            0,
                            {},
                            {}};
        },
        "max_rows"_a, "arena_size"_a, "params"_a.noconvert(), "grads"_a.noconvert(), "state"_a);
    type.def("slot", [](Self& s, i64 offset, i64 row, i64 columns) {
        return s.program.slot(offset, row, columns);
    }, "offset"_a, "row"_a, "columns"_a);
    type.def("layer", [](Self& s, i64 weights, i64 bias, i64 inputs, i64 outputs, i64 input,
                         bool needs_back) {
        return s.program.layer(weights, bias, inputs, outputs, input, needs_back);
    }, "weights"_a, "bias"_a, "inputs"_a, "outputs"_a, "input"_a, "needs_back"_a);
    type.def("gather", [](Self& s, i64 source, i64 to, bool may_alias) {
        s.program.gather(source, to, may_alias);
    }, "source"_a, "to"_a, "may_alias"_a);
    type.def("affine", [](Self& s, i64 layer, i64 input, i64 output, int act, i64 norm) {
        s.program.affine(layer, input, output, static_cast<Activation>(act), norm);
    }, "layer"_a, "input"_a, "output"_a, "act"_a, "norm"_a);
    type.def("affine_back", [](Self& s, i64 layer, i64 dout, i64 dx, i64 output, i64 noise, int act,
                               double factor) {
        s.program.affine_back(layer, dout, dx, output, noise, static_cast<Activation>(act), factor);
    }, "layer"_a, "dout"_a, "dx"_a, "output"_a, "noise"_a, "act"_a, "factor"_a);
    type.def("elementwise", [](Self& s, int kind, i64 a, i64 b, i64 out, int act, int curve,
                                double parameter) {
        s.program.elementwise(static_cast<typename Program::Elementwise>(kind), a, b, out,
                              static_cast<Activation>(act), static_cast<zk::Curve>(curve),
                              parameter);
    }, "kind"_a, "a"_a, "b"_a, "out"_a, "act"_a, "curve"_a, "parameter"_a);
    type.def("loss", [](Self& s, int kind, i64 scores, i64 gradient) {
        s.program.loss(static_cast<zk::LossKind>(kind), scores, gradient);
    }, "kind"_a, "scores"_a, "gradient"_a);
    zk_bind::def_images<T>(type);
    type.def("call", [](Self& s, i64 id) { s.program.call(id); }, "id"_a);
    type.def("gradient", [](Self& s, i64 layer, i64 dout) { s.program.gradient(layer, dout); },
             "layer"_a, "dout"_a);
    type.def("update_range", [](Self& s, i64 offset, i64 count) {
        s.program.update_range(offset, count);
    }, "offset"_a, "count"_a);
    type.def("result", [](Self& s, i64 slot) { s.program.result(slot); }, "slot"_a);
    type.def("packed_size", [](Self& s) { return s.program.packed_size(); });
    type.def("leaves_zeros_out", [](Self& s) {
        const auto by = s.program.leaves_zeros_out();
        return nb::make_tuple(by.rows, by.columns);
    }, nb::sig("def leaves_zeros_out(self) -> tuple[bool, bool]"));
    type.def("arena", [](nb::object self) {
        Self& s = nb::cast<Self&>(self);
        const std::size_t shape[1] = {static_cast<std::size_t>(s.program.arena_size())};
        return nb::ndarray<nb::numpy, T, nb::ndim<1>>(s.program.arena(), 1, shape, self);
    }, nb::sig("def arena(self) -> numpy.typing.NDArray[typing.Any]"));
    type.def("losses", [](nb::object self) {
        Self& s = nb::cast<Self&>(self);
        const std::size_t shape[1] = {static_cast<std::size_t>(s.max_rows)};
        return nb::ndarray<nb::numpy, double, nb::ndim<1>>(s.program.row_losses(), 1, shape, self);
    }, nb::sig("def losses(self) -> numpy.typing.NDArray[typing.Any]"));
    type.def("train", &train<T>, "sources"_a, "labels"_a.none(), "numbers"_a.none(),
             "indices"_a.noconvert(), "bounds"_a.noconvert(), "settings"_a, "rates"_a.none(),
             "losses"_a.noconvert(), "callback"_a.none());
    type.def("short_way", &short_way<T>, "shape"_a, "outputs"_a, "empty"_a, "dtype"_a);
    type.def("scores", &scores<T>, "x"_a);
    type.def("predict", &predict<T>, "sources"_a, "out"_a.noconvert(), "callback"_a.none());
}

}  // namespace

void bind_program(nb::module_& m) {
    nb::class_<PySource> source(m, "Source", "Rows of a data set, converted and scaled when drawn.");
    def_source<std::uint8_t>(source, zk::Source::Type::u8);
    def_source<float>(source, zk::Source::Type::f32);
    def_source<double>(source, zk::Source::Type::f64);

    nb::class_<zk::OptimizerSettings>(m, "OptimizerSettings")
        .def("__init__",
             [](zk::OptimizerSettings* self, int kind, double lr, double weight_decay,
                double clip_norm, bool decoupled, double keep1, double keep2, double eps,
                i64 steps) {
                 if (kind < 0 || kind > static_cast<int>(zk::OptimizerKind::adam))
                     throw nb::value_error("OptimizerSettings: unknown kind");
                 new (self) zk::OptimizerSettings{static_cast<zk::OptimizerKind>(kind), lr,
                                                  weight_decay, clip_norm, decoupled, keep1,
                                                  keep2, eps, steps};
             },
             "kind"_a, "lr"_a, "weight_decay"_a, "clip_norm"_a, "decoupled"_a, "keep1"_a,
             "keep2"_a, "eps"_a, "steps"_a);

    def_program<float>(m, "Program32");
    def_program<double>(m, "Program64");
}
