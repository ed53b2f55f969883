// Numbers below the smallest normal one (1.2e-38 in float32) count as zero while a program runs.
//
// Some processors take a hundred times as long over an operation that meets one, and training is full
// of them: see docs/decisions/0016-tiny-numbers.md.
#pragma once

#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

namespace zk {

enum class Tiny { numbers, zero };

// What tiny numbers are to the thread that made it, while it lives. On x86-64 and 64-bit ARM; elsewhere
// they are numbers, always.
class TinyAre {
public:
    explicit TinyAre(Tiny what) : before_(read()) {
        write(what == Tiny::zero ? before_ | kZero : before_ & ~kZero);
    }
    ~TinyAre() { write(before_); }
    TinyAre(const TinyAre&) = delete;
    TinyAre& operator=(const TinyAre&) = delete;

private:
#if defined(__x86_64__) || defined(_M_X64)
    using Word = unsigned;
    static constexpr Word kZero = 0x8040;  // what is computed (flush to zero), and what is read
    static Word read() { return _mm_getcsr(); }
    static void write(Word word) { _mm_setcsr(word); }
#elif defined(__aarch64__)
    using Word = std::uint64_t;
    static constexpr Word kZero = Word{1} << 24;  // FZ: both
    static Word read() {
        Word word;
        asm volatile("mrs %0, fpcr" : "=r"(word));
        return word;
    }
    static void write(Word word) { asm volatile("msr fpcr, %0" : : "r"(word)); }
#else
    using Word = unsigned;
    static constexpr Word kZero = 0;
    static Word read() { return 0; }
    static void write(Word) {}
#endif

    Word before_;
};

}  // namespace zk
