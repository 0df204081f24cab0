// SPDX-License-Identifier: MIT
#pragma once

#include "cli/options/description.hpp"

#include <string>
#include <vector>

namespace aperto::cli {

/// `aperto lab`: `args` is what follows the word lab. Gives the exit code:
///
///     0    all went well, and the client ended with 0
///     1    something expected was not seen, or nothing was said (lab run); the server was never ready
///     2    arguments or files that make no sense
///     70   the wire lost what it was not told to lose: the run does not count
///     77   this machine does not allow what the lab needs
///     124  the time was up
///     130  interrupted (SIGINT); 143 by SIGTERM
///     any other: the client's own
int run_lab(std::vector<std::string> args);
/// Adds its options to `command`.
void describe_lab(command_description& command);

}  // namespace aperto::cli
