#include "cpu.hpp"

namespace zk {
namespace {

CpuFeatures detect() {
    CpuFeatures has;
#if (defined(__x86_64__) || defined(__i386__)) && (defined(__GNUC__) || defined(__clang__))
    // The built-in also asks (by xgetbv) whether the operating system saves the wide registers.
    __builtin_cpu_init();
    has.sse2 = __builtin_cpu_supports("sse2") != 0;
    has.avx = __builtin_cpu_supports("avx") != 0;
    has.avx2 = __builtin_cpu_supports("avx2") != 0;
    has.fma = __builtin_cpu_supports("fma") != 0;
    has.avx512f = __builtin_cpu_supports("avx512f") != 0;
    has.avx512bw = __builtin_cpu_supports("avx512bw") != 0;
    has.avx512dq = __builtin_cpu_supports("avx512dq") != 0;
    has.avx512vl = __builtin_cpu_supports("avx512vl") != 0;
#elif defined(__aarch64__) || defined(_M_ARM64)
    has.neon = true;  // part of the base architecture
#endif
    return has;
}

}  // namespace

const CpuFeatures& cpu_features() {
    static const CpuFeatures features = detect();
    return features;
}

std::vector<std::pair<const char*, bool>> cpu_features_by_name() {
    const CpuFeatures& has = cpu_features();
    return {
        {"sse2", has.sse2},         {"avx", has.avx},           {"avx2", has.avx2},
        {"fma", has.fma},           {"avx512f", has.avx512f},   {"avx512bw", has.avx512bw},
        {"avx512dq", has.avx512dq}, {"avx512vl", has.avx512vl}, {"neon", has.neon},
    };
}

}  // namespace zk
