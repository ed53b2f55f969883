// Sums across the lanes of vectors.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include "simd.hpp"

namespace zk::ZK_ISA {

// The sum of a vector's lanes, in the same order on every call.
#if defined(__AVX__)
inline float sum_lanes_of(__m128 v) {
    const __m128 pairs = _mm_add_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_add_ss(pairs, _mm_shuffle_ps(pairs, pairs, 1)));
}
inline double sum_lanes_of(__m128d v) { return _mm_cvtsd_f64(_mm_add_sd(v, _mm_unpackhi_pd(v, v))); }
inline float sum_lanes_of(__m256 v) {
    return sum_lanes_of(_mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1)));
}
inline double sum_lanes_of(__m256d v) {
    return sum_lanes_of(_mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1)));
}
#if defined(__AVX512F__)
inline float sum_lanes_of(__m512 v) {
    return sum_lanes_of(_mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1)));
}
inline double sum_lanes_of(__m512d v) {
    return sum_lanes_of(_mm256_add_pd(_mm512_castpd512_pd256(v), _mm512_extractf64x4_pd(v, 1)));
}
#endif
template <class T>
inline T sum_lanes(Vector<T> v) {
    return sum_lanes_of(v);
}
#else
// They are taken from a copy, for a vector whose lanes are asked for one by one may never be in a register.
template <class T>
inline T sum_lanes(Vector<T> v) {
    T lanes[kLanes<T>];
    store(lanes, v);
    T total = lanes[0];
    for (int i = 1; i < kLanes<T>; ++i) total += lanes[i];
    return total;
}
#endif

// The sums of so many vectors' lanes, one beside the other, and zeros behind them; each as sum_lanes gives it.
template <class T, int count>
inline Vector<T> sums_of_lanes(const Vector<T> (&v)[count]) {
    Vector<T> sums{};
    for (int i = 0; i < count; ++i) sums[i] = sum_lanes<T>(v[i]);
    return sums;
}
#if defined(__AVX512F__)
// Four at once take half as many shuffles as one after the other, of which only one can begin in a cycle.
inline Vector<float> four_sums(Vector<float> a, Vector<float> b, Vector<float> c, Vector<float> d) {
    const auto halves = [](__m512 v, __m512 w) {
        return _mm512_add_ps(_mm512_shuffle_f32x4(v, w, 0x44), _mm512_shuffle_f32x4(v, w, 0xee));
    };
    const __m512 ab = halves(a, b), cd = halves(c, d);
    const __m512 fours = _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
    const __m512 pairs = _mm512_add_ps(fours, _mm512_permute_ps(fours, 0x0e));
    return _mm512_maskz_compress_ps(0x1111, _mm512_add_ps(pairs, _mm512_permute_ps(pairs, 0x01)));
}
#elif defined(__AVX2__)
inline Vector<float> four_sums(Vector<float> a, Vector<float> b, Vector<float> c, Vector<float> d) {
    const auto halves = [](__m256 v, __m256 w) {
        return _mm256_add_ps(_mm256_permute2f128_ps(v, w, 0x20), _mm256_permute2f128_ps(v, w, 0x31));
    };
    const __m256 ab = halves(a, b), cd = halves(c, d);
    const __m256 pairs = _mm256_add_ps(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xee));
    const __m256 sums = _mm256_add_ps(pairs, _mm256_permute_ps(pairs, 0xb1));
    const __m256 line = _mm256_permutevar8x32_ps(sums, _mm256_setr_epi32(0, 4, 2, 6, 0, 0, 0, 0));
    return _mm256_blend_ps(line, _mm256_setzero_ps(), 0xf0);
}
#endif
#if defined(__AVX2__)
template <>
inline Vector<float> sums_of_lanes<float, 2>(const Vector<float> (&v)[2]) {
    return four_sums(v[0], v[1], Vector<float>{}, Vector<float>{});
}
template <>
inline Vector<float> sums_of_lanes<float, 3>(const Vector<float> (&v)[3]) {
    return four_sums(v[0], v[1], v[2], Vector<float>{});
}
template <>
inline Vector<float> sums_of_lanes<float, 4>(const Vector<float> (&v)[4]) {
    return four_sums(v[0], v[1], v[2], v[3]);
}
#endif

}  // namespace zk::ZK_ISA
