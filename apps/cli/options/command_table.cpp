// SPDX-License-Identifier: MIT
#include "cli/options/command_table.hpp"

#include "core/sentence.hpp"

#include <utility>

namespace aperto::cli {

namespace {

command_description describe_demo() {
    return {.name = "demo",
            .summary = _("shows a server and a client talk, and what TCP agreed on"),
            .about = _("Starts a server on port 9999, sends it a message, and shows both sides.\n"
                       "At a terminal the server then goes on serving until Ctrl-C.")};
}

}  // namespace

std::vector<command_description> describe_commands(invocation& asked) {
    using verb = invocation::verb;
    std::vector<command_description> commands;
    const auto add = [&](command_description command, verb what) {
        command.chosen = [&asked, what] { asked.what = what; };
        commands.push_back(std::move(command));
    };
    add(describe_serve(asked.serve), verb::serve);
    add(describe_send(asked.send), verb::send);
    add(describe_demo(), verb::demo);
    add(describe_bench(asked.bench), verb::bench);
    add(describe_lab(asked.lab), verb::lab);
    return commands;
}

}  // namespace aperto::cli
