// SPDX-License-Identifier: MIT
#include "client/check_client_options.hpp"

#include "aperto/error.hpp"
#include "core/option_ranges.hpp"
#include "core/option_text.hpp"
#include "net/check_stream_options.hpp"

namespace aperto::client {

void check_client_options(const client_options& chosen) {
    check_time("connect_timeout", chosen.connect_timeout, false);
    check_time("attempt_delay", chosen.attempt_delay, true);
    check_time("resolution_delay", chosen.resolution_delay, true);
    check_time("reply_deadline", chosen.reply_deadline, false);
    if (chosen.quiet) check_time("quiet", *chosen.quiet, false);
    check_number("retry.rounds", chosen.retry.rounds, 1, ranges::rounds_most);
    check_time("retry.pause", chosen.retry.pause, true);
    check_time("retry.pause_most", chosen.retry.pause_most, true);
    check_time("socket.keepalive", chosen.socket.keepalive, true);
    check_time("socket.user_timeout", chosen.socket.user_timeout, true);
    check_stream_options("stream.", chosen.stream);
    const aperto::transport* const by = chosen.stream.transport.get();
    if (by && by->side() == transport_side::server)
        throw error(errc::misuse, "connect by", "stream.transport",
                    "It is a server's: tls::client makes a client's.");
}

}  // namespace aperto::client
