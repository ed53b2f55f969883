#include "parallel.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <signal.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#ifdef _OPENMP
#include <omp.h>
#endif

#include "quota.hpp"
#include "tiny.hpp"

namespace zk {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

// How long a helper looks for work before it sleeps: longer than the gap between two phases of a
// step, shorter than anyone would notice as a busy core.
constexpr auto kSpin = microseconds(80);
// A wait for one task that is longer than this means that its helper has lost its core.
constexpr auto kLate = microseconds(300);
// Helpers are then left out for this many times the wait.
constexpr int kRestFactor = 8;

inline void relax() {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// The tasks of a round that one thread begins with, in one word: threads | end | next. A task is claimed
// by raising `next`, and only if nothing else in the word has changed, so what it says is of the round
// that the task is of.
class alignas(64) Share {
public:
    static constexpr std::uint64_t kMostTasks = (std::uint64_t{1} << 28) - 1;
    static constexpr int kMostThreads = 255;

    void fill(int threads, std::uint64_t first, std::uint64_t end) {
        word_.store(static_cast<std::uint64_t>(threads) << 56 | end << 28 | first,
                    std::memory_order_seq_cst);
    }

    // The next task, or -1.
    std::int64_t claim(int thread) {
        std::uint64_t word = word_.load(std::memory_order_acquire);
        while (is_for(thread, word)) {
            if (word_.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel))
                return static_cast<std::int64_t>(word & kMostTasks);
        }
        return -1;
    }

private:
    static bool is_for(int thread, std::uint64_t word) {
        return (word & kMostTasks) < (word >> 28 & kMostTasks) &&
               static_cast<std::uint64_t>(thread) < word >> 56;
    }

    std::atomic<std::uint64_t> word_{0};
};

// Threads that are made during its life get no signals: Ctrl-C is for the thread that runs Python.
class SignalsElsewhere {
public:
#if defined(__unix__) || defined(__APPLE__)
    SignalsElsewhere() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before_);
    }
    ~SignalsElsewhere() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsElsewhere(const SignalsElsewhere&) = delete;
    SignalsElsewhere& operator=(const SignalsElsewhere&) = delete;

private:
    sigset_t before_{};
#endif
};

class Pool {
public:
    explicit Pool(int helpers) : shares_(static_cast<std::size_t>(helpers) + 1) {
        const SignalsElsewhere quiet;
        for (int i = 0; i < helpers; ++i) threads_.emplace_back([this, i] { help(i + 1); });
    }

    ~Pool() {
        stop_.store(true);
        round_.fetch_add(1, std::memory_order_seq_cst);
        round_.notify_all();
        for (std::thread& thread : threads_) thread.join();
    }

    int helpers() const { return static_cast<int>(threads_.size()); }

    void run(int threads, std::uint64_t count, void (*task)(void*, std::int64_t, int),
             void* context, const std::int64_t* starts) {
        if (Clock::now() < rest_until_) threads = 1;
        if (threads <= 1) {
            for (std::uint64_t i = 0; i < count; ++i) task(context, static_cast<std::int64_t>(i), 0);
            return;
        }
        task_ = task;
        context_ = context;
        done_.store(0, std::memory_order_relaxed);
        const auto shares = static_cast<std::uint64_t>(threads);
        const auto start = [&](std::uint64_t i) {
            return starts ? static_cast<std::uint64_t>(starts[i]) : count * i / shares;
        };
        for (std::uint64_t i = 0; i < shares; ++i) shares_[i].fill(threads, start(i), start(i + 1));
        // Helpers look at this word only: who comes finds every share filled, and begins with its own.
        round_.fetch_add(1, std::memory_order_seq_cst);
        if (sleeping_.load(std::memory_order_seq_cst) > 0) round_.notify_all();
        work(0);
        wait_for_others(count);
    }

private:
    // Claims and runs tasks until none is left: its own, then what the others have not begun.
    void work(int thread) {
        const std::size_t shares = shares_.size();
        std::uint64_t done = 0;
        for (std::size_t i = 0; i < shares; ++i) {
            Share& share = shares_[(static_cast<std::size_t>(thread) + i) % shares];
            for (std::int64_t at = share.claim(thread); at >= 0; at = share.claim(thread)) {
                // The round cannot end before this task is counted, so task_ and context_ are its own.
                task_(context_, at, thread);
                ++done;
            }
        }
        if (done > 0) done_.fetch_add(done, std::memory_order_acq_rel);
    }

