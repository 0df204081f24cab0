// SPDX-License-Identifier: MIT
#pragma once

#include "core/i18n.hpp"
#include "core/number_text.hpp"

#include <fmt/format.h>

#include <string>

namespace aperto {

/// The translation of a sentence with its {} filled in. A translation whose {} do not fit, which a test of
/// the catalogues forbids, comes out as it stands rather than ending the program.
template <class... Fields>
std::string sentence(const char* translated, const Fields&... fields) {
    try {
        return fmt::vformat(translated, fmt::make_format_args(fields...));
    } catch (const fmt::format_error&) {
        return translated;
    }
}

/// A number and what it counts: `counted("{} packet from the {}", "{} packets from the {}", n, whom)`. The
/// language chooses the form; the number is the first field, so that another order needs {1} and {0}.
template <class... Fields>
std::string counted(const char* one, const char* many, std::uint64_t count, const Fields&... fields) {
    return sentence(plural(one, many, count), number_text(count), fields...);
}

}  // namespace aperto
