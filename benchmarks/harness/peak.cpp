// The peak rate of fused multiply-adds in float32: `peak THREADS` prints GFLOP/s, the best of many
// short blocks. Compiled by harness/peak.py for the machine that it runs on.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

#if defined(__AVX512F__)
constexpr int kBytes = 64;
constexpr int kChains = 24;
#elif defined(__AVX__)
constexpr int kBytes = 32;
constexpr int kChains = 12;  // 16 registers: these and the two factors
#elif defined(__ARM_NEON)
constexpr int kBytes = 16;
constexpr int kChains = 24;
#else
constexpr int kBytes = 16;
constexpr int kChains = 12;
#endif

typedef float Vec __attribute__((vector_size(kBytes)));
constexpr int kLanes = kBytes / sizeof(float);
constexpr long kRepeats = 20000;
constexpr int kBlocks = 60;

using Clock = std::chrono::steady_clock;

// Folds instead of loops over the chains: with constant places alone each stays in a register.
template <std::size_t... Chain>
static float run_block(float factor, float addend, std::index_sequence<Chain...>) {
  Vec a, b, acc[sizeof...(Chain)];
  for (int lane = 0; lane < kLanes; ++lane) a[lane] = factor, b[lane] = addend;
  ((acc[Chain] = b * static_cast<float>(Chain)), ...);
  for (long r = 0; r < kRepeats; ++r) ((acc[Chain] = acc[Chain] * a + b), ...);
  Vec sum = b;
  ((sum += acc[Chain]), ...);
  float total = 0;
  for (int lane = 0; lane < kLanes; ++lane) total += sum[lane];
  return total;
}

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::max(1, std::atoi(argv[1])) : 1;
  std::atomic<int> arrived{0};
  std::atomic<float> sink{0};
  std::vector<std::vector<Clock::time_point>> starts(threads), ends(threads);
  auto work = [&](int me) {
    for (int block = 0; block < kBlocks; ++block) {
      arrived.fetch_add(1);
      while (arrived.load() < threads * (block + 1)) {
      }
      starts[me].push_back(Clock::now());
      sink.store(run_block(0.999f, 1e-3f, std::make_index_sequence<kChains>()));
      ends[me].push_back(Clock::now());
    }
  };
  std::vector<std::thread> pool;
  for (int i = 1; i < threads; ++i) pool.emplace_back(work, i);
  work(0);
  for (auto& thread : pool) thread.join();
  double best = 0;
  for (int block = 0; block < kBlocks; ++block) {
    auto first = starts[0][block], last = ends[0][block];
    for (int i = 1; i < threads; ++i) {
      first = std::min(first, starts[i][block]);
      last = std::max(last, ends[i][block]);
    }
    const double seconds = std::chrono::duration<double>(last - first).count();
    const double flops = 2.0 * kLanes * kChains * double(kRepeats) * threads;
    best = std::max(best, flops / seconds * 1e-9);
  }
  std::printf("%.2f\n", best);
  return sink.load() > 1e30f;
}
