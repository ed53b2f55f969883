// The greatest of a window's numbers, lane by lane.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include <limits>

#include "simd.hpp"

namespace zk::ZK_ISA {

// The first one stays unless another is greater; NaN is taken, and then stays.
template <class T, bool remember>
struct Greatest {
    Vector<T> y = splat(-std::numeric_limits<T>::infinity());
    Vector<T> winner;

    void see(const Vector<T>& entry, i64 number) {
        if constexpr (remember) {
            const Vector<T> better = entry <= y ? winner : splat(static_cast<T>(number));
            winner = y == y ? better : winner;
        }
        y = larger<T>(entry, y);
    }
};

}  // namespace zk::ZK_ISA
