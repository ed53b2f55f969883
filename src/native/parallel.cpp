#include "parallel.hpp"

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

// A round of tasks in one word, so that a task is claimed, and known to be of this round, by one
// atomic addition: round | count | next.
constexpr int kNextBits = 22, kCountBits = 21;
constexpr std::uint64_t kMaxTasks = (std::uint64_t{1} << kCountBits) - 1;
inline std::uint64_t next_of(std::uint64_t word) {
    return word & ((std::uint64_t{1} << kNextBits) - 1);
}
inline std::uint64_t count_of(std::uint64_t word) { return (word >> kNextBits) & kMaxTasks; }
inline bool has_work(std::uint64_t word) { return next_of(word) < count_of(word); }

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
    explicit Pool(int helpers) {
        const SignalsElsewhere quiet;
        for (int i = 0; i < helpers; ++i) threads_.emplace_back([this, i] { help(i + 1); });
    }

    ~Pool() {
        stop_.store(true);
        wake();
        for (std::thread& thread : threads_) thread.join();
    }

    int helpers() const { return static_cast<int>(threads_.size()); }

    void run(int threads, std::uint64_t count, void (*task)(void*, std::int64_t, int),
             void* context) {
        if (Clock::now() < rest_until_) threads = 1;
        if (threads <= 1) {
            for (std::uint64_t i = 0; i < count; ++i) task(context, static_cast<std::int64_t>(i), 0);
            return;
        }
        task_ = task;
        context_ = context;
        allowed_.store(threads, std::memory_order_relaxed);
        done_.store(0, std::memory_order_relaxed);
        ++round_;
        // Publishes all of the above to whoever claims a task of this round.
        const std::uint64_t word = (round_ << (kNextBits + kCountBits)) | (count << kNextBits);
        word_.store(word, std::memory_order_seq_cst);
        if (sleeping_.load(std::memory_order_seq_cst) > 0) wake();
        work(0);
        wait_for_others(count);
    }

private:
    // Claims and runs tasks until none is left.
    void work(int thread) {
        while (has_work(word_.load(std::memory_order_acquire))) {
            if (thread >= allowed_.load(std::memory_order_relaxed)) return;
            const std::uint64_t mine = word_.fetch_add(1, std::memory_order_acq_rel);
            if (!has_work(mine)) return;
            // The round cannot end before this task is done, so task_ and context_ are its own.
            task_(context_, static_cast<std::int64_t>(next_of(mine)), thread);
            done_.fetch_add(1, std::memory_order_acq_rel);
        }
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
        for (;;) {
            const Clock::time_point start = Clock::now();
            for (int looks = 0;; ++looks) {
                if (stop_.load(std::memory_order_relaxed)) return;
                if (has_work(word_.load(std::memory_order_acquire)) &&
                    thread < allowed_.load(std::memory_order_relaxed))
                    break;
                relax();
                if (looks % 64 == 63 && Clock::now() - start > kSpin) {
                    sleep(thread);
                    break;
                }
            }
            work(thread);
        }
    }

    void sleep(int thread) {
        const std::uint32_t bell = bell_.load(std::memory_order_seq_cst);
        sleeping_.fetch_add(1, std::memory_order_seq_cst);
        const bool wanted = has_work(word_.load(std::memory_order_seq_cst)) &&
                            thread < allowed_.load(std::memory_order_relaxed);
        if (!wanted && !stop_.load()) bell_.wait(bell);
        sleeping_.fetch_sub(1, std::memory_order_seq_cst);
    }

    void wake() {
        bell_.fetch_add(1, std::memory_order_seq_cst);
        bell_.notify_all();
    }

    alignas(64) std::atomic<std::uint64_t> word_{0};
    alignas(64) std::atomic<std::uint64_t> done_{0};
    alignas(64) std::atomic<std::uint32_t> bell_{0};
    std::atomic<int> sleeping_{0};
    std::atomic<int> allowed_{1};
    std::atomic<bool> stop_{false};
    void (*task_)(void*, std::int64_t, int) = nullptr;
    void* context_ = nullptr;
    std::uint64_t round_ = 0;
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
               void* context) {
    // Two programs at once in two Python threads: the second works alone rather than wait.
    std::unique_lock<std::mutex> lock(pool_in_use, std::try_to_lock);
    const auto tasks = static_cast<std::uint64_t>(count);
    if (!lock.owns_lock() || tasks > kMaxTasks) {
        for (std::int64_t i = 0; i < count; ++i) task(context, i, 0);
        return;
    }
    watch_forks();
    if (pool == nullptr || pool->helpers() < threads - 1) {
        delete pool;
        pool = new Pool(threads - 1);
    }
    pool->run(threads, tasks, task, context);
}

}  // namespace zk
