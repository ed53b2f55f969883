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

template <class T>
void check_dropout(const Math<T>& math) {
    for (const i64 columns : {1, 3, 8, 31, 32, 33, 100, 130}) {
        const i64 rows = 5, from = 2;
        Rows<T> x(rows, columns), noise(rows, columns), out(rows, columns);
        x.at(3, columns - 1) = static_cast<T>(INFINITY);
        Rows<T> x0 = x, noise0 = noise, out0 = out;
        const std::uint64_t seed = 0x123456789ABCDEF0u, pass = (std::uint64_t{7} << 32) + 9;
        const std::uint32_t least = 0x60000000u;
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
            const auto block = static_cast<std::uint32_t>(j / 32 * 8 + j % 8);
            const std::uint32_t word = philox_word(block, static_cast<std::uint32_t>(i), pass, seed,
                                                   static_cast<int>(j % 32 / 8));
            const T want = word >= least ? factor : T(0);
            expect(noise.at(i, j) == want, where + ": noise");
            close(double(out.at(i, j)), double(x.at(i, j) * want), 0, where);
        }
    }
}
