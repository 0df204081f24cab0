// SPDX-License-Identifier: MIT
#pragma once

#include "cli/failure.hpp"

#include <optional>
#include <string>
#include <vector>

namespace aperto::cli {

/// Takes `--lang LANGUAGE` out of the arguments, wherever it stands before a `--`, and sets the language that
/// every later sentence is in. What is wrong with it is returned rather than thrown, in the language of the
/// environment.
std::optional<failure> choose_language(std::vector<std::string>& arguments);

}  // namespace aperto::cli
