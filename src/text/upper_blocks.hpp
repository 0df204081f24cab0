// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

/// The fast path: upper case of text whose capitals take as many bytes as it does, many bytes at a time.
///
/// A block kernel knows the scripts listed below, checks that the bytes are well-formed, and stops at the
/// first character it does not know, at the first invalid byte and at a character cut by the end of the
/// input:
///
///     ASCII                                  00..7F
///     Latin-1, Latin Extended-A              C2..C5, except ı ŀ ŉ ſ
///     Greek, Cyrillic (the common letters)   CE CF D0 D1, except ΐ ΰ and U+03CF to U+03FF
///     Hebrew, Arabic, Syriac, Thaana, NKo    D7..DF
///     Indic scripts, Thai, Lao, Tibetan      E0
///     punctuation and currency               E2 80..83
///     Chinese, Japanese, Korean              E3..E9, EB, EC
///     emoji selectors, full-width forms      EF B8..BC
///     pictographs                            F0 9F
///
/// A test compares each of them with ICU, so a newer ICU that changes one of them is noticed.
namespace aperto::text {

/// A kernel may write this many bytes more than it reports: the caller's buffer has room for them.
inline constexpr std::size_t block_slack = 64;

/// Converts the longest prefix of `source[0, size)` that it can, in whole characters, to `target`, and
/// returns its length, which is the same in both. Writes to `target[0, size + block_slack)`. The two must not
/// overlap.
using block_kernel = std::size_t (*)(const char* source, std::size_t size, char* target);

/// ASCII only, in portable C++: for processors without a kernel of their own.
std::size_t upper_blocks_portable(const char* source, std::size_t size, char* target);

#if defined(__x86_64__)
/// All scripts above, 16 bytes at a time; any x86-64.
std::size_t upper_blocks_sse2(const char* source, std::size_t size, char* target);

/// All scripts above, 32 bytes at a time; requires AVX2.
std::size_t upper_blocks_avx2(const char* source, std::size_t size, char* target);
#endif

/// The best kernel of this processor. Chosen once, at the first call; any thread.
std::size_t upper_blocks(const char* source, std::size_t size, char* target);

/// The name of the kernel that upper_blocks uses: "avx2", "sse2" or "portable".
const char* upper_blocks_name();

}  // namespace aperto::text
