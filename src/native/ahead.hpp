// Asking for memory step by step, beside a product.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include "tile.hpp"

namespace zk::ZK_ISA {

constexpr i64 kLineBytes = 64;  // of the cache

// A few lines at once.
template <class T>
inline void ask_to_write(const T* from, i64 count) {
    const char* const bytes = reinterpret_cast<const char*>(from);
    for (i64 at = 0; at < count * static_cast<i64>(sizeof(T)); at += kLineBytes)
        __builtin_prefetch(bytes + at, 1, 2);
}

// Tiles that ask: a second copy of the others' code would be large, and products have few of them.
template <int rows, int vectors>
constexpr bool kAsks = 2 * rows >= kRowsOf<vectors>;

// Goes through stretches of memory in step with a product, so that all have been asked for when it is
// done. All at once, they would fill the few places that a core has for what it waits for, and the
// product's own numbers would come late.
class Asking {
public:
    Asking(const Ahead& ahead, i64 steps) : next_(ahead.stretches), end_(ahead.stretches + ahead.count) {
        if (ahead.count == 0) return;
        i64 bytes = 0;
        for (i64 i = 0; i < ahead.count; ++i) bytes += ahead.stretches[i].bytes;
        // Faster where there are several, for a tile asks for no more than one.
        const i64 quarters = ahead.count < 3 ? 4 : 5;
        if (steps > 0) pace_ = bytes * quarters / (4 * steps) + 1;
        if (pace_ > kLineBytes) pace_ = kLineBytes;
    }

    bool done() const { return next_ == end_; }

    // What one tile asks for: so many bytes further at every step. Most lines are asked for more than once,
    // which costs less than to find out.
    struct Piece {
        const char* at;
        i64 pace;

        // Into the second-level cache: the first one is full of what is multiplied.
        template <int to_write>
        void step() {
            __builtin_prefetch(at, to_write, 2);
            at += pace;
        }

        // So many steps, to read.
        void steps(i64 count) {
            const char* const end = at + pace * count;
            for (; at < end; at += kLineBytes) __builtin_prefetch(at, 0, 2);
        }
    };

    Piece take(i64 steps) {
        if (done()) return {reinterpret_cast<const char*>(this), 0};  // which is near
        const Piece piece{static_cast<const char*>(next_->from) + at_, pace_};
        at_ += pace_ * steps;
        if (at_ >= next_->bytes) ++next_, at_ = 0;
        return piece;
    }

private:
    const Stretch* next_;
    const Stretch* end_;
    i64 pace_ = 0, at_ = 0;
};

}  // namespace zk::ZK_ISA
