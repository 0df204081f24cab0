// SPDX-License-Identifier: MIT
#include "cli/options/quantity.hpp"

#include "core/measure.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace aperto::cli {

std::optional<duration> parse_duration(std::string_view text) {
    return text == "never" ? std::optional(forever) : measure::read_time(text);
}

std::optional<std::size_t> parse_size(std::string_view text) { return measure::read_bytes(text); }

std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t least, std::uint64_t most) {
    std::uint64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [rest, failed] = std::from_chars(text.data(), end, number);
    if (failed != std::errc{} || rest != end || number < least || number > most) return {};
    return number;
}

std::optional<double> parse_decimal(std::string_view text, double least, double most) {
    double number = 0;
    const char* end = text.data() + text.size();
    const auto [rest, failed] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
    // Written so that "nan" fails.
    if (failed != std::errc{} || rest != end || !(number >= least && number <= most)) return {};
    return number;
}

std::string size_text(std::uint64_t bytes) {
    if (bytes < 1'000'000) return number_text(bytes) + " B";
    double value = static_cast<double>(bytes);
    for (const char* name : {"kB", "MB", "GB", "TB", "PB"}) {
        value /= 1000;
        if (value < 999.95) return fmt::format("{} {}", decimal_text(value, 1), name);
    }
    return fmt::format("{} EB", decimal_text(value / 1000, 1));
}

std::string duration_text(duration length) {
    const double seconds = std::chrono::duration<double>(length).count();
    if (seconds < 0.00999) return decimal_text(seconds * 1e3, 2) + " ms";
    if (seconds < 0.0999) return decimal_text(seconds * 1e3, 1) + " ms";
    if (seconds < 0.9995) return decimal_text(seconds * 1e3, 0) + " ms";
    if (seconds < 59.95) return decimal_text(seconds, 1) + " s";
    const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
    if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
    return fmt::format("{} h {} min", number_text(whole / 3600), whole % 3600 / 60);
}

std::string duration_option_text(duration length) {
    if (length == forever) return "never";
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(length).count();
    if (ms % 1000 != 0) return fmt::format("{}ms", ms);
    if (ms != 0 && ms % 3'600'000 == 0) return fmt::format("{}h", ms / 3'600'000);
    return ms != 0 && ms % 60'000 == 0 ? fmt::format("{}m", ms / 60'000) : fmt::format("{}s", ms / 1000);
}

std::string size_option_text(std::size_t bytes) {
    if (bytes != 0 && bytes % (1024 * 1024) == 0) return fmt::format("{}MiB", bytes / (1024 * 1024));
    if (bytes != 0 && bytes % 1024 == 0) return fmt::format("{}KiB", bytes / 1024);
    return fmt::format("{}", bytes);
}

}  // namespace aperto::cli
