// What a Program32 or Program64 does when Python calls it: check what it was given, let go of the GIL, run.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "program.hpp"
#include "tiny.hpp"

namespace zk_bind {

namespace nb = nanobind;
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

inline std::vector<zk::Source> plain(const std::vector<PySource*>& sources) {
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

}  // namespace zk_bind
