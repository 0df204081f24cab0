// SPDX-License-Identifier: MIT
#pragma once

#include "core/i18n.hpp"

#include <fmt/format.h>

#include <string>

namespace aperto::cli {

/// A translated sentence with its {} fields filled in. The fields are checked when it runs, because the
/// translation is only there then; a test compares the fields of every translation with the original's.
template <class... Fields>
std::string sentence(const char* translated, const Fields&... fields) {
    return fmt::vformat(translated, fmt::make_format_args(fields...));
}

}  // namespace aperto::cli
