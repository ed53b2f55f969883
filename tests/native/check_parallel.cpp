// The threads of parallel.cpp under ThreadSanitizer (`make sanitize`): thousands of rounds of tasks, each of
// which must run once, under a number below the round's threads, however its shares are cut.
#include "parallel.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <random>
#include <thread>
#include <vector>

namespace {

constexpr int kRounds = 20000, kMostTasks = 2000, kMostThreads = 4;

// Where each thread's share begins: anywhere, so that some have none.
std::vector<std::int64_t> random_starts(std::mt19937& random, int threads, std::int64_t count) {
    std::vector<std::int64_t> starts(static_cast<std::size_t>(threads) + 1);
    for (std::int64_t& start : starts)
        start = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(count + 1));
    starts.front() = 0;
    starts.back() = count;
    std::sort(starts.begin(), starts.end());
    return starts;
}

}  // namespace

int main() {
    std::mt19937 random(1);
    // Not atomic: a task that two threads ran, or one that the caller did not wait for, is a race.
    std::vector<int> runs(kMostTasks);
    std::int64_t wrong = 0;
    for (int round = 0; round < kRounds; ++round) {
        const int threads = 1 + static_cast<int>(random() % kMostThreads);
        const std::int64_t count = random() % 50 == 0 ? random() % kMostTasks : random() % 40;
        const std::vector<std::int64_t> starts = random_starts(random, threads, count);
        const int work = static_cast<int>(random() % 300);
        std::fill_n(runs.begin(), count, 0);
        std::atomic<int> strangers{0};
        const auto task = [&](std::int64_t i, int thread) {
            if (thread < 0 || thread >= threads) ++strangers;
            runs[static_cast<std::size_t>(i)] += 1;
            for (int k = 0; k < work; ++k) std::atomic_signal_fence(std::memory_order_seq_cst);
        };
        zk::parallel_for(threads, count, task, random() % 2 ? starts.data() : nullptr);
        for (std::int64_t i = 0; i < count; ++i) wrong += runs[static_cast<std::size_t>(i)] != 1;
        wrong += strangers;
        // Long enough now and then for helpers to fall asleep.
        if (random() % 2000 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 400));
    }
    std::printf("threads: %d rounds, %lld mistakes\n", kRounds, static_cast<long long>(wrong));
    return wrong != 0;
}
