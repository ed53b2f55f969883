// One vector type for every instruction set: GCC's and clang's vector extension gives the
// arithmetic, and the few operations that it lacks are named here.
// Compiled once per instruction set; include it only from such files.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "kernels.hpp"

namespace zk::ZK_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T>
struct VectorOf;

template <>
struct VectorOf<float> {
    typedef float type __attribute__((vector_size(kVectorBytes)));
    typedef float loose __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
    typedef std::int32_t bits __attribute__((vector_size(kVectorBytes)));
};

template <>
struct VectorOf<double> {
    typedef double type __attribute__((vector_size(kVectorBytes)));
    typedef double loose __attribute__((vector_size(kVectorBytes), aligned(8), may_alias));
    typedef std::int64_t bits __attribute__((vector_size(kVectorBytes)));
};

template <class T>
using Vector = typename VectorOf<T>::type;
template <class T>
using Bits = typename VectorOf<T>::bits;

// Numbers in a vector.
template <class T>
constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

template <class T>
inline Vector<T> load(const T* from) {
    return *reinterpret_cast<const typename VectorOf<T>::loose*>(from);
}

template <class T>
inline void store(T* to, Vector<T> v) {
    *reinterpret_cast<typename VectorOf<T>::loose*>(to) = v;
}

// Not Vector<T>{} + value: 0 + x is not x for x = -0, and compilers rightly keep the addition.
#if defined(__AVX512F__)
inline Vector<float> splat(float value) { return _mm512_set1_ps(value); }
inline Vector<double> splat(double value) { return _mm512_set1_pd(value); }
#elif defined(__AVX__)
inline Vector<float> splat(float value) { return _mm256_set1_ps(value); }
inline Vector<double> splat(double value) { return _mm256_set1_pd(value); }
#elif defined(__ARM_NEON)
inline Vector<float> splat(float value) { return vdupq_n_f32(value); }
inline Vector<double> splat(double value) { return vdupq_n_f64(value); }
#elif defined(__SSE2__)
inline Vector<float> splat(float value) { return _mm_set1_ps(value); }
inline Vector<double> splat(double value) { return _mm_set1_pd(value); }
#else
template <class T>
inline Vector<T> splat(T value) {
    Vector<T> v;
    for (int i = 0; i < kLanes<T>; ++i) v[i] = value;
    return v;
}
#endif

// The first `count` numbers, zeros behind them; reads nothing beyond.
#if defined(__AVX512F__)
inline Vector<float> load_part(const float* from, i64 count) {
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), from);
}
inline Vector<double> load_part(const double* from, i64 count) {
    return _mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), from);
}
#elif defined(__AVX2__)
inline Vector<float> load_part(const float* from, i64 count) {
    const Bits<float> lane{0, 1, 2, 3, 4, 5, 6, 7};
    return _mm256_maskload_ps(from, (__m256i)(lane < static_cast<std::int32_t>(count)));
}
inline Vector<double> load_part(const double* from, i64 count) {
    const Bits<double> lane{0, 1, 2, 3};
    return _mm256_maskload_pd(from, (__m256i)(lane < count));
}
#else
template <class T>
inline Vector<T> load_part(const T* from, i64 count) {
    Vector<T> v{};
    std::memcpy(&v, from, static_cast<std::size_t>(count) * sizeof(T));
    return v;
}
#endif

template <class T>
inline void store_part(T* to, Vector<T> v, i64 count) {
    std::memcpy(to, &v, static_cast<std::size_t>(count) * sizeof(T));
}

// A bit for each lane that is not zero (NaN is not), the first lane's lowest.
#if defined(__AVX512F__)
inline std::uint32_t lanes_not_zero(Vector<float> v) { return _mm512_cmp_ps_mask(v, Vector<float>{}, _CMP_NEQ_UQ); }
inline std::uint32_t lanes_not_zero(Vector<double> v) { return _mm512_cmp_pd_mask(v, Vector<double>{}, _CMP_NEQ_UQ); }
#elif defined(__AVX__)
inline std::uint32_t lanes_not_zero(Vector<float> v) {
    return static_cast<std::uint32_t>(_mm256_movemask_ps((__m256)(v != 0)));
}
inline std::uint32_t lanes_not_zero(Vector<double> v) {
    return static_cast<std::uint32_t>(_mm256_movemask_pd((__m256d)(v != 0)));
}
#elif defined(__SSE2__)
inline std::uint32_t lanes_not_zero(Vector<float> v) {
    return static_cast<std::uint32_t>(_mm_movemask_ps((__m128)(v != 0)));
}
inline std::uint32_t lanes_not_zero(Vector<double> v) {
    return static_cast<std::uint32_t>(_mm_movemask_pd((__m128d)(v != 0)));
}
#else
template <class V>
inline std::uint32_t lanes_not_zero(V v) {
    std::uint32_t bits = 0;
    for (unsigned i = 0; i < sizeof v / sizeof v[0]; ++i) bits |= static_cast<std::uint32_t>(v[i] != 0) << i;
    return bits;
}
#endif

// Whether two vectors are the same, bit by bit.
template <class T>
inline bool same_bits(Vector<T> a, Vector<T> b) {
#if defined(__AVX512F__)
    return _mm512_cmpneq_epi64_mask((__m512i)a, (__m512i)b) == 0;
#elif defined(__AVX2__)
    return _mm256_movemask_epi8(_mm256_cmpeq_epi64((__m256i)a, (__m256i)b)) == -1;
#else
    return std::memcmp(&a, &b, sizeof a) == 0;
#endif
}

