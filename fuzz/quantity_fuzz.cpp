// SPDX-License-Identifier: MIT
//
// Any text as a time, a size and a number, as the command line and a configuration file take them: it is
// refused, or the value is in its range, and what the program writes of a value reads back as that value.
#include "cli/options/quantity.hpp"
#include "require.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace {

using namespace aperto;

void check_duration(std::string_view text) {
    const auto understood = cli::parse_duration(text);
    if (!understood) return;
    fuzz::require(*understood >= duration::zero(), "no time is negative");
    if (*understood == forever) return fuzz::require(text == "never", "only never is for ever");
    fuzz::require(*understood < forever, "a time is shorter than for ever");
    fuzz::require(clock::now() + *understood > clock::now() - std::chrono::seconds(1),
                  "a deadline so far away can be counted");
    const auto whole = std::chrono::floor<std::chrono::milliseconds>(*understood);
    const auto again = cli::parse_duration(cli::duration_option_text(whole));
    // From 2^53 ns, 104 days, a double tells no longer one nanosecond from the next.
    fuzz::require(again && std::chrono::abs(*again - whole) <= std::chrono::microseconds(1),
                  "a time reads back as an option writes it");
    fuzz::require(!cli::duration_text(*understood).empty(), "a time can be told");
}

void check_size(std::string_view text) {
    const auto understood = cli::parse_size(text);
    if (!understood) return;
    fuzz::require(cli::parse_size(cli::size_option_text(*understood)) == *understood,
                  "a size reads back as an option writes it");
    fuzz::require(!cli::size_text(*understood).empty(), "a size can be told");
}

void check_number(std::string_view text) {
    if (const auto understood = cli::parse_number(text, 1, 65535)) {
        fuzz::require(*understood >= 1 && *understood <= 65535, "a number keeps to its range");
        fuzz::require(text.find_first_not_of("0123456789") == std::string_view::npos,
                      "a number is its digits");
    }
}

/// Any value at all, told and read back.
void check_value(std::uint64_t value) {
    // Past 2^53 a size is refused, since what reads it could not tell one byte from the next.
    const std::uint64_t size = value % (std::uint64_t{1} << 53);
    fuzz::require(cli::parse_size(cli::size_option_text(size)) == size, "every size reads back");
    const std::chrono::milliseconds time(value % 9'000'000'000);
    fuzz::require(cli::parse_duration(cli::duration_option_text(time)) == duration(time),
                  "every time in milliseconds reads back");
    std::string digits;
    for (const char each : cli::grouped(value))
        if (each >= '0' && each <= '9') digits += each;
    fuzz::require(digits == std::to_string(value), "grouping changes no digit");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_duration(text);
    check_size(text);
    check_number(text);
    std::uint64_t value = 0;
    if (size >= sizeof value) {
        std::memcpy(&value, data, sizeof value);
        check_value(value);
    }
    return 0;
}
