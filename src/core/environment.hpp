// SPDX-License-Identifier: MIT
#pragma once

#include <cstdlib>
#include <string>

namespace aperto {

/// A variable of the environment; `otherwise` where it is not set, or set to nothing.
inline std::string environment(const char* name, const char* otherwise = "") {
    const char* const value = std::getenv(name);
    return value == nullptr || *value == '\0' ? otherwise : value;
}

}  // namespace aperto
