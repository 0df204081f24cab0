// SPDX-License-Identifier: MIT
#pragma once

#include "cli/description.hpp"

#include <string>
#include <vector>

namespace aperto::cli {

/// `aperto bench`: puts any TCP server under load and says how it answered. `args`: what follows the word
/// bench. Gives the exit code: 0 when every reply came and was right, 1 when not, 2 for arguments that make
/// no sense, 3 when it could not connect.
int run_bench(std::vector<std::string> args);
/// Adds its options to `command`.
void describe_bench(command_description& command);

}  // namespace aperto::cli
