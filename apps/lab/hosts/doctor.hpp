// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace aperto::lab {

/// This machine does not allow what the lab needs (exit code 77). `remedy` is a command or a sentence.
class cannot_here : public std::runtime_error {
public:
    cannot_here(const std::string& why, std::string remedy)
        : std::runtime_error(why), remedy_(std::move(remedy)) {}
    const std::string& remedy() const noexcept { return remedy_; }

private:
    std::string remedy_;
};

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
