// SPDX-License-Identifier: MIT
#pragma once

#include "cli/options/description.hpp"

#include <string>
#include <vector>

/// What a shell needs to complete the program's arguments, made from its descriptions.
namespace aperto::cli {

std::string bash_completion(const std::vector<command_description>& commands);
std::string zsh_completion(const std::vector<command_description>& commands);
std::string fish_completion(const std::vector<command_description>& commands);

}  // namespace aperto::cli
