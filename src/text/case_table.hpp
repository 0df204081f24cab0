// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

/// The upper case of every code point, in pages of 64: a page is the code points that share all bytes of their UTF-8
/// form but the last. It is written when the library is built, from what ICU says (case_table/main.cpp), so that who
/// links the library links no ICU. Upper case looks at no neighbour (Unicode 3.13), so that a code point is enough.
namespace aperto::text {

/// The capitals of one code point in UTF-8: the longest, such as those of U+0390, take six bytes.
struct upper_form {
    std::array<char, 7> bytes;
    std::uint8_t size;
};
static_assert(sizeof(upper_form) == 8, "one form is copied as one word");

inline constexpr std::size_t page_size = 64;
inline constexpr std::size_t page_count = 0x110000 / page_size;

using upper_page = std::array<upper_form, page_size>;

/// Which of `upper_pages` a page is; 0: upper case changes nothing in it.
extern const std::array<std::uint8_t, page_count> upper_page_numbers;
/// From number 1 on.
extern const upper_page* const upper_pages;

/// The page of a code point; null where upper case changes nothing in it. Requires a scalar value.
inline const upper_page* upper_page_of(char32_t code_point) noexcept {
    const std::size_t number = upper_page_numbers[code_point / page_size];
    return number == 0 ? nullptr : &upper_pages[number - 1];
}

}  // namespace aperto::text
