// SPDX-License-Identifier: MIT
#pragma once

#include "cli/options/description.hpp"

#include <string>
#include <vector>

/// What is made from the descriptions for people and for shells.
namespace aperto::cli {

/// What `aperto --help` shows.
std::string program_help(const std::vector<command_description>& commands);
/// What `aperto COMMAND --help` shows; `name` is the whole of its name, "lab run".
std::string command_help(const command_description& command, const std::string& name);
/// What stands for a value, "PORT", in the reader's language.
std::string placeholder(const std::string& value);
/// What may follow a command's name, options aside: "[TEXT…]", "[run LAB…|list]"; empty for nothing.
std::string usage_arguments(const command_description& command);
/// The manual page, in troff's man macros (man(7)).
std::string manual_page(const std::vector<command_description>& commands);

std::string bash_completion(const std::vector<command_description>& commands);
std::string zsh_completion(const std::vector<command_description>& commands);
std::string fish_completion(const std::vector<command_description>& commands);

/// docs/options.md: everything that can be set, as Markdown tables made from the descriptions.
std::string options_table(const std::vector<command_description>& commands);

}  // namespace aperto::cli
