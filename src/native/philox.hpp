// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): random bits as
// a function of a key and a counter, eight blocks of four words, or twice that, side by side.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include "simd.hpp"

namespace zk::ZK_ISA {

typedef std::uint64_t Words __attribute__((vector_size(kVectorBytes)));  // 32 bits count in each
typedef std::uint32_t Lanes __attribute__((vector_size(kVectorBytes)));
typedef std::uint32_t Halves __attribute__((vector_size(kVectorBytes / 2)));
constexpr int kWords = kVectorBytes / 8;
constexpr int kBlocks = 8;             // side by side
constexpr int kGroup = 8 * kBlocks;    // halves of their words
// Groups of a sample at once, and samples: a round waits for its products, so several vectors of blocks take
// hardly longer than one.
constexpr int kGroups = kVectorBytes == 64 ? 2 : 1;
constexpr int kSamples = kVectorBytes == 64 ? 2 : 1;
constexpr int kRounds = 10;

// The product of the low halves; what stands in the high ones is not read.
inline Words multiply_low(Words a, Words b) {
#if defined(__AVX512F__)
    return (Words)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (Words)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__ARM_NEON)
    return (Words)vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b));
#elif defined(__SSE2__)
    return (Words)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
    return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

class Philox {
public:
    Philox(std::uint64_t seed, std::uint64_t pass) : pass_(pass) {
        for (int l = 0; l < kWords; ++l) lanes_[l] = static_cast<std::uint64_t>(l);
        std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
        for (int round = 0; round < kRounds; ++round) {
            key0_[round] = Words{} + k0;
            key1_[round] = Words{} + k1;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
    }

    // The halves of the words of blocks block .. block + 7 of a sample, in the order of
    // layers/dropout.py: of all first words the upper ones, then the lower ones, ... And behind them those of
    // the next eight blocks, if they are drawn too; and then those of the next sample.
    template <int samples, int groups>
    void draw(std::uint64_t sample, std::uint32_t block, std::uint32_t* to) const {
        constexpr int each = kBlocks / kWords, of_sample = groups * each, parts = samples * of_sample;
        Words x[4][parts];  // the four words of each block
        for (int p = 0; p < parts; ++p) {
            x[0][p] = lanes_ + (block + static_cast<std::uint32_t>(p % of_sample * kWords));
            x[1][p] = Words{} + (sample + static_cast<std::uint64_t>(p / of_sample));
            x[2][p] = Words{} + (pass_ & 0xffffffffu);
            x[3][p] = Words{} + (pass_ >> 32);
        }
        const Words m0 = Words{} + 0xD2511F53u, m1 = Words{} + 0xCD9E8D57u;
#pragma GCC unroll 10
        for (int round = 0; round < kRounds; ++round) {
            for (int p = 0; p < parts; ++p) {
                const Words a = multiply_low(m0, x[0][p]), b = multiply_low(m1, x[2][p]);
                x[0][p] = (b >> 32) ^ (x[1][p] ^ key0_[round]);
                x[2][p] = (a >> 32) ^ (x[3][p] ^ key1_[round]);
                x[1][p] = b;
                x[3][p] = a;
            }
        }
        constexpr int step = 2;  // vectors of 64-bit lanes that make one of 32-bit lanes
        for (int g = 0; g < samples * groups; ++g)
            for (int i = 0; i < 4 * each; i += step)
                put(to + g * kGroup, i * kWords, x[i / each][g * each + i % each],
                    x[(i + 1) / each][g * each + (i + 1) % each]);
    }

private:
    // The words from number `place` on, counted word by word and then block by block. Whole vectors
    // are stored, as they will be loaded: a load of what two stores have just written waits long.
    static void put(std::uint32_t* to, int place, Words first, Words second) {
        const Lanes a = (Lanes)first, b = (Lanes)second;
#if defined(__AVX512F__)
        const Lanes words = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22,
                                                    24, 26, 28, 30);
        const Lanes upper = words >> 16, lower = words & 0xffffu;
        store_lanes(to + 2 * place, __builtin_shufflevector(upper, lower, 0, 1, 2, 3, 4, 5, 6, 7,
                                                            16, 17, 18, 19, 20, 21, 22, 23));
        store_lanes(to + 2 * place + 16,
                    __builtin_shufflevector(upper, lower, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26,
                                            27, 28, 29, 30, 31));
#else
#if defined(__AVX2__)
        const Lanes words = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
#else
        const Lanes words = __builtin_shufflevector(a, b, 0, 2, 4, 6);
#endif
        std::uint32_t* const upper = to + place / kBlocks * 2 * kBlocks + place % kBlocks;
        store_lanes(upper, words >> 16);
        store_lanes(upper + kBlocks, words & 0xffffu);
#endif
    }

    static void store_lanes(std::uint32_t* to, Lanes lanes) { std::memcpy(to, &lanes, sizeof lanes); }

    std::uint64_t pass_;
    Words lanes_{};
    Words key0_[kRounds], key1_[kRounds];
};

// Whether any of these numbers is `value`; those that fill the last vector are asked too.
inline bool any_equal(const std::uint32_t* from, i64 count, std::uint32_t value) {
    constexpr i64 lanes = kVectorBytes / 4;
    Lanes equal{};
    for (i64 k = 0; k < count; k += lanes) {
        Lanes some;
        std::memcpy(&some, from + k, sizeof some);
#if defined(__AVX512F__)
        if (_mm512_cmpeq_epi32_mask((__m512i)some, (__m512i)(Lanes{} + value)) != 0) return true;
#else
        equal |= (Lanes)(some == value);
#endif
    }
    std::uint64_t parts[sizeof equal / 8], all = 0;
    std::memcpy(parts, &equal, sizeof equal);
    for (const std::uint64_t part : parts) all |= part;
    return all != 0;
}

// As many numbers of 16 bits as T has lanes, each in one.
template <class T>
inline Bits<T> load_halves(const std::uint32_t* from);

template <>
inline Bits<float> load_halves<float>(const std::uint32_t* from) {
    Bits<float> lanes;
    std::memcpy(&lanes, from, sizeof lanes);
    return lanes;
}

template <>
inline Bits<double> load_halves<double>(const std::uint32_t* from) {
    Halves lanes;
    std::memcpy(&lanes, from, sizeof lanes);
    return __builtin_convertvector(lanes, Bits<double>);
}

}  // namespace zk::ZK_ISA
