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
    std::string also = {};      ///< "--no-color": its name in another spelling
    std::string value = {};     ///< "PORT"; "auto|uring|epoll" where only these are taken; empty: a flag
    std::string help = {};      ///< translated
    std::string fallback = {};  ///< what holds without the option, as the help shows it; may be empty
    std::string group = {};     ///< what the help lists it under, translated; empty: the options
    bool several = false;       ///< may be given several times, and as a list in a file
    /// Takes the value (empty for a flag). Throws `usage_error`.
    std::function<void(const std::string& value)> set = {};
    /// In place of `set` where two values follow: "PACKET TIME". Throws `usage_error`.
    std::function<void(const std::string& one, const std::string& other)> set_two = {};
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
    /// Its own commands, as "run" of "lab": the first argument names one, and what it takes is then that
    /// command's alone.
    std::vector<command_description> commands = {};
    /// Told that it is this command that is asked for, before its arguments are taken.
    std::function<void()> chosen = {};
    /// Takes what is no option. Throws `usage_error`. None: the command takes no arguments.
    std::function<void(std::vector<std::string>)> set_arguments = {};
    bool hidden = false;    ///< works, but is not listed
    bool verbatim = false;  ///< whatever follows its name is an argument of it, options too
};

/// What the arguments of a command were.
struct parsed {
    const command_description* command = nullptr;  ///< that one, or the one of its own that was named
    std::string name;                              ///< "serve", "lab run"
    bool help = false;                             ///< `--help` was among them, which ended the reading
};
/// Hands the arguments of one command to its description's functions. Throws the first mistake as
/// `usage_error`; everything that is right has been handed over nevertheless.
parsed parse_arguments(const command_description& command, const std::vector<std::string>& arguments);

/// Throws that there is no such one, and which may have been meant.
[[noreturn]] void unknown_command(const std::string& name, const std::vector<command_description>& commands);

/// The commands that are listed.
std::vector<const command_description*> listed(const std::vector<command_description>& commands);
/// The command's options, then those that only its own commands have.
std::vector<const option_description*> all_options(const command_description& command);
/// What the command's first argument can be: values, and its own commands.
std::vector<argument_choice> all_choices(const command_description& command);

/// "auto|uring|epoll" in parts; a single part where the value is free.
std::vector<std::string> value_choices(std::string_view value);

}  // namespace aperto::cli
