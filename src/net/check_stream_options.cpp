// SPDX-License-Identifier: MIT
#include "net/check_stream_options.hpp"

#include "core/option_ranges.hpp"
#include "core/option_text.hpp"

#include <string>

namespace aperto {

void check_stream_options(std::string_view prefix, const stream_options& chosen) {
    // A whole name is put together for a refusal alone: every connection of a client is checked.
    const auto named = [prefix](const char* name) { return std::string(prefix) + name; };
    const auto size = [&](const char* name, std::size_t given, std::size_t least) {
        if (given < least) check_size(named(name), given, least);
    };
    const auto time = [&](const char* name, duration given, bool zero_allowed) {
        if (!is_time(given, zero_allowed)) check_time(named(name), given, zero_allowed);
    };
    size("max_message", chosen.max_message, ranges::max_message_least);
    size("high_water", chosen.high_water, ranges::high_water_least);
    time("idle_timeout", chosen.idle_timeout, false);
    time("handshake_deadline", chosen.handshake_deadline, false);
    time("message_deadline", chosen.message_deadline, false);
    time("write_deadline", chosen.write_deadline, false);
    time("close_deadline", chosen.close_deadline, true);
}

}  // namespace aperto
