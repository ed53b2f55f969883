// The Python module zerokara._core. This file and bind_program.cpp alone know Python. It checks shapes, lets go of
// the GIL and calls a kernel; it computes nothing.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <type_traits>

#include "bind_program.hpp"
#include "cpu.hpp"
#include "dispatch.hpp"
#include "parallel.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using zk::i64;
using Index = nb::ndarray<const i64, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
// Rows may lie apart (a slice of a larger array); the elements of a row lie side by side.
template <class S>
using Source = nb::ndarray<const S, nb::ndim<2>, nb::device::cpu>;
template <class D>
using Out = nb::ndarray<D, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

template <class S, class D>
void gather_rows(const Source<S>& source, const Index& index, const Out<D>& out, double scale,
                 zk::Gather<S, D> zk::Kernels::* kernel) {
    const i64 rows = static_cast<i64>(source.shape(0));
    const i64 columns = static_cast<i64>(source.shape(1));
    const i64 count = static_cast<i64>(index.shape(0));
    if (rows > 0 && columns > 1 && source.stride(1) != 1)
        throw nb::value_error("gather_rows: the elements of a source row must lie side by side");
    if (static_cast<i64>(out.shape(0)) != count || static_cast<i64>(out.shape(1)) != columns)
        throw nb::value_error("gather_rows: out must have shape (len(indices), source.shape[1])");

    const zk::Kernels& kernels = zk::isa().kernels;
    const i64* const at = index.data();
    i64 bad = count;
    {
        nb::gil_scoped_release unlocked;
        bad = kernels.first_bad_index(at, count, rows);
        if (bad == count)
            (kernels.*kernel)(source.data(), source.stride(0), columns, at, count, out.data(),
                              static_cast<D>(scale));
    }
    if (bad != count) {
        const std::string text = "gather_rows: indices[" + std::to_string(bad) + "] is " +
                                 std::to_string(at[bad]) + ", the source has " +
                                 std::to_string(rows) + " rows";
        throw nb::index_error(text.c_str());
    }
}

// noconvert: a converted `out` would be a temporary, and the result would be lost in silence.
template <class S, class D, zk::Gather<S, D> zk::Kernels::* kernel>
void def_gather_rows(nb::module_& m) {
    m.def(
        "gather_rows",
        [](const Source<S>& source, const Index& indices, const Out<D>& out, double scale) {
            gather_rows<S, D>(source, indices, out, scale, kernel);
        },
        "source"_a.noconvert(), "indices"_a.noconvert(), "out"_a.noconvert(), "scale"_a,
        "out[r] = source[indices[r]] * scale, converted to the dtype of out before it is scaled. "
        "IndexError, with nothing written, when an index is not in [0, len(source)).");
}

}  // namespace

NB_MODULE(_core, m) {
    m.doc() = "The native core of zerokara. Use zerokara.native, which checks what it is given.";

    m.def(
        "cpu_features",
        [] {
            nb::dict features;
            for (const auto& [name, present] : zk::cpu_features_by_name()) features[name] = present;
            return features;
        },
        nb::sig("def cpu_features() -> dict[str, bool]"),
        "What this processor and its operating system can run.");
    m.def("isa", [] { return std::string(zk::isa().name); }, "The instruction set in use.");
    m.def(
        "isas",
        [] {
            std::vector<std::string> names;
            for (const zk::Isa& each : zk::isas()) names.emplace_back(each.name);
            return names;
        },
        "The instruction sets that this machine can run, the best one last.");
    m.def("set_isa", &zk::use_isa, "name"_a,
          "Use another instruction set from now on; ValueError when this machine cannot run it.");
    m.def("max_threads", &zk::max_threads, "How many threads a kernel may use.");
    m.def(
        "lanes",
        [](int itemsize) {
            const zk::Kernels& kernels = zk::isa().kernels;
            return itemsize == 4 ? kernels.f32.lanes : kernels.f64.lanes;
        },
        "itemsize"_a, "How many floats of 4 or 8 bytes a vector of the instruction set holds.");

    def_gather_rows<std::uint8_t, float, &zk::Kernels::gather_u8_f32>(m);
    def_gather_rows<float, float, &zk::Kernels::gather_f32_f32>(m);
    def_gather_rows<double, double, &zk::Kernels::gather_f64_f64>(m);
    def_gather_rows<std::uint8_t, double, &zk::Kernels::gather_u8_f64>(m);
    def_gather_rows<float, double, &zk::Kernels::gather_f32_f64>(m);
    def_gather_rows<double, float, &zk::Kernels::gather_f64_f32>(m);

    bind_program(m);
}
