// Dropout's kernel against Philox4x32-10 written one word at a time. Included by check_kernels.cpp.

inline std::uint32_t philox_word(std::uint32_t block, std::uint32_t sample, std::uint64_t pass,
                                 std::uint64_t seed, int word) {
    std::uint32_t x[4] = {block, sample, static_cast<std::uint32_t>(pass),
                          static_cast<std::uint32_t>(pass >> 32)};
    std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t a = std::uint64_t{0xD2511F53u} * x[0], b = std::uint64_t{0xCD9E8D57u} * x[2];
        const std::uint32_t x1 = x[1], x3 = x[3];
        x[0] = static_cast<std::uint32_t>(b >> 32) ^ x1 ^ k0;
        x[1] = static_cast<std::uint32_t>(b);
        x[2] = static_cast<std::uint32_t>(a >> 32) ^ x3 ^ k1;
        x[3] = static_cast<std::uint32_t>(a);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return x[word];
}

// Random123's own vector, so that the loop above is no mistake made twice.
inline void check_philox() {
    expect(philox_word(0, 0, 0, 0, 0) == 0x6627E8D5u, "philox of zeros, word 0");
    const std::uint64_t ones = ~std::uint64_t{0};
    const std::uint32_t most = ~std::uint32_t{0};
    expect(philox_word(most, most, ones, ones, 0) == 0x408F276Du, "philox of ones, word 0");
    expect(philox_word(most, most, ones, ones, 3) == 0x6D5451FDu, "philox of ones, word 3");
}

// The 32 bits of an entry, as layers/dropout.py has them.
inline std::uint32_t dropout_bits(i64 entry, std::uint32_t sample, std::uint64_t pass,
                                  std::uint64_t seed) {
    const auto block = static_cast<std::uint32_t>(entry / 64 * 8 + entry % 8);
    const int word = static_cast<int>(entry % 64 / 16);
    const int shift = entry % 16 < 8 ? 16 : 0;
    const std::uint32_t upper = philox_word(block, sample, pass, seed, word) >> shift & 0xffffu;
    return upper << 16 | (philox_word(block + (1u << 31), sample, pass, seed, word) >> shift & 0xffffu);
}

template <class T>
void check_dropout(const Math<T>& math) {
    const std::uint64_t seed = 0x123456789ABCDEF0u, pass = (std::uint64_t{7} << 32) + 9;
    // The number of an entry itself, and the next one, are told from it by their lower bits alone.
    const std::uint32_t one = dropout_bits(2, 3, pass, seed), other = dropout_bits(90, 4, pass, seed);
    for (const std::uint32_t least : {0u, 0x60000000u, one, one + 1, other, other + 1, ~0u})
    for (const i64 columns : {1, 3, 8, 31, 63, 64, 65, 100, 130}) {
        const i64 rows = 5, from = 2;
        Rows<T> x(rows, columns), noise(rows, columns), out(rows, columns);
        x.at(3, columns - 1) = static_cast<T>(INFINITY);
        Rows<T> x0 = x, noise0 = noise, out0 = out;
        const T factor = T(1.6);
        math.dropout({&x.at(0, 0), x.row, &noise.at(0, 0), noise.row, &out.at(0, 0), out.row,
                      columns, factor, least, seed, pass}, from, rows);
        expect(x.same(x0), "dropout wrote into what it was given");
        for (i64 i = 0; i < rows; ++i) for (i64 j = 0; j < columns; ++j) {
            const std::string where = "dropout of " + std::to_string(columns);
            if (i < from) {
                expect(out.at(i, j) == out0.at(i, j) && noise.at(i, j) == noise0.at(i, j),
                       where + ": a row that was not asked for");
                continue;
            }
            const std::uint32_t bits = dropout_bits(j, static_cast<std::uint32_t>(i), pass, seed);
            const T want = bits >= least ? factor : T(0);
            expect(noise.at(i, j) == want, where + ": noise");
            close(double(out.at(i, j)), double(x.at(i, j) * want), 0, where);
        }
        math.dropout({&x.at(0, 0), x.row, nullptr, 0, &x.at(0, 0), x.row, columns, factor, least,
                      seed, pass}, from, rows);
        for (i64 i = from; i < rows; ++i)
            expect(!std::memcmp(&x.at(i, 0), &out.at(i, 0), sizeof(T) * static_cast<std::size_t>(columns)),
                   "dropout in place");
    }
}
