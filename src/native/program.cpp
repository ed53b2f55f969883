// The loops of a program: step after step in training, block after block in inference.
#include "program.hpp"

#include <algorithm>
#include <cmath>

#include "parallel.hpp"
#include "tiny.hpp"

namespace zk {
namespace {

// Below so much arithmetic, waking helpers costs more than they bring.
constexpr double kFlopsForHelpers = 4e5;

}  // namespace

template <class T>
int Program<T>::threads_for(double flops) const {
    return flops < kFlopsForHelpers ? 1 : std::max(1, max_threads());
}

template <class T>
double Program<T>::mean_loss(i64 rows) const {
    double total = 0;
    for (i64 i = 0; i < rows; ++i) total += row_losses_[static_cast<std::size_t>(i)];
    // In the program's own format: a loss that it cannot hold has diverged.
    return rows > 0 ? static_cast<double>(static_cast<T>(total / static_cast<double>(rows))) : 0;
}

template <class T>
i64 Program<T>::train(const std::vector<Source>& sources, const Targets<T>& targets,
                      const i64* indices, const i64* bounds, i64 batches,
                      const OptimizerSettings& settings, const double* rates, double* losses,
                      const Callback& callback) {
    const TinyAre fast(Tiny::zero);
    OptimizerSettings now = settings;
    find_first();
    if (blocks_rows_ < 0) find_next_panels();  // once, before anything is planned
    const auto batch_at = [&](i64 b) {
        const i64 rows = bounds[b + 1] - bounds[b];
        const bool few = rows <= math_.few_rows;
        const int threads = threads_for(flops_a_row_ * static_cast<double>(rows));
        return Batch{&sources, &targets, indices + bounds[b], 0, rows, threads, few,
                     !few && goes_by_depth(rows, threads)};
    };
    bool packed = false;
    Batch batch{}, next{};
    if (batches > 0) next = batch_at(0);
    if (batches > 0) find_zeros(next);
    for (i64 b = 0; b < batches; ++b) {
        batch = next;
        if (!packed) pack(batch.threads, batch.few, false);
        next_noise();
        run_segments(batch, callback);
        losses[b] = mean_loss(batch.rows);
        if (!std::isfinite(losses[b])) return b + 1;
        ++now.steps;
        if (rates != nullptr) now.lr = rates[b];
        const bool more = b + 1 < batches;
        if (more) next = batch_at(b + 1);
        next_ = more ? &next : nullptr;
        packed = more && !next.few;
        update(batch, now, packed);
        next_ = nullptr;
    }
    return batches;
}

template <class T>
void Program<T>::predict(const std::vector<Source>& sources, i64 rows, T* out,
                         const Callback& callback) {
    const TinyAre fast(Tiny::zero);
    const bool few = rows <= math_.few_rows;
    const int threads = threads_for(flops_a_row_ * static_cast<double>(rows));
    pack(threads, few, true);
    fold_norms();
    for (i64 first = 0; first < rows; first += max_rows_) {
        const i64 count = std::min(max_rows_, rows - first);
        const Batch batch{&sources, nullptr, nullptr, first, count, threads, few, false, out};
        point_slots(batch);
        if (first == 0) find_zeros(batch);
        run_segments(batch, callback);
    }
}

template i64 Program<float>::train(const std::vector<Source>&, const Targets<float>&, const i64*, const i64*, i64,
    const OptimizerSettings&, const double*, double*, const Callback&);
template void Program<float>::predict(const std::vector<Source>&, i64, float*, const Callback&);
template i64 Program<double>::train(const std::vector<Source>&, const Targets<double>&, const i64*, const i64*, i64,
    const OptimizerSettings&, const double*, double*, const Callback&);
template void Program<double>::predict(const std::vector<Source>&, i64, double*, const Callback&);

}  // namespace zk
