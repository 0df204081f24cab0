// SPDX-License-Identifier: MIT
#include "core/number_text.hpp"

#include "core/i18n.hpp"

#include <fmt/format.h>

namespace aperto {

namespace {

// translators: what stands between groups of three digits, as in 65,495
const char* const digit_separator = N_(",");
// translators: what stands before the decimals, as in 0.06
const char* const decimal_point = N_(".");

std::string in_the_readers_way(std::string number) {
    if (const auto at = number.find('.'); at != std::string::npos) number.replace(at, 1, _(decimal_point));
    return number;
}

}  // namespace

std::string number_text(std::uint64_t value) {
    std::string text = std::to_string(value);
    for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
        text.insert(static_cast<std::size_t>(at), _(digit_separator));
    return text;
}

std::string decimal_text(double value, int places) {
    return in_the_readers_way(fmt::format("{:.{}f}", value, places));
}

std::string decimal_text(double value) { return in_the_readers_way(fmt::format("{:g}", value)); }

}  // namespace aperto
