// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace aperto {

/// The name among `names` that `typed` was probably meant to be, for "did you mean"; empty where none is near.
/// Dashes at its begin are not counted: of `--foo` and `--log` one letter of three is the same.
std::string nearest(std::string_view typed, const std::vector<std::string>& names);

}  // namespace aperto
