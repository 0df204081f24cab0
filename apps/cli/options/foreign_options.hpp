// SPDX-License-Identifier: MIT
#pragma once

#include "cli/options/description.hpp"

namespace CLI {
class App;
}

namespace aperto::cli {

/// What CLI11 knows of a command that it reads, as data: its options and those of its subcommands, which
/// become the choices of its argument. For the completions and the manual page; nothing is set by them.
void describe_app(const CLI::App& app, command_description& command);

}  // namespace aperto::cli
