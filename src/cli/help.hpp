// SPDX-License-Identifier: MIT
#pragma once

#include "cli/description.hpp"

#include <string>
#include <vector>

namespace aperto::cli {

/// What `aperto --help` shows.
std::string program_help(const std::vector<command_description>& commands);
/// What `aperto COMMAND --help` shows.
std::string command_help(const command_description& command);
/// The manual page, in troff's man macros (man(7)).
std::string manual_page(const std::vector<command_description>& commands);

}  // namespace aperto::cli
