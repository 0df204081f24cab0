// SPDX-License-Identifier: MIT
#pragma once

#include "core/measure.hpp"
#include "core/number_text.hpp"

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace aperto::lab {

/// A moment of the run: time since its first packet (CLOCK_MONOTONIC).
using instant = std::chrono::nanoseconds;
using duration = std::chrono::nanoseconds;

/// What a person wrote cannot be meant: an option, a selector, a scenario's key. The program ends with exit
/// code 2.
class bad_input : public std::runtime_error {
public:
    /// `place` is the byte of the text where it goes wrong, from 0.
    explicit bad_input(const std::string& why, std::size_t place = 0)
        : std::runtime_error(why), place_(place) {}
    std::size_t place() const noexcept { return place_; }

private:
    std::size_t place_;
};

/// Numbers with units as people write them. Each throws `bad_input` that repeats the text and says what fits.

duration parse_duration(std::string_view text);   ///< as `measure::read_time`, with its unit, <= 1 day
double parse_fraction(std::string_view text);     ///< "5%", "0.05": 0 to 1
std::uint64_t parse_rate(std::string_view text);  ///< "10mbit", "1.5gbit", "512kbit": bits a second
std::uint64_t parse_size(std::string_view text);  ///< as `measure::read_bytes`: bytes
std::uint64_t parse_count(std::string_view text, std::uint64_t least, std::uint64_t most);
bool parse_switch(std::string_view text);  ///< "true", "yes", "on", "false", "no", "off"

/// For people, in their language's notation: "205 ms", "1.5 MB", "12.5 Mbit/s".
std::string duration_text(duration value);
std::string size_text(std::uint64_t bytes);
std::string rate_text(double bits_per_second);
std::string seconds_text(duration value);  ///< "0.412"
/// A duration in milliseconds with `places` digits after the mark.
std::string milliseconds_text(duration value, int places);

using measure::trimmed;

}  // namespace aperto::lab
