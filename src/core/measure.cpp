// SPDX-License-Identifier: MIT
#include "core/measure.hpp"

#include "core/option_ranges.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>

namespace aperto::measure {
namespace {

constexpr std::array<unit, 9> time_units{{{"s", 1e9},
                                          {"", 1e9},
                                          {"ms", 1e6},
                                          {"us", 1e3},
                                          {"µs", 1e3},
                                          {"ns", 1},
                                          {"m", 60e9},
                                          {"min", 60e9},
                                          {"h", 3600e9}}};

constexpr double kibi = 1024;
constexpr std::array<unit, 16> size_units{{{"", 1},
                                           {"B", 1},
                                           {"k", 1e3},
                                           {"kB", 1e3},
                                           {"KB", 1e3},
                                           {"M", 1e6},
                                           {"MB", 1e6},
                                           {"G", 1e9},
                                           {"GB", 1e9},
                                           {"TB", 1e12},
                                           {"PB", 1e15},
                                           {"KiB", kibi},
                                           {"MiB", kibi* kibi},
                                           {"GiB", kibi* kibi* kibi},
                                           {"TiB", kibi* kibi* kibi* kibi},
                                           {"PiB", kibi* kibi* kibi* kibi* kibi}}};

}  // namespace

std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view blanks = " \t\r\n";
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return text.substr(text.size());
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::optional<double> read(std::string_view text, std::span<const unit> units) noexcept {
    const std::string_view digits = text.substr(0, text.find_first_not_of("0123456789."));
    double number = 0;
    const auto [rest, failed] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number, std::chars_format::fixed);
    if (failed != std::errc{} || rest != digits.data() + digits.size()) return {};
    const std::string_view name =
        text.substr(std::min(text.size(), text.find_first_not_of(' ', digits.size())));
    if (name.empty() && text.size() > digits.size()) return {};
    for (const unit& each : units)
        if (each.name == name) return number * each.factor;
    return {};
}

std::optional<duration> read_time(std::string_view text) noexcept {
    const auto nanoseconds = read(text, time_units);
    if (!nanoseconds || *nanoseconds > static_cast<double>(ranges::time_most.count())) return {};
    return duration(std::llround(*nanoseconds));
}

std::optional<std::uint64_t> read_bytes(std::string_view text) noexcept {
    const auto bytes = read(text, size_units);
    constexpr auto most = static_cast<double>(ranges::size_most);
    if (!bytes || *bytes > most || *bytes != std::floor(*bytes)) return {};
    return static_cast<std::uint64_t>(*bytes);
}

}  // namespace aperto::measure
