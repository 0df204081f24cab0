// SPDX-License-Identifier: MIT
#pragma once

#include "cli/options/description.hpp"

#include <string>
#include <vector>

namespace aperto::cli {

/// What `aperto --help` shows.
std::string program_help(const std::vector<command_description>& commands);
/// What `aperto COMMAND --help` shows.
std::string command_help(const command_description& command);
/// A row of a help: an option or a command, and what it is for.
void add_help_row(std::string& text, const std::string& left, const std::string& right);
/// A line of a help, no wider than the terminal.
std::string help_line(const std::string& line);
/// What stands for a value, "PORT", in the reader's language.
std::string placeholder(const std::string& value);
/// The manual page, in troff's man macros (man(7)).
std::string manual_page(const std::vector<command_description>& commands);

}  // namespace aperto::cli
