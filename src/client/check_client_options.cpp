// SPDX-License-Identifier: MIT
#include "client/check_client_options.hpp"

#include "core/option_text.hpp"
#include "net/check_stream_options.hpp"

namespace aperto::client {

void check_client_options(const client_options& chosen) {
    check_time("connect_timeout", chosen.connect_timeout, false);
    check_time("attempt_delay", chosen.attempt_delay, true);
    check_time("reply_deadline", chosen.reply_deadline, false);
    if (chosen.quiet) check_time("quiet", *chosen.quiet, false);
    check_time("socket.keepalive", chosen.socket.keepalive, true);
    check_time("socket.user_timeout", chosen.socket.user_timeout, true);
    check_stream_options("stream.", chosen.stream);
}

}  // namespace aperto::client
