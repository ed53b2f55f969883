// Drawing a mini-batch: rows of a data set by index, converted and scaled on the way.
#include "tables.hpp"

namespace zk::ZK_ISA {
namespace {

i64 first_bad_index(const i64* index, i64 count, i64 rows) {
    for (i64 r = 0; r < count; ++r) {
        // A negative index is a huge one when read as unsigned: one comparison sees both faults.
        if (static_cast<std::uint64_t>(index[r]) >= static_cast<std::uint64_t>(rows)) return r;
    }
    return count;
}

// Convert first and multiply then, each rounded once: the order that NumPy takes, so the bits agree.
template <class S, class D>
void gather(const S* source, i64 stride, i64 columns, const i64* index, i64 count, D* out,
            D scale) {
    for (i64 r = 0; r < count; ++r) {
        const S* __restrict__ from = source + index[r] * stride;
        D* __restrict__ to = out + r * columns;
        for (i64 c = 0; c < columns; ++c) to[c] = static_cast<D>(from[c]) * scale;
    }
}

}  // namespace

void add_gather(Kernels& table) {
    table.first_bad_index = first_bad_index;
    table.gather_u8_f32 = gather<std::uint8_t, float>;
    table.gather_u8_f64 = gather<std::uint8_t, double>;
    table.gather_f32_f32 = gather<float, float>;
    table.gather_f32_f64 = gather<float, double>;
    table.gather_f64_f32 = gather<double, float>;
    table.gather_f64_f64 = gather<double, double>;
}

}  // namespace zk::ZK_ISA
