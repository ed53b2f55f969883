// A small pool of threads that can only help.
//
// The caller hands out numbered tasks and works on them itself; helpers take what is left. It waits
// for tasks that a helper has begun, never for a helper to arrive: one that the operating system
// has put aside costs nothing. One that is put aside in the middle of a task costs that wait, after
// which helpers are left out for a while (see docs/decisions/0008-threads.md).
//
// Which thread runs a task must make no difference to what the task computes.
#pragma once

#include <cstdint>
#include <type_traits>

namespace zk {

// How many threads may be used now: OpenMP's word for the calling thread, so that OMP_NUM_THREADS
// and threadpoolctl govern us too, and no more than the container's CPU quota.
int max_threads();

// Calls task(context, i, thread) for every i in [0, count), on up to `threads` threads; `thread` is
// below `threads` and no two tasks run at once under one number. Tasks must not throw.
//
// Thread t begins with the tasks [starts[t], starts[t + 1]), or with as many as the others where `starts`
// is null, and goes on with what the others have left: at each step a task falls to the same thread,
// if it comes in time, and finds its numbers in that core's cache.
void run_tasks(int threads, std::int64_t count,
               void (*task)(void* context, std::int64_t index, int thread), void* context,
               const std::int64_t* starts);

// The same for a callable f(i, thread).
template <class F>
void parallel_for(int threads, std::int64_t count, F&& f, const std::int64_t* starts = nullptr) {
    if (threads <= 1 || count <= 1) {
        for (std::int64_t i = 0; i < count; ++i) f(i, 0);
        return;
    }
    run_tasks(
        threads, count,
        [](void* context, std::int64_t index, int thread) {
            (*static_cast<std::remove_reference_t<F>*>(context))(index, thread);
        },
        const_cast<void*>(static_cast<const void*>(&f)), starts);
}

}  // namespace zk
