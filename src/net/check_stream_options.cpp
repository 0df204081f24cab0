// SPDX-License-Identifier: MIT
#include "net/check_stream_options.hpp"

#include "core/option_ranges.hpp"
#include "core/option_text.hpp"

#include <string>

namespace aperto {

void check_stream_options(std::string_view prefix, const stream_options& chosen) {
    const auto named = [prefix](const char* name) { return std::string(prefix) + name; };
    check_size(named("max_message"), chosen.max_message, ranges::max_message_least);
    check_size(named("high_water"), chosen.high_water, ranges::high_water_least);
    check_time(named("idle_timeout"), chosen.idle_timeout, false);
    check_time(named("handshake_deadline"), chosen.handshake_deadline, false);
    check_time(named("message_deadline"), chosen.message_deadline, false);
    check_time(named("write_deadline"), chosen.write_deadline, false);
    check_time(named("close_deadline"), chosen.close_deadline, true);
}

}  // namespace aperto
