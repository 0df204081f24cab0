// SPDX-License-Identifier: MIT
#pragma once

#include "cli/options/description.hpp"

#include <string>
#include <vector>

namespace aperto::cli {

/// docs/options.md: everything that can be set, as Markdown tables made from the descriptions.
std::string options_table(const std::vector<command_description>& commands);

}  // namespace aperto::cli
