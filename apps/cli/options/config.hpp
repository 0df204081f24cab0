// SPDX-License-Identifier: MIT
#pragma once

#include "cli/options/description.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace aperto::cli {

/// Something wrong in a configuration file.
struct config_problem {
    unsigned line = 0;  ///< from 1
    unsigned column = 0;
    std::string what;  ///< translated
};

/// Gives a command what a TOML file (toml.io, 1.0) sets: keys are the names of its options without the
/// dashes, values are what the option takes, as text, number, true for a flag, or a list of those for an
/// option that may be given several times.
///
///     port = 7000
///     service = "echo"              # what the command line gives as its argument
///     idle-timeout = "2m"
///     deny = ["203.0.113.0/24", "2001:db8:bad::/48"]
///
/// Everything that is wrong in `text` is in the result, in the order of the file; what is right has been set
/// nevertheless. `not_in_a_file`: options that make no sense in a file.
std::vector<config_problem> apply_config(const command_description& command, std::string_view text,
                                         const std::vector<std::string>& not_in_a_file);

/// The file's contents, at most 4 MiB. Throws `usage_error` where it cannot be read, and where there is more.
std::string read_config(const std::string& path);

/// "aperto.toml:3:1: there is no option …", a line for each.
std::string config_report(const std::string& path, const std::vector<config_problem>& problems);

}  // namespace aperto::cli
