// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/client.hpp"
#include "cli/commands.hpp"
#include "cli/failure.hpp"

#include <exception>
#include <string>

namespace aperto::cli {

/// Something that ends a command, already in words.
struct command_failed : std::exception {
    explicit command_failed(failure what) : told(std::move(what)) {}
    failure told;
};

struct connected {
    stream peer;
    duration took{};
};

/// Connects as `request` says, trying again as often, with growing pauses and a line on standard error for
/// each. Throws `command_failed`.
task<connected> connect_patiently(const send_request& request, stream_options options);

/// What the handshake agreed on, to standard error.
void print_handshake(const send_request& request, const connected& there);
/// What the conversation came to, to standard error. Nothing where the kernel no longer knows.
void print_conversation(const stream& peer);

}  // namespace aperto::cli
