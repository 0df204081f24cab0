// SPDX-License-Identifier: MIT
#include "text/case_pages.hpp"

#include "core/utf8.hpp"

#include <unicode/ustring.h>
#include <unicode/utf16.h>

#include <cassert>
#include <memory>
#include <stdexcept>
#include <string>

namespace aperto::text {

constinit const upper_page unchanged_page{};
constinit std::array<std::atomic<const upper_page*>, page_count> upper_pages{};

namespace {

// Asking for the root locale by its empty name keeps ICU from looking at the environment or loading locale
// data.
constexpr const char* root_locale = "";

upper_form icu_upper(char32_t code_point) {
    std::array<UChar, 2> source{};
    std::int32_t source_size = 0;
    U16_APPEND_UNSAFE(source.data(), source_size, static_cast<std::uint32_t>(code_point));
    std::array<UChar, 8> upper{};
    UErrorCode status = U_ZERO_ERROR;
    const std::int32_t upper_size =
        u_strToUpper(upper.data(), upper.size(), source.data(), source_size, root_locale, &status);
    upper_form form{};
    std::int32_t size = 0;
    u_strToUTF8(form.bytes.data(), form.bytes.size(), &size, upper.data(), upper_size, &status);
    if (U_FAILURE(status)) throw std::runtime_error(std::string("ICU upper case: ") + u_errorName(status));
    assert(size > 0);
    form.size = static_cast<std::uint8_t>(size);
    return form;
}

bool is_surrogate(std::size_t code_point) { return code_point >= 0xD800 && code_point <= 0xDFFF; }

// Fills the page and tells whether anything in it differs from the code point itself.
bool fill(upper_page& page, std::size_t index) {
    bool changes = false;
    for (std::size_t i = 0; i < page_size; ++i) {
        const std::size_t code_point = index * page_size + i;
        if (is_surrogate(code_point)) continue;
        page[i] = icu_upper(static_cast<char32_t>(code_point));
        const std::string_view upper{page[i].bytes.data(), page[i].size};
        changes = changes || upper != utf8::encode(static_cast<char32_t>(code_point)).view();
    }
    return changes;
}

}  // namespace

const upper_page& make_upper_page(std::size_t index) {
    auto fresh = std::make_unique<upper_page>();
    const upper_page* const made = fill(*fresh, index) ? fresh.get() : &unchanged_page;
    const upper_page* published = nullptr;
    if (!upper_pages[index].compare_exchange_strong(published, made, std::memory_order_acq_rel)) {
        return *published;
    }
    // The page now belongs to the table, which lives as long as the program.
    if (made == fresh.get()) static_cast<void>(fresh.release());
    return *made;
}

}  // namespace aperto::text
