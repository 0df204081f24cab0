// SPDX-License-Identifier: MIT
#pragma once

#include "cli/bench/bench.hpp"
#include "cli/commands.hpp"
#include "cli/lab/lab.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace aperto::cli {

/// Arguments that make no sense. `what()` says which and why; `command`, as "lab run", names whose --help
/// tells more.
class usage_error : public std::runtime_error {
public:
    explicit usage_error(const std::string& what) : std::runtime_error(what) {}
    std::string command;
};

/// What the arguments ask for.
struct invocation {
    enum class verb { print, serve, send, demo, bench, lab };
    verb what = verb::print;
    std::string text;  ///< `print`: help, the version, a completion
    serve_request serve;
    send_request send;
    bench_request bench;
    lab_request lab;
};

/// Reads the arguments, the program's name left out. Throws `usage_error`.
invocation parse_command_line(const std::vector<std::string>& arguments);
/// The same into `asked`, which has what was understood also where this throws.
void parse_command_line(const std::vector<std::string>& arguments, invocation& asked);

}  // namespace aperto::cli
