// SPDX-License-Identifier: MIT
#pragma once

#include "lab/analysis/event.hpp"

#include <string>
#include <vector>

namespace aperto::lab {

/// A program of the run as it was asked for, and as it is started.
struct program {
    std::string text;                    ///< as written
    std::vector<std::string> arguments;  ///< as for execvp(3)
    bool ends_by_itself = false;         ///< known to end with its connection
};

/// Reads a command. Words and quotes are split as a shell does; what needs a shell (pipes, variables,
/// patterns, redirection) is given to /bin/sh. `peer …` and `aperto …` are this program itself. Empty: the
/// lesson's own server or client. Throws `bad_input` when there is no such program.
program read_program(side which, const std::string& command);

}  // namespace aperto::lab
