// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

/// Capitals of plain ASCII: one byte, whole words of up to eight bytes, and blocks of sixteen at a time.
namespace aperto::text {

/// The capital of an ASCII letter; any other byte as it is.
constexpr char ascii_upper(char character) noexcept {
    const auto byte = static_cast<unsigned char>(character);
    const bool small = static_cast<unsigned char>(byte - 'a') < 26;
    return static_cast<char>(small ? byte ^ 0x20u : byte);
}

/// A byte that is not ASCII has this bit.
inline constexpr std::uint64_t high_bits = 0x8080808080808080u;

/// The capitals of eight bytes at once, all of them ASCII. No carry crosses a byte: each sum stays below
/// 0x100.
constexpr std::uint64_t ascii_upper_word(std::uint64_t word) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101u;
    const std::uint64_t from_a = word + ones * (0x80 - 'a');
    const std::uint64_t after_z = word + ones * (0x80 - 'z' - 1);
    const std::uint64_t small = (from_a & ~after_z) & (ones * 0x80);
    return word ^ (small >> 2);
}

/// Converts a text of 1 to 16 bytes in two steps that overlap in the middle, into `target`. Returns false,
/// with `target` unspecified, when a byte of it is not ASCII. The two must not overlap.
inline bool ascii_upper_short(const char* source, std::size_t size, char* target) noexcept {
    const auto convert = [=]<typename word>(word) {
        word head = 0;
        word tail = 0;
        std::memcpy(&head, source, sizeof(word));
        std::memcpy(&tail, source + size - sizeof(word), sizeof(word));
        if (((head | tail) & static_cast<word>(high_bits)) != 0) return false;
        head = static_cast<word>(ascii_upper_word(head));
        tail = static_cast<word>(ascii_upper_word(tail));
        std::memcpy(target, &head, sizeof(word));
        std::memcpy(target + size - sizeof(word), &tail, sizeof(word));
        return true;
    };
    if (size >= 8) return convert(std::uint64_t{});
    if (size >= 4) return convert(std::uint32_t{});
    if (size >= 2) return convert(std::uint16_t{});
    return convert(std::uint8_t{});
}

/// Sixteen bytes, as any processor with vectors takes them at once; elsewhere the compiler makes two words of them.
using ascii_block [[gnu::vector_size(16)]] = signed char;

/// The same for a text of 16 bytes and more: blocks, of which the last overlaps the one before it.
inline bool ascii_upper_medium(const char* source, std::size_t size, char* target) noexcept {
    constexpr std::size_t width = sizeof(ascii_block);
    ascii_block seen{};
    const auto convert = [&](std::size_t at) {
        ascii_block block;
        std::memcpy(&block, source + at, width);
        seen |= block;
        // Bytes compare as signed: moved so that 'a' is the least of all, 26 are below 'z' + 1.
        const ascii_block moved = block + static_cast<signed char>(0x80 - 'a');
        block ^= (moved < static_cast<signed char>(-0x80 + 26)) & static_cast<signed char>(0x20);
        std::memcpy(target + at, &block, width);
    };
    for (std::size_t at = 0; at + width < size; at += width)
        convert(at);
    convert(size - width);
    std::uint64_t halves[2];
    std::memcpy(halves, &seen, width);
    return ((halves[0] | halves[1]) & high_bits) == 0;
}

}  // namespace aperto::text
