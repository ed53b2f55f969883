// zerokara._core.Program32 and Program64. They check shapes and let go of the GIL; engine/ is what
// makes sense of them.
#include "bind_program.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bind_images.hpp"
#include "dispatch.hpp"
#include "program.hpp"
#include "tiny.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using zk::i64;
template <class T>
using Flat = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Table = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// A data set that a program draws from; holds on to the array.
struct PySource {
    zk::Source source;
    nb::object owner;
};

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
struct PyProgram {
    zk::Program<T> program;
    i64 max_rows;
    std::vector<nb::object> owners;
    // One arena: two Python threads take turns.
    std::mutex busy;
    std::atomic<std::thread::id> owner;
    std::vector<i64> input_shape;
    i64 outputs;
    nb::object empty, dtype;
};

template <class T>
zk::Buffers<T> buffers(const Flat<T>& params, const Flat<T>& grads, const std::vector<nb::object>& state) {
    zk::Buffers<T> made;
    made.params = params.data();
    made.grads = grads.data();
    made.size = static_cast<i64>(params.shape(0));
    if (grads.shape(0) != params.shape(0) || state.size() > 2)
        throw nb::value_error("Program: parameters, gradients and state must have one length");
    for (std::size_t i = 0; i < state.size(); ++i) {
        const auto array = nb::cast<Flat<T>>(state[i], false);
        if (array.shape(0) != params.shape(0))
            throw nb::value_error("Program: parameters, gradients and state must have one length");
        (i == 0 ? made.first : made.second) = array.data();
    }
    return made;
}