    void wait_for_others(std::uint64_t count) {
        if (done_.load(std::memory_order_acquire) == count) return;
        const Clock::time_point start = Clock::now();
        for (int looks = 0; done_.load(std::memory_order_acquire) != count; ++looks) {
            if (looks < 2000) relax();
            else std::this_thread::yield();
        }
        const auto waited = Clock::now() - start;
        if (waited > kLate) rest_until_ = Clock::now() + waited * kRestFactor;
    }

    void help(int thread) {
        const TinyAre fast(Tiny::zero);  // as in the callers, which are programs
        for (std::uint32_t seen = 0;;) {
            const Clock::time_point start = Clock::now();
            for (int looks = 0; round_.load(std::memory_order_acquire) == seen; ++looks) {
                if (stop_.load(std::memory_order_relaxed)) return;
                relax();
                if (looks % 64 == 63 && Clock::now() - start > kSpin) sleep(seen);
            }
            seen = round_.load(std::memory_order_acquire);
            work(thread);
        }
    }

    // Until there is a round after the one seen.
    void sleep(std::uint32_t seen) {
        sleeping_.fetch_add(1, std::memory_order_seq_cst);
        if (!stop_.load()) round_.wait(seen, std::memory_order_seq_cst);
        sleeping_.fetch_sub(1, std::memory_order_seq_cst);
    }

    std::vector<Share> shares_;
    alignas(64) std::atomic<std::uint64_t> done_{0};
    alignas(64) std::atomic<std::uint32_t> round_{0};
    std::atomic<int> sleeping_{0};
    std::atomic<bool> stop_{false};
    void (*task_)(void*, std::int64_t, int) = nullptr;
    void* context_ = nullptr;
    Clock::time_point rest_until_{};
    std::vector<std::thread> threads_;
};

// One pool for the process. Never destroyed at exit: threads of other libraries may still run.
Pool* pool = nullptr;
std::mutex pool_in_use;

// After a fork the child has none of the threads; the parent's pool is left where it is.
void forget_pool() {
    pool = nullptr;
    new (&pool_in_use) std::mutex();
}

void watch_forks() {
#if defined(__unix__) || defined(__APPLE__)
    static const int once = pthread_atfork(nullptr, nullptr, forget_pool);
    (void)once;
#endif
}

}  // namespace

int max_threads() {
#ifdef _OPENMP
    const int allowed = omp_get_max_threads();
#else
    const int allowed = static_cast<int>(std::thread::hardware_concurrency());
#endif
    // Who sets OMP_NUM_THREADS has decided; OpenMP's own default does not know of quotas.
    static const bool decided = std::getenv("OMP_NUM_THREADS") != nullptr;
    const int quota = decided ? 0 : cpu_quota();
    return quota > 0 && quota < allowed ? quota : allowed;
}

void run_tasks(int threads, std::int64_t count, void (*task)(void*, std::int64_t, int),
               void* context, const std::int64_t* starts) {
    // Two programs at once in two Python threads: the second works alone rather than wait.
    std::unique_lock<std::mutex> lock(pool_in_use, std::try_to_lock);
    const auto tasks = static_cast<std::uint64_t>(count);
    if (!lock.owns_lock() || threads > Share::kMostThreads || tasks > Share::kMostTasks) {
        for (std::int64_t i = 0; i < count; ++i) task(context, i, 0);
        return;
    }
    watch_forks();
    if (pool == nullptr || pool->helpers() < threads - 1) {
        delete pool;
        pool = new Pool(threads - 1);
    }
    pool->run(threads, tasks, task, context, starts);
}

}  // namespace zk
