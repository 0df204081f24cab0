// SPDX-License-Identifier: MIT
#include "core/option_text.hpp"

#include "aperto/error.hpp"
#include "core/log_safe.hpp"
#include "core/option_ranges.hpp"
#include "core/sentence.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace aperto {
namespace {

/// "4096", "64KiB", "1MiB", "8PiB".
std::string round_size(std::size_t bytes) {
    std::string_view unit;
    for (const std::string_view next : {"KiB", "MiB", "GiB", "TiB", "PiB"}) {
        if (bytes == 0 || bytes % 1024 != 0) break;
        bytes /= 1024;
        unit = next;
    }
    return fmt::format("{}{}", bytes, unit);
}

}  // namespace

std::string takes_number(std::string_view name, std::uint64_t least, std::uint64_t most,
                         std::string_view given) {
    return sentence(_("{} takes a whole number from {} to {}, not \"{}\""), name, std::to_string(least),
                    std::to_string(most), log_safe(given));
}

std::string takes_power_of_two(std::string_view name, std::uint64_t least, std::uint64_t most,
                               std::string_view given) {
    return sentence(_("{} takes a power of two from {} to {}, not \"{}\""), name, std::to_string(least),
                    std::to_string(most), log_safe(given));
}

std::string takes_decimal(std::string_view name, double least, double most, std::string_view given) {
    return sentence(_("{} takes a number from {} to {}, not \"{}\""), name, fmt::format("{}", least),
                    fmt::format("{:.0f}", most), log_safe(given));
}

std::string takes_size(std::string_view name, std::size_t least, std::size_t most, std::string_view given) {
    if (most == SIZE_MAX)
        return sentence(_("{} takes a size like 4096, 64KiB or 1MiB, at least {}, not \"{}\""), name,
                        round_size(least), log_safe(given));
    return sentence(_("{} takes a size like 4096, 64KiB or 1MiB, from {} to {}, not \"{}\""), name,
                    round_size(least), round_size(most), log_safe(given));
}

std::string takes_time(std::string_view name, bool zero_allowed, std::string_view given) {
    const char* const words =
        zero_allowed ? _("{} takes a time like 200ms, 5s or 2m, from 0 to a century, or never, not \"{}\"")
                     : _("{} takes a time like 200ms, 5s or 2m, from 1us to a century, or never, not \"{}\"");
    return sentence(words, name, log_safe(given));
}

std::string takes_time_within(std::string_view name, std::string_view least, std::string_view most,
                              std::string_view given) {
    return sentence(_("{} takes a time like 200ms, 5s or 2m, from {} to {}, not \"{}\""), name, least, most,
                    log_safe(given));
}

std::string takes_no_nul(std::string_view name, std::string_view given) {
    return sentence(_("{} takes a text without a NUL in it, not \"{}\""), name, log_safe(given));
}

void refuse_option(std::string_view name, std::string_view given, const std::string& sentence) {
    throw error(errc::malformed, "use the option", fmt::format("{} = {}", name, log_safe(given)), sentence);
}

void check_number(std::string_view name, std::uint64_t given, std::uint64_t least, std::uint64_t most) {
    if (given >= least && given <= most) return;
    const std::string text = std::to_string(given);
    refuse_option(name, text, takes_number(name, least, most, text));
}

void check_size(std::string_view name, std::size_t given, std::size_t least) {
    if (given >= least) return;
    const std::string text = std::to_string(given);
    refuse_option(name, text, takes_size(name, least, SIZE_MAX, text));
}

bool is_time(duration given, bool zero_allowed) noexcept {
    const bool fits = given >= ranges::time_least && given <= ranges::time_most;
    return fits || given == forever || (zero_allowed && given == duration::zero());
}

void check_time(std::string_view name, duration given, bool zero_allowed) {
    if (is_time(given, zero_allowed)) return;
    const std::string text = fmt::format("{}ns", given.count());
    refuse_option(name, text, takes_time(name, zero_allowed, text));
}

}  // namespace aperto
