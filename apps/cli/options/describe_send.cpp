// SPDX-License-Identifier: MIT
#include "cli/options/command_line.hpp"
#include "cli/options/command_table.hpp"
#include "cli/options/option_values.hpp"
#include "cli/options/quantity.hpp"
#include "core/option_ranges.hpp"
#include "core/option_text.hpp"
#include "core/sentence.hpp"

namespace aperto::cli {

namespace {

option_description quiet_time_option(std::optional<duration>& target) {
    constexpr const char* name = "--quiet-time";
    return {.name = name,
            .value = "TIME",
            .help = _(
                "take the reply to TEXT for whole when it has been quiet for so long, where the server keeps "
                "the connection open"),
            .fallback = _("by the round trip, 1s or more"),
            .set = [&target](const std::string& text) {
                target = parse_duration(text);
                if (!target || *target < ranges::time_least) throw usage_error(takes_time(name, false, text));
            }};
}

}  // namespace

command_description describe_send(send_request& request) {
    command_description command{
        .name = "send",
        .summary = _("sends text to a server and prints the reply"),
        .arguments = "[TEXT…]",
        .about =
            _("Sends TEXT, its words joined by spaces, and prints the reply.\n"
              "Without TEXT: at a terminal a prompt, a line a message; otherwise all of standard input."),
    };
    command.options = {
        text_option("--host", "HOST", _("the server's name or address; HOST:PORT names its port too"),
                    request.host, request.host),
        port_option(_("the server's port"), request.port, 1),
        framing_option(_("where a message ends, as the server expects it"), request.framing),
        duration_option(
            "--timeout",
            _("how long to wait for the connection, then for the answer, and for each 1 KiB of it"),
            request.timeout),
        quiet_time_option(request.quiet_time),
        {.name = "--until-close",
         .help = _("only the server's end of the stream ends a reply, no silence; as --quiet-time never"),
         .set = [&request](const std::string&) { request.quiet_time = forever; }},
        number_option("--retry", _("try so many times more when the connection fails"), "0", 0, 1000,
                      [&request](std::uint64_t number) { request.retries = static_cast<unsigned>(number); }),
        flag_option("--facts", _("tell what the handshake agreed on and the measured round trip"),
                    request.facts),
        engine_option(request.engine),
    };
    command.examples = {
        {"aperto send \"olá, mundo\"", _("one message to this machine's server")},
        {"aperto send --host sala-3 --facts texto original",
         _("to another machine, with what TCP agreed on")},
        {"aperto send", _("a prompt: type a line, read its answer; Ctrl-D ends")},
        {"aperto send < book.txt > BOOK.txt", _("a whole file, of any size")},
    };
    command.set_arguments = [&request](std::vector<std::string> words) { request.words = std::move(words); };
    return command;
}

}  // namespace aperto::cli
