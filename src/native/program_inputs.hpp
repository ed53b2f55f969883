// What a program is given to run on: data, targets, the optimizer's settings, and the flat buffers.
#pragma once

#include "kernels.hpp"

namespace zk {

// Rows of numbers in a data set: uint8, float or double, `stride` elements apart.
struct Source {
    enum class Type { u8, f32, f64 } type;
    const void* data;
    i64 rows, columns, stride;
    double scale;
};

inline i64 bytes_of(Source::Type type) {
    return type == Source::Type::u8 ? 1 : type == Source::Type::f32 ? 4 : 8;
}

inline const char* address_of(const Source& source, i64 row, i64 column) {
    return static_cast<const char*>(source.data) + (row * source.stride + column) * bytes_of(source.type);
}

// Class labels, or rows of numbers in the program's format; one of the two.
template <class T>
struct Targets {
    const i64* labels = nullptr;
    const T* numbers = nullptr;
    i64 rows = 0, columns = 0;
};

// The optimizer as the user set it; `steps` counts the updates made before this run.
struct OptimizerSettings {
    OptimizerKind kind = OptimizerKind::sgd;
    double lr = 0, weight_decay = 0, clip_norm = 0;  // clip_norm 0: gradients are left as they are
    bool decoupled = false;
    double keep1 = 0, keep2 = 0, eps = 0;
    i64 steps = 0;
};

// The flat buffers of a network and its optimizer; `first` and `second` may be null.
template <class T>
struct Buffers {
    T* params = nullptr;
    T* grads = nullptr;
    T* first = nullptr;
    T* second = nullptr;
    i64 size = 0;
};

}  // namespace zk
