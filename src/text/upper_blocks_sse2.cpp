// SPDX-License-Identifier: MIT
#include "text/upper_blocks.hpp"

#if defined(__x86_64__)
#include <emmintrin.h>

namespace aperto::text {
namespace {

using vec [[gnu::vector_size(16), gnu::may_alias]] = signed char;
constexpr std::size_t width = sizeof(vec);

inline vec load(const char* from) {
    vec v;
    __builtin_memcpy(&v, from, width);
    return v;
}

inline void store(char* to, vec v) { __builtin_memcpy(to, &v, width); }

inline std::uint64_t mask(vec v) {
    return static_cast<std::uint32_t>(_mm_movemask_epi8(reinterpret_cast<__m128i>(v)));
}

inline vec before(vec v) { return reinterpret_cast<vec>(_mm_slli_si128(reinterpret_cast<__m128i>(v), 1)); }

inline vec after(vec v) { return reinterpret_cast<vec>(_mm_srli_si128(reinterpret_cast<__m128i>(v), 1)); }

}  // namespace
}  // namespace aperto::text

#include "text/upper_kernel_x86.inc"

namespace aperto::text {

std::size_t upper_blocks_sse2(const char* source, std::size_t size, char* target) {
    return convert(source, size, target);
}

}  // namespace aperto::text
#endif
