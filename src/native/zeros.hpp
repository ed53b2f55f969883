// Steps of a product that are left out: those at which all numbers that a tile takes of x are zero.
// Compiled once per instruction set; include it only from such files.
//
// Four of five pixels of a drawn digit are black. A list names the other steps of one tile, in order, so the sums
// that a tile makes of them are the same to the last bit: 0 * w is 0, and s + 0 is s. That holds where w is finite,
// which whoever uses a list has to know: 0 * NaN and 0 * infinity are NaN (docs/decisions/0022-zeros.md).
#pragma once

#include "ahead.hpp"

namespace zk::ZK_ISA {

// The places of a byte's ones, side by side, and how many there are.
struct Ones {
    Step at[256][8];
    std::uint8_t count[256];
};
inline constexpr Ones kOnes = [] {
    Ones ones{};
    for (int byte = 0; byte < 256; ++byte)
        for (int bit = 0; bit < 8; ++bit)
            if (byte >> bit & 1) ones.at[byte][ones.count[byte]++] = static_cast<Step>(bit);
    return ones;
}();

// A list being made: its length, then its steps. Eight steps at once are written, whether they count or not.
class List {
public:
    explicit List(Step* list) : list_(list) {}

    // The steps from `base` on whose bits are set.
    template <int bits>
    void add(i64 base, std::uint32_t set) {
        for (int byte = 0; byte < bits; byte += 8) {
            const std::uint32_t ones = set >> byte & 0xff;
            Steps steps;
            std::memcpy(&steps, kOnes.at[ones], sizeof steps);
            steps += static_cast<Step>(base + byte);
            std::memcpy(list_ + 1 + count_, &steps, sizeof steps);
            count_ += kOnes.count[ones];
        }
    }

    i64 count() const { return count_; }
    void end() { list_[0] = static_cast<Step>(count_); }

private:
    typedef Step Steps __attribute__((vector_size(8 * sizeof(Step))));

    Step* list_;
    i64 count_ = 0;
};

// The steps at which one of so many rows is not zero: of `fixed` rows, or of `some` where that is 0. Meanwhile the rows
// that come `next` are asked for, unless that is null.
template <class T, int fixed>
__attribute__((noinline)) void list_of_rows(const T* left, i64 left_row, i64 some, i64 depth, const T* next, Step* to) {
    const i64 rows = fixed > 0 ? fixed : some;
    List list(to);
    const auto add = [&](i64 k, auto&& read) __attribute__((always_inline)) {
        Bits<T> any{};
#pragma GCC unroll 24
        for (i64 r = 0; r < rows; ++r) any |= (Bits<T>)read(left + r * left_row + k);
        list.add<kLanes<T>>(k, lanes_not_zero((Vector<T>)any));
    };
    constexpr i64 line = kLineBytes / static_cast<i64>(sizeof(T));
    i64 k = 0, asked = 0;
    for (; k + kLanes<T> <= depth; k += kLanes<T>) {
        for (; next != nullptr && asked <= k; asked += line)
            for (i64 r = 0; r < rows; ++r) __builtin_prefetch(next + r * left_row + asked, 0, 2);
        add(k, [](const T* from) { return load(from); });
    }
    if (const i64 rest = depth - k; rest > 0) add(k, [rest](const T* from) { return load_part(from, rest); });
    list.end();
}

// multiply() over the steps of a list. The compiler is not told how addresses come about (asm): it would compute them
// anew for every row, and a fifth more instructions bind the loop. Nor is it unrolled, for then g++ 12 keeps sums on
// the stack.
template <class T, int rows, int vectors, bool beside, class Each = Nothing>
__attribute__((always_inline)) inline void multiply_listed(const Step* list, Scalars<T, beside> a, Rows<T> b,
                                                           Vector<T> (&sum)[rows][vectors], Each&& each = {}) {
    constexpr int half = rows <= 6 ? rows : (rows + 1) / 2;
    const T* __restrict__ const from_a = a.data;
    const T* __restrict__ const from_b = b.data;
    const Step* const end = list + 1 + list[0];
    i64 apart[half];
#pragma GCC unroll 8
    for (int i = 0; i < half; ++i) {
        apart[i] = beside ? i : i == 2 ? 2 * apart[1] : i * a.row;
        if (!beside && i > 0 && i != 2) asm("" : "+r"(apart[i]));
    }
    const i64 halfway = beside ? half : half * a.row;
#pragma GCC unroll 1
    for (const Step* at = list + 1; at < end; ++at) {
        each();
        const T* left = from_a + *at * a.step;
        const T* right = from_b + *at * b.step;
        asm("" : "+r"(left), "+r"(right));
        Vector<T> line[vectors];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) line[v] = load(right + v * kLanes<T>);
#pragma GCC unroll 24
        for (int i = 0; i < rows; ++i) {
            if (i == half) {
                left += halfway;
                asm("" : "+r"(left));
            }
            const Vector<T> one = splat(left[apart[i < half ? i : i - half]]);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; ++v) sum[i][v] = fma(one, line[v], sum[i][v]);
        }
    }
}

// Whether all numbers of some rows are finite: others, less themselves, are NaN.
template <class T>
inline bool are_finite(const T* from, i64 row, i64 rows, i64 columns) {
    Vector<T> off{};
    for (i64 r = 0; r < rows; ++r, from += row) {
        i64 j = 0;
        for (; j + kLanes<T> <= columns; j += kLanes<T>) off += load(from + j) - load(from + j);
        if (const i64 rest = columns - j; rest > 0) off += load_part(from + j, rest) - load_part(from + j, rest);
    }
    return lanes_not_zero(off) == 0;
}

}  // namespace zk::ZK_ISA
