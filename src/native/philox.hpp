// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): random words as
// a function of a key and a counter, eight blocks of four words side by side.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include "simd.hpp"

namespace zk::ZK_ISA {

typedef std::uint64_t Words __attribute__((vector_size(kVectorBytes)));  // 32 bits count in each
typedef std::uint32_t Halves __attribute__((vector_size(kVectorBytes / 2)));
constexpr int kWords = kVectorBytes / 8;
constexpr int kBlocks = 8;             // side by side
constexpr int kGroup = 4 * kBlocks;    // words of these
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

    // The words of blocks block .. block + 7 of a sample: their first words, their second ones, ...
    void draw(std::uint64_t sample, std::uint32_t block, std::uint32_t* to) const {
        constexpr int parts = kBlocks / kWords;
        Words x0[parts], x1[parts], x2[parts], x3[parts];
        for (int p = 0; p < parts; ++p) {
            x0[p] = lanes_ + (block + static_cast<std::uint32_t>(p * kWords));
            x1[p] = Words{} + sample;
            x2[p] = Words{} + (pass_ & 0xffffffffu);
            x3[p] = Words{} + (pass_ >> 32);
        }
        const Words m0 = Words{} + 0xD2511F53u, m1 = Words{} + 0xCD9E8D57u;
        for (int round = 0; round < kRounds; ++round) {
            for (int p = 0; p < parts; ++p) {
                const Words a = multiply_low(m0, x0[p]), b = multiply_low(m1, x2[p]);
                x0[p] = (b >> 32) ^ x1[p] ^ key0_[round];
                x2[p] = (a >> 32) ^ x3[p] ^ key1_[round];
                x1[p] = b;
                x3[p] = a;
            }
        }
        for (int p = 0; p < parts; ++p) {
            put(to + p * kWords, x0[p]);
            put(to + kBlocks + p * kWords, x1[p]);
            put(to + 2 * kBlocks + p * kWords, x2[p]);
            put(to + 3 * kBlocks + p * kWords, x3[p]);
        }
    }

private:
    static void put(std::uint32_t* to, Words words) {
        const Halves low = __builtin_convertvector(words, Halves);
        std::memcpy(to, &low, sizeof low);
    }

    std::uint64_t pass_;
    Words lanes_{};
    Words key0_[kRounds], key1_[kRounds];
};

// In each lane, whether words[lane] >= least.
template <class T>
inline Bits<T> at_least(const std::uint32_t* words, std::uint32_t least);

template <>
inline Bits<float> at_least<float>(const std::uint32_t* words, std::uint32_t least) {
    typedef std::uint32_t Lanes __attribute__((vector_size(kVectorBytes)));
    Lanes w;
    std::memcpy(&w, words, sizeof w);
    return (Bits<float>)(w >= least);
}

template <>
inline Bits<double> at_least<double>(const std::uint32_t* words, std::uint32_t least) {
    Halves w;
    std::memcpy(&w, words, sizeof w);
    return (Bits<double>)(__builtin_convertvector(w, Words) >= std::uint64_t{least});
}

}  // namespace zk::ZK_ISA