// a * b + c, rounded once where the machine can.
inline Vector<float> fma(Vector<float> a, Vector<float> b, Vector<float> c) {
#if defined(__AVX512F__)
    return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
    return _mm256_fmadd_ps(a, b, c);
#elif defined(__ARM_NEON)
    return vfmaq_f32(c, a, b);
#else
    return a * b + c;
#endif
}

inline Vector<double> fma(Vector<double> a, Vector<double> b, Vector<double> c) {
#if defined(__AVX512F__)
    return _mm512_fmadd_pd(a, b, c);
#elif defined(__FMA__)
    return _mm256_fmadd_pd(a, b, c);
#elif defined(__ARM_NEON)
    return vfmaq_f64(c, a, b);
#else
    return a * b + c;
#endif
}

inline Vector<float> square_root(Vector<float> v) {
#if defined(__AVX512F__)
    return _mm512_sqrt_ps(v);
#elif defined(__AVX__)
    return _mm256_sqrt_ps(v);
#elif defined(__ARM_NEON)
    return vsqrtq_f32(v);
#elif defined(__SSE2__)
    return _mm_sqrt_ps(v);
#else
    for (int i = 0; i < kLanes<float>; ++i) v[i] = __builtin_sqrtf(v[i]);
    return v;
#endif
}

inline Vector<double> square_root(Vector<double> v) {
#if defined(__AVX512F__)
    return _mm512_sqrt_pd(v);
#elif defined(__AVX__)
    return _mm256_sqrt_pd(v);
#elif defined(__ARM_NEON)
    return vsqrtq_f64(v);
#elif defined(__SSE2__)
    return _mm_sqrt_pd(v);
#else
    for (int i = 0; i < kLanes<double>; ++i) v[i] = __builtin_sqrt(v[i]);
    return v;
#endif
}

// sqrt(v), to the last bit or the one before where v is at least 1e-34, and to 14 bits below; 0, infinity and
// NaN are as they should be. By an estimate, where an instruction gives one: one step of Newton's way.
#if defined(__AVX512F__)
inline Vector<float> quick_root(Vector<float> v) {
    const Vector<float> inverse = _mm512_rsqrt14_ps(v), rough = v * inverse;
    const Vector<float> root = fma(fma(-rough, rough, v), inverse * 0.5f, rough);
    // 0 and infinity are their own roots, which the estimate makes 0 times infinity; the rest stays as it is.
    const __m512i answers = _mm512_set1_epi32(0x00500100);
    return _mm512_fixupimm_ps(root, v, answers, 0);
}
#else
inline Vector<float> quick_root(Vector<float> v) { return square_root(v); }
#endif
inline Vector<double> quick_root(Vector<double> v) { return square_root(v); }

// `b` unless `a` is greater; NaN if one of them is. The processor's own maximum gives its second operand where
// either is NaN, and of two zeros.
template <class T>
inline Vector<T> larger(Vector<T> a, Vector<T> b) {
    const Vector<T> greater = a <= b ? b : a;
    return b == b ? greater : b;
}
#if defined(__AVX512F__)
template <>
inline Vector<float> larger<float>(Vector<float> a, Vector<float> b) {
    return _mm512_mask_max_ps(a, _mm512_cmp_ps_mask(a, a, _CMP_ORD_Q), a, b);
}
template <>
inline Vector<double> larger<double>(Vector<double> a, Vector<double> b) {
    return _mm512_mask_max_pd(a, _mm512_cmp_pd_mask(a, a, _CMP_ORD_Q), a, b);
}
#elif defined(__AVX__)
template <>
inline Vector<float> larger<float>(Vector<float> a, Vector<float> b) {
    return _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
}
template <>
inline Vector<double> larger<double>(Vector<double> a, Vector<double> b) {
    return _mm256_blendv_pd(_mm256_max_pd(a, b), a, _mm256_cmp_pd(a, a, _CMP_UNORD_Q));
}
#endif

// Each lane's own choice among four numbers side by side: 0 to 3, given as numbers and made ready by
// `which_of`. Instruction sets and formats without such an instruction have to do with products by 0.
template <class T>
constexpr bool kPicks = false;
template <class T>
inline Vector<T> which_of(Vector<T> choice) { return choice; }
#if defined(__AVX__)
template <>
constexpr bool kPicks<float> = true;
template <>
inline Vector<float> which_of<float>(Vector<float> choice) {
    return (Vector<float>)__builtin_convertvector(choice, Bits<float>);
}
inline Vector<float> pick(const float* four, Vector<float> which) {
#if defined(__AVX512F__)
    return _mm512_permutevar_ps(_mm512_broadcast_f32x4(_mm_loadu_ps(four)), (__m512i)which);
#else
    return _mm256_permutevar_ps(_mm256_broadcast_ps((const __m128*)four), (__m256i)which);
#endif
}
#elif defined(__ARM_NEON)
template <>
constexpr bool kPicks<float> = true;
template <>
inline Vector<float> which_of<float>(Vector<float> choice) {
    // The bytes of a choice, in the order of a table of sixteen.
    const uint32x4_t number = vreinterpretq_u32_s32(vcvtq_s32_f32(choice));
    return vreinterpretq_f32_u32(vmlaq_n_u32(vdupq_n_u32(0x03020100u), number, 0x04040404u));
}
inline Vector<float> pick(const float* four, Vector<float> which) {
    return vreinterpretq_f32_u8(
        vqtbl1q_u8(vreinterpretq_u8_f32(vld1q_f32(four)), vreinterpretq_u8_f32(which)));
}
#endif

}  // namespace zk::ZK_ISA
