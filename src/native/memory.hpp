// Memory that a program keeps: aligned, zeroed, and on huge pages where it is large.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#endif

#include "kernels.hpp"

namespace zk {

constexpr std::size_t kLine = 64;

inline i64 round_up(i64 value, i64 to) { return (value + to - 1) / to * to; }

// Asks for `bytes` from an address on, without waiting for them.
inline void prefetch([[maybe_unused]] const char* from, [[maybe_unused]] i64 bytes) {
#if defined(__GNUC__)
    for (i64 at = 0; at < bytes; at += static_cast<i64>(kLine)) __builtin_prefetch(from + at);
#endif
}

template <class T>
using Memory = std::unique_ptr<T[], void (*)(void*)>;

// From half a huge page on, memory is asked for in huge pages: a step walks through all of it, and
// with small ones the processor spends much of that time looking up where it is.
constexpr std::size_t kHuge = std::size_t{1} << 21;

template <class T>
Memory<T> aligned_zeros(i64 count) {
    const std::size_t bytes = std::max(static_cast<std::size_t>(count) * sizeof(T), kLine);
    const std::size_t line = bytes >= kHuge / 2 ? kHuge : kLine;
    const std::size_t whole = (bytes + line - 1) / line * line;
    void* memory = std::aligned_alloc(line, whole);
    if (memory == nullptr) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
    if (line == kHuge) madvise(memory, whole, MADV_HUGEPAGE);
#endif
    std::memset(memory, 0, whole);
    return {static_cast<T*>(memory), std::free};
}

// A thread's own working memory, kept from task to task.
template <class T>
T* scratch(i64 count) {
    struct Kept {
        Memory<T> data{nullptr, std::free};
        i64 size = 0;
    };
    thread_local Kept memory;
    if (memory.size < count) {
        memory.data = aligned_zeros<T>(count);
        memory.size = count;
    }
    return memory.data.get();
}

}  // namespace zk
