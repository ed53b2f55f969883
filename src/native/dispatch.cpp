#include "dispatch.hpp"

#include <atomic>
#include <stdexcept>

#include "cpu.hpp"

// CMakeLists.txt defines ZK_HAVE_<ISA> for each copy that it compiled.
namespace zk {

#ifdef ZK_HAVE_BASELINE
namespace baseline { void fill(Kernels& table); }
#endif
#ifdef ZK_HAVE_AVX2
namespace avx2 { void fill(Kernels& table); }
#endif
#ifdef ZK_HAVE_AVX512
namespace avx512 { void fill(Kernels& table); }
#endif
#ifdef ZK_HAVE_NEON
namespace neon { void fill(Kernels& table); }
#endif

namespace {

Isa make(const char* name, void (*fill)(Kernels&)) {
    Isa result{name, Kernels{}};
    fill(result.kernels);
    return result;
}

std::vector<Isa> find() {
    std::vector<Isa> found;
#ifdef ZK_HAVE_BASELINE
    found.push_back(make("baseline", baseline::fill));
#endif
#ifdef ZK_HAVE_AVX2
    if (cpu_features().runs_avx2()) found.push_back(make("avx2", avx2::fill));
#endif
#ifdef ZK_HAVE_AVX512
    if (cpu_features().runs_avx512()) found.push_back(make("avx512", avx512::fill));
#endif
#ifdef ZK_HAVE_NEON
    found.push_back(make("neon", neon::fill));
#endif
    return found;
}

std::atomic<const Isa*>& chosen() {
    static std::atomic<const Isa*> choice{&isas().back()};
    return choice;
}

}  // namespace

const std::vector<Isa>& isas() {
    static const std::vector<Isa> found = find();
    return found;
}

const Isa& isa() { return *chosen().load(std::memory_order_acquire); }

void use_isa(const std::string& name) {
    std::string known;
    for (const Isa& candidate : isas()) {
        if (name == candidate.name) {
            chosen().store(&candidate, std::memory_order_release);
            return;
        }
        known += known.empty() ? "" : ", ";
        known += candidate.name;
    }
    throw std::invalid_argument("instruction set '" + name +
                                "' cannot be used here; this machine and build can run: " + known);
}

}  // namespace zk
