// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/time.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// What an option takes, in one sentence: the same words from the library's checks and from the program.
namespace aperto {

/// `name` as the reader knows it: "max_connections" or "--max-connections"; `given` as it was given.
std::string takes_number(std::string_view name, std::uint64_t least, std::uint64_t most,
                         std::string_view given);
std::string takes_power_of_two(std::string_view name, std::uint64_t least, std::uint64_t most,
                               std::string_view given);
/// A number with decimals.
std::string takes_decimal(std::string_view name, double least, double most, std::string_view given);
/// `most`: SIZE_MAX where there is no such limit.
std::string takes_size(std::string_view name, std::size_t least, std::size_t most, std::string_view given);
/// `zero_allowed`: 0 makes sense too.
std::string takes_time(std::string_view name, bool zero_allowed, std::string_view given);
/// A time that has to end; `least` and `most` as they would be written.
std::string takes_time_within(std::string_view name, std::string_view least, std::string_view most,
                              std::string_view given);
/// For a text with a NUL in it: the system would take what stands before that.
std::string takes_no_nul(std::string_view name, std::string_view given);

/// Throws `error` (`errc::malformed`): `whom()` is "name = given", `advice()` is `sentence`.
[[noreturn]] void refuse_option(std::string_view name, std::string_view given, const std::string& sentence);

/// For a number that has no other check. Throws `error`.
void check_number(std::string_view name, std::uint64_t given, std::uint64_t least, std::uint64_t most);

/// For a size without a limit above. Throws `error`.
void check_size(std::string_view name, std::size_t given, std::size_t least);
/// Whether it is a time of `ranges::time_least` to `ranges::time_most`, or `forever`; `zero_allowed`: or
/// none.
bool is_time(duration given, bool zero_allowed) noexcept;
/// Throws `error` where it is not.
void check_time(std::string_view name, duration given, bool zero_allowed);

}  // namespace aperto
