// Philox4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): random numbers
// as a function of a key and a counter, in the order in which NumPy's generator gives them.
#pragma once

#include <cstdint>

namespace zk {

class Philox {
public:
    // The 32-bit numbers from number `entry` on; eight come from one block, low halves first.
    Philox(std::uint64_t key0, std::uint64_t key1, std::uint64_t entry)
        : key_{key0, key1}, block_(entry / 8 + 1), place_(static_cast<int>(entry % 8)) {
        draw();
    }

    std::uint32_t next() {
        if (place_ == 8) {
            ++block_;
            place_ = 0;
            draw();
        }
        const std::uint64_t word = words_[place_ / 2];
        return static_cast<std::uint32_t>(place_++ % 2 == 0 ? word : word >> 32);
    }

private:
    static void multiply(std::uint64_t a, std::uint64_t b, std::uint64_t& high,
                         std::uint64_t& low) {
        low = a * b;
#if defined(__SIZEOF_INT128__)
        __extension__ typedef unsigned __int128 Wide;
        high = static_cast<std::uint64_t>(static_cast<Wide>(a) * b >> 64);
#else
        const std::uint64_t a0 = a & 0xffffffffu, a1 = a >> 32, b0 = b & 0xffffffffu, b1 = b >> 32;
        const std::uint64_t cross = (a0 * b0 >> 32) + (a1 * b0 & 0xffffffffu) + a0 * b1;
        high = a1 * b1 + (a1 * b0 >> 32) + (cross >> 32);
#endif
    }

    void draw() {
        std::uint64_t c0 = block_, c1 = 0, c2 = 0, c3 = 0, k0 = key_[0], k1 = key_[1];
        for (int round = 0; round < 10; ++round) {
            std::uint64_t high0, low0, high1, low1;
            multiply(0xD2E7470EE14C6C93u, c0, high0, low0);
            multiply(0xCA5A826395121157u, c2, high1, low1);
            c0 = high1 ^ c1 ^ k0;
            c1 = low1;
            c2 = high0 ^ c3 ^ k1;
            c3 = low0;
            k0 += 0x9E3779B97F4A7C15u;
            k1 += 0xBB67AE8584CAA73Bu;
        }
        words_[0] = c0;
        words_[1] = c1;
        words_[2] = c2;
        words_[3] = c3;
    }

    std::uint64_t key_[2];
    std::uint64_t block_;
    int place_;
    std::uint64_t words_[4];
};

}  // namespace zk