// A thread's turn with a program. A layer that calls the network that it is part of would wait for
// itself.
template <class T>
class Turn {
public:
    explicit Turn(PyProgram<T>& program) : program_(program) {
        if (program.owner.load() == std::this_thread::get_id())
            throw std::runtime_error("a layer must not run the network that it is part of");
        program.busy.lock();
        program.owner.store(std::this_thread::get_id());
    }
    ~Turn() {
        program_.owner.store(std::thread::id());
        program_.busy.unlock();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

private:
    PyProgram<T>& program_;
};

std::vector<zk::Source> plain(const std::vector<PySource*>& sources) {
    std::vector<zk::Source> list;
    list.reserve(sources.size());
    for (const PySource* s : sources) list.push_back(s->source);
    return list;
}

template <class T>
typename zk::Program<T>::Callback callback_to(nb::object callback) {
    if (callback.is_none()) return [](i64, i64) {};
    return [callback = std::move(callback)](i64 id, i64 rows) {
        nb::gil_scoped_acquire locked;
        const zk::TinyAre as_always(zk::Tiny::numbers);  // NumPy's way
        callback(id, rows);
    };
}

template <class T>
i64 train(PyProgram<T>& self, const std::vector<PySource*>& sources, nb::object labels,
          nb::object numbers, Flat<const i64> indices, Flat<const i64> bounds,
          zk::OptimizerSettings settings, nb::object rates, Flat<double> losses,
          nb::object callback) {
    const std::vector<zk::Source> from = plain(sources);
    zk::Targets<T> targets;
    if (!labels.is_none()) {
        const auto array = nb::cast<Flat<const i64>>(labels, false);
        targets.labels = array.data();
        targets.rows = static_cast<i64>(array.shape(0));
    } else {
        const auto array = nb::cast<Table<const T>>(numbers, false);
        targets.numbers = array.data();
        targets.rows = static_cast<i64>(array.shape(0));
        targets.columns = static_cast<i64>(array.shape(1));
    }
    const i64 batches = static_cast<i64>(bounds.shape(0)) - 1;
    const i64 count = static_cast<i64>(indices.shape(0));
    if (batches < 0 || static_cast<i64>(losses.shape(0)) < batches)
        throw nb::value_error("Program.train: bounds must hold one more number than losses");
    for (i64 b = 0; b < batches; ++b) {
        const i64 first = bounds.data()[b], last = bounds.data()[b + 1];
        if (first < 0 || last < first || last > count || last - first > self.max_rows)
            throw nb::value_error("Program.train: bounds must rise, within the indices, by at most "
                                  "max_rows");
    }
    i64 rows = targets.rows;
    for (const zk::Source& s : from) rows = std::min(rows, s.rows);
    for (i64 i = 0; i < count; ++i) {
        if (indices.data()[i] < 0 || indices.data()[i] >= rows) {
            const std::string text = "indices[" + std::to_string(i) + "] is " +
                                     std::to_string(indices.data()[i]) + ", the data has " +
                                     std::to_string(rows) + " rows";
            throw nb::index_error(text.c_str());
        }
    }
    const double* each = nullptr;
    if (!rates.is_none()) {
        const auto array = nb::cast<Flat<const double>>(rates, false);
        if (static_cast<i64>(array.shape(0)) < batches)
            throw nb::value_error("Program.train: rates must hold one number for each batch");
        each = array.data();
    }
    const auto back = callback_to<T>(std::move(callback));
    nb::gil_scoped_release unlocked;
    const Turn<T> turn(self);
    return self.program.train(from, targets, indices.data(), bounds.data(), batches, settings, each,
                              losses.data(), back);
}

template <class T>
void predict(PyProgram<T>& self, const std::vector<PySource*>& sources, Table<T> out,
             nb::object callback) {
    const std::vector<zk::Source> from = plain(sources);
    const i64 rows = static_cast<i64>(out.shape(0));
    for (const zk::Source& s : from)
        if (s.rows != rows) throw nb::value_error("Program.predict: out needs a row a sample");
    const auto back = callback_to<T>(std::move(callback));
    nb::gil_scoped_release unlocked;
    const Turn<T> turn(self);
    self.program.predict(from, rows, out.data(), back);
}

// What `scores` compares with and makes, kept from call to call.
template <class T>
void short_way(PyProgram<T>& self, std::vector<i64> shape, i64 outputs, nb::object empty,
               nb::object dtype) {
    self.input_shape = std::move(shape);
    self.outputs = outputs;
    self.empty = std::move(empty);
    self.dtype = std::move(dtype);
}

// The scores of a dense array of the program's own format, as fast as Python allows: no views, no
// lists, one new array. None where the array is of another kind, which `predict` is for.
template <class T>
nb::object scores(PyProgram<T>& self, nb::handle x) {
    Py_buffer given, made;
    if (PyObject_GetBuffer(x.ptr(), &given, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) != 0) {
        PyErr_Clear();
        return nb::none();
    }
    const auto axes = static_cast<std::size_t>(given.ndim);
    const bool aligned = reinterpret_cast<std::uintptr_t>(given.buf) % alignof(T) == 0;
    bool fits = aligned && given.format != nullptr && given.format[0] == (sizeof(T) == 4 ? 'f' : 'd') &&
                given.format[1] == 0 && axes == self.input_shape.size() + 1 &&
                given.shape[0] > 0;
    i64 columns = 1;
    for (std::size_t i = 1; fits && i < axes; ++i) {
        fits = given.shape[i] == self.input_shape[i - 1];
        columns *= given.shape[i];
    }
    const i64 rows = fits ? static_cast<i64>(given.shape[0]) : 0;
    const T* const from = static_cast<const T*>(given.buf);
    PyBuffer_Release(&given);  // `x` outlives the call, and so do its numbers
    if (!fits) return nb::none();
    nb::object out = self.empty(nb::make_tuple(rows, self.outputs), self.dtype);
    if (PyObject_GetBuffer(out.ptr(), &made, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE) != 0)
        throw nb::python_error();
    T* const to = static_cast<T*>(made.buf);
    PyBuffer_Release(&made);
    const zk::Source::Type type = sizeof(T) == 4 ? zk::Source::Type::f32 : zk::Source::Type::f64;
    const std::vector<zk::Source> sources{{type, from, rows, columns, columns, 1.0}};
    if (rows == 1 && self.busy.try_lock()) {
        // Letting go of the GIL would take as long as the work.
        self.program.predict(sources, rows, to, {});
        self.busy.unlock();
    } else {
        nb::gil_scoped_release unlocked;
        const Turn<T> turn(self);
        self.program.predict(sources, rows, to, {});
    }
    return out;
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
