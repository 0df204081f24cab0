// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/time.hpp"
#include "core/number_text.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Quantities as people type them and as people read them.
namespace aperto::cli {

/// As `measure::read_time`, and "never": no deadline.
std::optional<duration> parse_duration(std::string_view text);

/// As `measure::read_bytes`.
std::optional<std::size_t> parse_size(std::string_view text);

/// A whole number in decimal digits, from `least` to `most`; empty for anything else.
std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t least, std::uint64_t most);
/// A number in decimal notation, from `least` to `most`; empty for anything else.
std::optional<double> parse_decimal(std::string_view text, double least, double most);

/// "65,495", with the reader's separators.
inline std::string grouped(std::uint64_t number) { return number_text(number); }
/// "14 B", "65,495 B", "104.9 MB": exact up to six digits, then in powers of 1000.
std::string size_text(std::uint64_t bytes);
/// "0.06 ms", "201 ms", "12.5 s", "3 min 20 s".
std::string duration_text(duration length);
/// A round value as an option takes it: "250ms", "5s", "2m", "1h", "never".
std::string duration_option_text(duration length);
/// A round value as an option takes it: "256KiB", "1MiB", "1000".
std::string size_option_text(std::size_t bytes);

}  // namespace aperto::cli
