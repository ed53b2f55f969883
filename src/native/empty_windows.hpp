// Windows five wide that see nothing but zeros: a byte for each pixel, whole windows by whole numbers.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels.hpp"

namespace zk::ZK_ISA {

// Eight bytes are read as one number whose lowest is the first.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

// seen[x] = whether any channel of the x-th pixel is not 0.
template <class T>
void see_line(const T* from, i64 pixel, i64 channels, i64 width, unsigned char* seen) {
    if (channels == 1) {
        for (i64 x = 0; x < width; ++x) seen[x] = from[x * pixel] != T(0);
        return;
    }
    for (i64 x = 0; x < width; ++x, from += pixel) {
        unsigned char any = 0;
        for (i64 c = 0; c < channels; ++c) any = any | static_cast<unsigned char>(from[c] != T(0));
        seen[x] = any;
    }
}

// Four windows side by side, the first at `seen`, of lines `step` bytes apart. Bit j: the j-th is empty.
inline int empty_windows(const unsigned char* seen, i64 lines, i64 step) {
    std::uint64_t any = 0;
    for (i64 i = 0; i < lines; ++i) {
        std::uint64_t line;
        std::memcpy(&line, seen + i * step, sizeof line);
        any |= line;
    }
    constexpr std::uint64_t window = 0xffffffffff;  // five bytes
    int empty = 0;
    for (int j = 0; j < 4; ++j) empty |= static_cast<int>((any >> 8 * j & window) == 0) << j;
    return empty;
}

}  // namespace zk::ZK_ISA
