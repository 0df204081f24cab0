// SPDX-License-Identifier: MIT
#include "cli/options/command_table.hpp"

#include "cli/options/foreign_commands.hpp"
#include "core/sentence.hpp"

#include <iterator>
#include <utility>

namespace aperto::cli {

std::vector<command_description> describe_commands(serve_request& serve, send_request& send,
                                                   bench_request& bench) {
    std::vector<command_description> commands;
    commands.push_back(describe_serve(serve));
    commands.push_back(describe_send(send));
    commands.push_back({.name = "demo",
                        .summary = _("shows a server and a client talk, and what TCP agreed on"),
                        .arguments = "",
                        .about = _("Starts a server on port 9999, sends it a message, and shows both sides.\n"
                                   "At a terminal the server then goes on serving until Ctrl-C.")});
    commands.push_back(describe_bench(bench));
    for (const foreign_command& other : foreign_commands) {
        commands.push_back({.name = other.name,
                            .summary = _(other.summary),
                            .arguments = other.arguments,
                            .own_arguments = true});
    }
    return commands;
}

void describe_foreign_options(std::vector<command_description>& commands) {
    for (const foreign_command& other : foreign_commands)
        for (command_description& command : commands)
            if (command.name == other.name) other.describe(command);
}

}  // namespace aperto::cli
