// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// UTF-8 as RFC 3629 and table 3-7 of the Unicode Standard define it: one to four bytes a character, no
/// overlong form, no surrogate, nothing above U+10FFFF. All functions here are pure and may be called from
/// any thread.
namespace aperto::utf8 {

/// What stands at one place of a byte sequence.
enum class kind : std::uint8_t {
    character,   ///< one whole, well-formed character
    invalid,     ///< a byte that no well-formed character can start with what follows it
    unfinished,  ///< the input ends inside what may still become a well-formed character
};

/// One decoding step. `size` is the number of bytes it covers: 1 to 4 for a character, 1 for an invalid byte,
/// 1 to 3 for an unfinished one. `code_point` has a meaning only for a character.
struct step {
    char32_t code_point;
    std::uint8_t size;
    aperto::utf8::kind kind;
};

/// The shape that a first byte announces: the length of its character (0: no character starts with this byte)
/// and the range of the second byte, which is where overlong forms, surrogates and too large values are told
/// apart.
struct lead {
    std::uint8_t size;
    std::uint8_t second_min;
    std::uint8_t second_max;
};

/// Table 3-7 of the Unicode Standard, one row a first byte.
constexpr lead lead_of(unsigned char byte) noexcept {
    if (byte < 0x80) return {1, 0, 0};
    if (byte < 0xC2) return {0, 0, 0};
    if (byte < 0xE0) return {2, 0x80, 0xBF};
    if (byte < 0xF0) {
        const std::uint8_t lowest = byte == 0xE0 ? 0xA0 : 0x80;
        const std::uint8_t highest = byte == 0xED ? 0x9F : 0xBF;
        return {3, lowest, highest};
    }
    if (byte < 0xF5) {
        const std::uint8_t lowest = byte == 0xF0 ? 0x90 : 0x80;
        const std::uint8_t highest = byte == 0xF4 ? 0x8F : 0xBF;
        return {4, lowest, highest};
    }
    return {0, 0, 0};
}

/// True for the bytes 80 to BF, which only ever continue a character.
constexpr bool is_continuation(unsigned char byte) noexcept { return (byte & 0xC0) == 0x80; }

/// Decodes what stands at `first`. Requires `first != last`. Decoding resumes `size` bytes further on, so an
/// invalid sequence is taken one byte at a time; the bytes found invalid are the same as with the Unicode
/// Standard's "maximal subpart" practice, only their grouping differs.
constexpr step decode(const char* first, const char* last) noexcept {
    const auto at = [first](std::ptrdiff_t i) { return static_cast<unsigned char>(first[i]); };
    const unsigned char byte = at(0);
    if (byte < 0x80) return {byte, 1, kind::character};
    const lead row = lead_of(byte);
    if (row.size == 0) return {0, 1, kind::invalid};
    const std::ptrdiff_t available = last - first;
    if (available == 1) return {0, 1, kind::unfinished};
    if (at(1) < row.second_min || at(1) > row.second_max) return {0, 1, kind::invalid};
    char32_t code_point = byte & (0x7Fu >> row.size);
    code_point = (code_point << 6) | (at(1) & 0x3Fu);
    for (std::uint8_t i = 2; i < row.size; ++i) {
        if (i == available) return {0, i, kind::unfinished};
        if (!is_continuation(at(i))) return {0, 1, kind::invalid};
        code_point = (code_point << 6) | (at(i) & 0x3Fu);
    }
    return {code_point, row.size, kind::character};
}

/// The bytes of one character; `size` of them count.
struct encoded {
    std::array<char, 4> bytes;
    std::uint8_t size;

    constexpr std::string_view view() const noexcept { return {bytes.data(), size}; }
};

/// Encodes a code point. Requires a scalar value: at most U+10FFFF and no surrogate (asserted).
encoded encode(char32_t code_point) noexcept;

/// Length of the longest prefix that does not end inside a possible character. What is held back, 0 to 3
/// bytes, is the beginning of a character that more input may complete; an invalid byte is never held back.
/// Reads at most the last three bytes.
std::size_t complete_prefix(std::string_view bytes) noexcept;

/// Length of the longest prefix that is well-formed UTF-8 as it stands; `bytes.size()` when all of it is.
std::size_t valid_prefix(std::string_view bytes) noexcept;

/// True when all of `bytes` is well-formed UTF-8.
inline bool is_valid(std::string_view bytes) noexcept { return valid_prefix(bytes) == bytes.size(); }

}  // namespace aperto::utf8
