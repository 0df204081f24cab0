// SPDX-License-Identifier: MIT
#include "text/upper_blocks.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

// Everything below, and nothing that another file could share, is compiled for AVX2.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,bmi")
#endif

namespace aperto::text {
namespace {

using vec [[gnu::vector_size(32), gnu::may_alias]] = signed char;
constexpr std::size_t width = sizeof(vec);

inline vec load(const char* from) {
    vec v;
    __builtin_memcpy(&v, from, width);
    return v;
}

inline void store(char* to, vec v) { __builtin_memcpy(to, &v, width); }

inline std::uint64_t mask(vec v) {
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(reinterpret_cast<__m256i>(v)));
}

// The two halves shift apart, so each takes its missing byte from a copy in which the halves moved over.
inline vec before(vec v) {
    const auto whole = reinterpret_cast<__m256i>(v);
    return reinterpret_cast<vec>(
        _mm256_alignr_epi8(whole, _mm256_permute2x128_si256(whole, whole, 0x08), 15));
}

inline vec after(vec v) {
    const auto whole = reinterpret_cast<__m256i>(v);
    return reinterpret_cast<vec>(_mm256_alignr_epi8(_mm256_permute2x128_si256(whole, whole, 0x81), whole, 1));
}

}  // namespace
}  // namespace aperto::text

#include "text/upper_kernel_x86.inc"

namespace aperto::text {

std::size_t upper_blocks_avx2(const char* source, std::size_t size, char* target) {
    return convert(source, size, target);
}

}  // namespace aperto::text

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
