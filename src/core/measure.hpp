// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/time.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

/// Numbers with units, as people write them: one notation for every option, key and scenario.
namespace aperto::measure {

struct unit {
    std::string_view name;
    double factor;
};

/// A plain decimal number (no sign, no exponent), perhaps a blank, one of `units`; the number times the unit's factor.
/// Empty for anything else.
std::optional<double> read(std::string_view text, std::span<const unit> units) noexcept;

/// "50ns", "20us" or "20µs", "200ms", "5s", "1.5 s", "2m" or "2min", "1h"; a bare number is seconds. Empty for anything
/// else, and for what is past the longest that an option takes.
std::optional<duration> read_time(std::string_view text) noexcept;

/// Whole bytes: "4096", "12B", "64KiB", "1MiB" and so on to "PiB" (powers of 1024), "64k" or "64kB", "10M" or "10MB"
/// and so on to "PB" (powers of 1000). Empty for anything else, and for what is past the most that an option takes.
std::optional<std::uint64_t> read_bytes(std::string_view text) noexcept;

/// Without the blanks around it.
std::string_view trimmed(std::string_view text) noexcept;

}  // namespace aperto::measure
