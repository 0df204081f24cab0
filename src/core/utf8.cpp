// SPDX-License-Identifier: MIT
#include "core/utf8.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace aperto::utf8 {

encoded encode(char32_t code_point) noexcept {
    assert(code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF));
    const auto tail = [code_point](int shift) {
        return static_cast<char>(0x80u | ((code_point >> shift) & 0x3Fu));
    };
    if (code_point < 0x80) return {{static_cast<char>(code_point)}, 1};
    if (code_point < 0x800) return {{static_cast<char>(0xC0u | (code_point >> 6)), tail(0)}, 2};
    if (code_point < 0x10000) return {{static_cast<char>(0xE0u | (code_point >> 12)), tail(6), tail(0)}, 3};
    return {{static_cast<char>(0xF0u | (code_point >> 18)), tail(12), tail(6), tail(0)}, 4};
}

std::size_t complete_prefix(std::string_view bytes) noexcept {
    const std::size_t held_max = std::min<std::size_t>(3, bytes.size());
    const char* const last = bytes.data() + bytes.size();
    for (std::size_t held = 1; held <= held_max; ++held) {
        const char* const first = last - held;
        if (is_continuation(static_cast<unsigned char>(*first))) continue;
        const step found = decode(first, last);
        return found.kind == kind::unfinished ? bytes.size() - held : bytes.size();
    }
    return bytes.size();
}

std::size_t valid_prefix(std::string_view bytes) noexcept {
    const char* at = bytes.data();
    const char* const last = at + bytes.size();
    while (at != last) {
        std::uint64_t word = 0;
        if (last - at >= 8) {
            std::memcpy(&word, at, 8);
            if ((word & 0x8080808080808080u) == 0) {
                at += 8;
                continue;
            }
        }
        const step found = decode(at, last);
        if (found.kind != kind::character) break;
        at += found.size;
    }
    return static_cast<std::size_t>(at - bytes.data());
}

}  // namespace aperto::utf8
