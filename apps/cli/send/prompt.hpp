// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/stream.hpp"
#include "cli/commands.hpp"

namespace aperto::cli {

/// `aperto send` at a terminal: a line a message, its reply below it, until Ctrl-D. A server that closes
/// after each reply is connected to anew for the next line. Gives the exit code.
task<int> run_prompt(const send_request& request, stream_options options);

}  // namespace aperto::cli
