// SPDX-License-Identifier: MIT
#include "lab/analysis/quantity.hpp"

#include "core/i18n.hpp"
#include "core/measure.hpp"
#include "core/number_text.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

namespace aperto::lab {

namespace {

using measure::unit;

[[noreturn]] void refuse(const char* why, std::string_view text) {
    throw bad_input(fmt::format(fmt::runtime(why), std::string(trimmed(text))));
}

}  // namespace

duration parse_duration(std::string_view text) {
    constexpr duration day = std::chrono::hours(24);
    const auto value = measure::read_time(trimmed(text));
    // Who writes `--delay 50` does not mean 50 seconds.
    const bool has_unit = trimmed(text).find_first_not_of("0123456789.") != std::string_view::npos;
    if (!value || !has_unit || *value > day) {
        refuse(_("'{}' is not a duration; write 50ms, 1.5s or 20us, at most a day"), text);
    }
    return *value;
}

double parse_fraction(std::string_view text) {
    constexpr std::array<unit, 2> units{{{"%", 0.01}, {"", 1}}};
    const auto value = measure::read(trimmed(text), units);
    if (!value || *value > 1) {
        refuse(_("'{}' is not a share; write 5% or 0.05, at most 100%"), text);
    }
    return *value;
}

std::uint64_t parse_rate(std::string_view text) {
    constexpr std::array<unit, 8> units{{{"bit", 1},
                                         {"kbit", 1e3},
                                         {"mbit", 1e6},
                                         {"gbit", 1e9},
                                         {"bit/s", 1},
                                         {"kbit/s", 1e3},
                                         {"Mbit/s", 1e6},
                                         {"Gbit/s", 1e9}}};
    constexpr double most = 1e12;
    const auto value = measure::read(trimmed(text), units);
    if (!value || *value < 1 || *value > most) {
        refuse(_("'{}' is not a rate; write 512kbit, 10mbit or 1gbit, from 1bit to 1000gbit"), text);
    }
    return static_cast<std::uint64_t>(std::llround(*value));
}

std::uint64_t parse_size(std::string_view text) {
    constexpr std::uint64_t most = 1'000'000'000'000'000;
    const auto value = measure::read_bytes(trimmed(text));
    if (!value || *value > most) {
        refuse(_("'{}' is not a size; write 1500, 64kB or 1MiB, at most 1000000GB"), text);
    }
    return *value;
}

std::uint64_t parse_count(std::string_view text, std::uint64_t least, std::uint64_t most) {
    const auto digits = trimmed(text);
    std::uint64_t value = 0;
    const auto [stopped, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || failed != std::errc{} || stopped != digits.data() + digits.size() ||
        value < least || value > most) {
        throw bad_input(fmt::format(fmt::runtime(_("'{}' is not a whole number from {} to {}")),
                                    std::string(digits), least, most));
    }
    return value;
}

bool parse_switch(std::string_view text) {
    const auto word = trimmed(text);
    if (word == "true" || word == "yes" || word == "on") {
        return true;
    }
    if (word == "false" || word == "no" || word == "off") {
        return false;
    }
    refuse(_("'{}' is neither true nor false"), text);
}

namespace {

/// Three significant digits, without an exponent.
std::string significant_text(double value) {
    return decimal_text(value, value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

std::string with_unit(double value, std::initializer_list<unit> units) {
    for (const auto& [name, factor] : units) {
        if (value >= factor * 0.9995) {
            return fmt::format("{} {}", significant_text(value / factor), name);
        }
    }
    const auto& [name, factor] = *(units.end() - 1);
    return fmt::format("{} {}", significant_text(value / factor), name);
}

}  // namespace

std::string duration_text(duration value) {
    const auto nanoseconds = static_cast<double>(std::abs(value.count()));
    return (value.count() < 0 ? "-" : "") + with_unit(nanoseconds, {{"s", 1e9}, {"ms", 1e6}, {"µs", 1e3}});
}

std::string size_text(std::uint64_t bytes) {
    if (bytes < 1'000'000) {
        return fmt::format("{} B", number_text(bytes));
    }
    return with_unit(static_cast<double>(bytes), {{"GB", 1e9}, {"MB", 1e6}});
}

std::string rate_text(double bits_per_second) {
    return with_unit(bits_per_second, {{"Gbit/s", 1e9}, {"Mbit/s", 1e6}, {"kbit/s", 1e3}, {"bit/s", 1}});
}

std::string seconds_text(duration value) { return decimal_text(static_cast<double>(value.count()) / 1e9, 3); }

std::string milliseconds_text(duration value, int places) {
    return decimal_text(static_cast<double>(value.count()) / 1e6, places);
}

}  // namespace aperto::lab
