// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

/// What the program understands, as data: the parser, the help, the completions and the manual page are all
/// made from it, so that none can say what another does not know.
namespace aperto::cli {

struct option_description {
    std::string name = {};      ///< "--port"
    std::string letter = {};    ///< "-p", where there is a short form
    std::string value = {};     ///< "PORT"; "auto|uring|epoll" where only these are taken; empty: a flag
    std::string help = {};      ///< translated
    std::string fallback = {};  ///< what holds without the option, as the help shows it; may be empty
    bool advanced = false;      ///< listed under the limits
    bool several = false;       ///< may be given several times, and as a list in a file
    /// Takes the value (empty for a flag). Throws `usage_error`.
    std::function<void(const std::string& value)> set = {};
};

struct example {
    std::string command = {};
    std::string what = {};  ///< translated
};

struct argument_choice {
    std::string value = {};
    std::string help = {};  ///< translated
};

struct command_description {
    std::string name = {};
    std::string summary = {};                   ///< one line, translated
    std::string arguments = {};                 ///< "[TEXT…]" as the usage line shows it
    std::string about = {};                     ///< translated; may have several lines
    std::vector<argument_choice> choices = {};  ///< values that the argument can have
    std::vector<option_description> options = {};
    std::vector<example> examples = {};
    /// Takes what is no option. Throws `usage_error`. None: the command takes no arguments.
    std::function<void(std::vector<std::string>)> set_arguments = {};
    bool hidden = false;  ///< works, but is not listed
    /// Reads its arguments itself, options and all, which its usage line names; `options` is then for
    /// reading.
    bool own_arguments = false;
};

/// Arguments of one command into its description's functions. `--help` sets `help` and ends the reading.
struct parsed {
    bool help = false;
};
parsed parse_arguments(const command_description& command, const std::vector<std::string>& arguments);

/// "auto|uring|epoll" in parts; a single part where the value is free.
std::vector<std::string> value_choices(std::string_view value);

}  // namespace aperto::cli
