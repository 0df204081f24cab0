// SPDX-License-Identifier: MIT
#pragma once

#include "core/i18n.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>

namespace aperto::lab {

/// The translation of a sentence with its {} filled in. A translation whose {} do not fit comes out in
/// English rather than ending the program.
template <class... parts>
std::string sentence(const char* translated, const parts&... with) {
    try {
        return fmt::format(fmt::runtime(translated), with...);
    } catch (const fmt::format_error&) {
        return translated;
    }
}

}  // namespace aperto::lab
