// SPDX-License-Identifier: MIT
#pragma once

#include <unicode/ucasemap.h>
#include <unicode/utf8.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

/// What ICU says of a whole text, by the shortest way to ask it: the reference that everything faster is held
/// against.
namespace aperto::reference {

inline std::string upper(std::string_view text) {
    UErrorCode status = U_ZERO_ERROR;
    static UCaseMap* const map = ucasemap_open("", 0, &status);
    std::string out(text.size() * 3 + 1, '\0');
    const std::int32_t size =
        ucasemap_utf8ToUpper(map, out.data(), static_cast<std::int32_t>(out.size()), text.data(),
                             static_cast<std::int32_t>(text.size()), &status);
    if (U_FAILURE(status)) throw std::runtime_error(u_errorName(status));
    out.resize(static_cast<std::size_t>(size));
    return out;
}

struct invalid {
    std::uint64_t bytes = 0;
    std::uint64_t first = 0;
};

inline invalid invalid_bytes(std::string_view text) {
    invalid found;
    const auto size = static_cast<std::int32_t>(text.size());
    for (std::int32_t at = 0; at < size;) {
        const std::int32_t begin = at;
        UChar32 code_point = 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"  // the macro's own
#pragma GCC diagnostic ignored "-Wsign-conversion"
        U8_NEXT(text.data(), at, size, code_point);
#pragma GCC diagnostic pop
        if (code_point >= 0) continue;
        if (found.bytes == 0) found.first = static_cast<std::uint64_t>(begin);
        found.bytes += static_cast<std::uint64_t>(at - begin);
    }
    return found;
}

}  // namespace aperto::reference
