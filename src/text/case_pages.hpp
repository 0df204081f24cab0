// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

/// The upper case of every code point, as ICU gives it, kept in pages of 64 that are made when first asked
/// for. A page is the code points that share all bytes of their UTF-8 form but the last. Any thread may ask.
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

/// Stands for every page in which upper case changes nothing: such pages take no memory.
extern const upper_page unchanged_page;

/// Filled in as pages are asked for; 136 KiB of address space, of which only what is used becomes memory.
extern std::array<std::atomic<const upper_page*>, page_count> upper_pages;

/// Asks ICU for a page and publishes it. Threads that ask for one page at the same time agree on one.
const upper_page& make_upper_page(std::size_t index);

/// The page of a code point. Requires a scalar value.
inline const upper_page& upper_page_of(char32_t code_point) {
    const std::size_t index = code_point / page_size;
    const upper_page* page = upper_pages[index].load(std::memory_order_acquire);
    return page != nullptr ? *page : make_upper_page(index);
}

}  // namespace aperto::text
