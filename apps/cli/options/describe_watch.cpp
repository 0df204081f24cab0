// SPDX-License-Identifier: MIT
#include "cli/options/command_line.hpp"
#include "cli/watch/columns.hpp"
#include "cli/watch/open_source.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"

namespace aperto::cli {

namespace {

std::string column_names() {
    std::string names;
    for (const column& each : columns())
        names += (names.empty() ? "" : "|") + std::string(each.name);
    return names;
}

}  // namespace

command_description describe_watch(watch_request& request) {
    command_description command{
        .name = "watch",
        .summary = _("shows connections live, and whose fault it is when one is slow"),
        .arguments = "[HOST:PORT|:PORT|PID|unix:PATH|all]",
        .about =
            _("A table in the terminal of the connections of a server, ours or any other. HOST:PORT and\n"
              "unix:PATH name what  aperto serve --admin  was given; where nothing answers there by HTTP,\n"
              "the sockets of that port on this machine are shown, as the kernel knows them. :PORT asks\n"
              "the kernel alone; a number is a process; all, every TCP connection of this machine."),
    };
    command.options = {
        limited_duration_option("--refresh", _("how often to look"), request.refresh,
                                std::chrono::milliseconds(100), std::chrono::hours(1)),
        {.name = "--sort",
         .value = column_names(),
         .help = _("the column to sort by; figures from the largest down"),
         .fallback = "peer",
         .set = [&request](const std::string& name) { request.sort = name; }},
        text_option("--filter", "WORDS", _("only connections with these words in address, state or blame"),
                    "", request.filter),
        flag_option("--once", _("print the table once, after two looks, and end"), request.once),
        flag_option("--json", _("one JSON object a line and look, for programs"), request.json),
    };
    command.examples = {
        {"aperto watch", _("who is connected to port 9999 here, whatever serves there")},
        {"aperto watch 127.0.0.1:9100", _("a server that was started with  --admin 127.0.0.1:9100")},
        {"aperto watch 4242 --sort blame", _("the connections of process 4242, the most held up first")},
        {"aperto watch all --once --json | jq '.connections[].rtt_us'", _("for scripts")},
    };
    command.set_arguments = [&request](std::vector<std::string> words) {
        if (words.size() > 1)
            throw usage_error(sentence(_("\"{}\" is one argument too many"), log_safe(words[1])));
        if (words.empty()) return;
        check_watch_target(words[0]);
        request.target = words[0];
    };
    return command;
}

}  // namespace aperto::cli
