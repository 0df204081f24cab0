// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace aperto::lab {

/// One thing the lab needs of the machine.
struct finding {
    std::string what;  ///< "user namespaces"
    bool good = false;
    std::string seen;    ///< what was found
    std::string remedy;  ///< a command or a sentence; empty when good
};

/// Tries everything the lab needs by doing it, and says what it found.
std::vector<finding> examine_machine();

/// What to do when `tried` (as the box words it) failed with `error` (errno).
std::string remedy_for(const std::string& tried, int error);

}  // namespace aperto::lab
