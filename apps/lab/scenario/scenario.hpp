// SPDX-License-Identifier: MIT
#pragma once

#include "lab/scenario/run.hpp"
#include "lab/verdict/expectation.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace aperto::lab {

/// A run written down with what must be seen in it: a TOML file (docs/lab.md describes its keys).
struct scenario {
    std::string name;
    std::string path;  ///< empty when it was not read from a file
    run_plan plan;
    std::string server_command;
    std::string client_command;
    std::vector<expectation> expected;
    bool in_virtual_linux = false;  ///< in a Linux of its own, in virtual time
};

/// Reads the text of a scenario. Throws `bad_input` whose text begins with "path:line:column: ". Does not
/// look for the programs.
scenario parse_scenario(std::string_view text, const std::string& path);

/// Reads the file and finds its programs. Throws `bad_input`, also when there is no such file.
scenario load_scenario(const std::string& path);

/// The named fault as the command line and scenarios write it: `action` is drop, hold, corrupt, duplicate or
/// mark.
named_fault make_fault(std::string_view action, const std::string& victim, std::string_view time);

}  // namespace aperto::lab
