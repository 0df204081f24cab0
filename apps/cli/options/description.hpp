// SPDX-License-Identifier: MIT
//
// options/: what the program understands, as data. describe_*.cpp describe the commands and their options.
// From these descriptions are made the reading of the arguments (command_line) and of the configuration file
// (config), the help and the manual page (help), and the completions (completion), so that none can say what
// another does not know. quantity reads and writes times, sizes and numbers.
#pragma once

#include "aperto/cidr.hpp"
#include "aperto/framing.hpp"
#include "aperto/loop.hpp"
#include "core/option_ranges.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::cli {

/// Arguments that make no sense. `what()` says which and why; `command`, as "lab run", names whose --help
/// tells more.
class usage_error : public std::runtime_error {
public:
    explicit usage_error(const std::string& what) : std::runtime_error(what) {}
    std::string command;
};

struct option_description {
    std::string name = {};      ///< "--port"
    std::string letter = {};    ///< "-p", where there is a short form
    std::string also = {};      ///< "--no-color": its name in another spelling
    std::string value = {};     ///< "PORT"; "auto|uring|epoll" where only these are taken; empty: a flag
    std::string help = {};      ///< translated
    std::string fallback = {};  ///< what holds without the option, as the help shows it; may be empty
    std::string group = {};     ///< what the help lists it under, translated; empty: the options
    bool several = false;       ///< may be given several times, and as a list in a file
    bool renewable = false;     ///< may change while the command runs: its file is read again on SIGHUP
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

/// The commands that are listed.
std::vector<const command_description*> listed(const std::vector<command_description>& commands);
/// The command's options, then those that only its own commands have.
std::vector<const option_description*> all_options(const command_description& command);
/// What the command's first argument can be: values, and its own commands.
std::vector<argument_choice> all_choices(const command_description& command);

/// "auto|uring|epoll" in parts; a single part where the value is free.
std::vector<std::string> value_choices(std::string_view value);
/// Throws `usage_error` where the option takes only certain values, and `value` is none of them.
void check_choice(const option_description& option, const std::string& value);

// Options of the usual kinds, each with its check and its message.

option_description flag_option(std::string name, std::string help, bool& target);
option_description text_option(std::string name, std::string value, std::string help, std::string fallback,
                               std::string& target);
option_description port_option(std::string help, std::uint16_t& target, std::uint16_t least);
/// `HOST:PORT` and `[ADDRESS]:PORT` in `host`, as the library's `connect` takes them, name the port too.
/// Throws `usage_error`.
void split_host_and_port(std::string& host, std::uint16_t& port);
/// The same of several, with a comma between them: the first stays in `host` and `port`, the others follow.
void split_hosts(std::string& host, std::uint16_t& port, std::vector<host_port>& others);
option_description framing_option(std::string help, framing& target);
option_description engine_option(engine& target);
/// `zero_allowed`: "0" makes sense too.
option_description duration_option(std::string name, std::string help, duration& target,
                                   bool zero_allowed = false);
/// A time from `least` to `most`, which has to end.
option_description limited_duration_option(std::string name, std::string help, duration& target,
                                           duration least, duration most);
/// The same; `fallback` is what the help shows.
option_description limited_duration_option(std::string name, std::string help, std::string fallback,
                                           duration least, duration most, std::function<void(duration)> set);
option_description size_option(std::string name, std::string help, std::size_t& target, std::size_t least,
                               std::size_t most = ranges::size_most);
/// A number with decimals, from `least` to `most`.
option_description decimal_option(std::string name, std::string help, std::string fallback, double least,
                                  double most, double& target);
/// Ranges of addresses, comma-separated, and may be given several times.
option_description ranges_option(std::string name, std::string help, std::string fallback,
                                 std::vector<cidr>& target);
/// A whole number from `least` to `most`; `fallback` is what the help shows in place of the target's own
/// value.
option_description number_option(std::string name, std::string help, std::string fallback,
                                 std::uint64_t least, std::uint64_t most,
                                 std::function<void(std::uint64_t)> set);

}  // namespace aperto::cli
