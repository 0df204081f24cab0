// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/framing.hpp"
#include "aperto/loop.hpp"
#include "cli/options/description.hpp"
#include "core/option_ranges.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

/// Options of the usual kinds, each with its check and its message.
namespace aperto::cli {

option_description flag_option(std::string name, std::string help, bool& target);
option_description text_option(std::string name, std::string value, std::string help, std::string fallback,
                               std::string& target);
option_description port_option(std::string help, std::uint16_t& target, std::uint16_t least);
/// `HOST:PORT` and `[ADDRESS]:PORT` in `host`, as the library's `connect` takes them, name the port too.
/// Throws `usage_error`.
void split_host_and_port(std::string& host, std::uint16_t& port);
option_description framing_option(std::string help, framing& target);
option_description engine_option(engine& target);
/// `zero_allowed`: "0" makes sense too.
option_description duration_option(std::string name, std::string help, duration& target,
                                   bool zero_allowed = false);
/// A time from `least` to `most`, which has to end.
option_description limited_duration_option(std::string name, std::string help, duration& target,
                                           duration least, duration most);
/// The same; `fallback` is what the help shows.
option_description limited_duration_option(std::string name, std::string help, std::string fallback,
                                           duration least, duration most, std::function<void(duration)> set);
option_description size_option(std::string name, std::string help, std::size_t& target, std::size_t least,
                               std::size_t most = ranges::size_most);
/// A number with decimals, from `least` to `most`.
option_description decimal_option(std::string name, std::string help, std::string fallback, double least,
                                  double most, double& target);
/// A whole number from `least` to `most`; `fallback` is what the help shows in place of the target's own
/// value.
option_description number_option(std::string name, std::string help, std::string fallback,
                                 std::uint64_t least, std::uint64_t most,
                                 std::function<void(std::uint64_t)> set);

}  // namespace aperto::cli
