// What this processor and its operating system can run, asked by feature and never by maker.
#pragma once

#include <utility>
#include <vector>

namespace zk {

struct CpuFeatures {
    bool sse2 = false;
    bool avx = false;
    bool avx2 = false;
    bool fma = false;
    bool avx512f = false;
    bool avx512bw = false;
    bool avx512dq = false;
    bool avx512vl = false;
    bool neon = false;

    bool runs_avx2() const { return avx2 && fma; }
    bool runs_avx512() const {
        return runs_avx2() && avx512f && avx512bw && avx512dq && avx512vl;
    }
};

// Asked once, at the first call.
const CpuFeatures& cpu_features();

// The same by name, in the order of the struct.
std::vector<std::pair<const char*, bool>> cpu_features_by_name();

}  // namespace zk
