// SPDX-License-Identifier: MIT
#include "cli/options/command_line.hpp"
#include "cli/options/command_table.hpp"
#include "cli/options/option_values.hpp"
#include "core/log_safe.hpp"
#include "core/option_ranges.hpp"
#include "core/sentence.hpp"

namespace aperto::cli {

namespace {

option_description messages_option(message_detail& target) {
    return {.name = "--messages",
            .value = "auto|all|none",
            .help = _("which messages to show; auto: a summary a second when they come too fast to read"),
            .fallback = "auto",
            .set = [&target](const std::string& text) {
                target = text == "all"    ? message_detail::all
                         : text == "none" ? message_detail::none
                                          : message_detail::automatic;
            }};
}

option_description log_option(log_format& target) {
    return {.name = "--log",
            .value = "text|json",
            .help = _("sentences for people, or one JSON object a line for programs"),
            .fallback = "text",
            .set = [&target](const std::string& text) {
                target = text == "json" ? log_format::json : log_format::text;
            }};
}

void set_service(std::vector<std::string> words, service& target) {
    if (words.empty()) return;
    if (words.size() > 1)
        throw usage_error(sentence(_("\"{}\" is one argument too many"), log_safe(words[1])));
    if (words[0] == "upper") {
        target = service::upper;
    } else if (words[0] == "echo") {
        target = service::echo;
    } else if (words[0] == "discard") {
        target = service::discard;
    } else {
        throw usage_error(
            sentence(_("there is no service \"{}\"; there are upper, echo and discard"), log_safe(words[0])));
    }
}

option_description framing_of_service(serve_request& request) {
    auto option = framing_option(_("where a message ends: as it arrives, whole characters (stream) or any "
                                   "bytes (raw); at a line feed; "
                                   "or by a 4-byte length before it"),
                                 request.options.framing);
    option.fallback = _("stream; raw for echo and discard");
    option.set = [&request](const std::string& text) { request.framing = framing_from_string(text); };
    return option;
}

}  // namespace

command_description describe_serve(serve_request& request) {
    aperto::options& options = request.options;
    command_description command{
        .name = "serve",
        .summary = _("listens for clients and answers them"),
        .arguments = "[upper|echo|discard]",
        .about = _("Listens for clients and answers each of their messages, until Ctrl-C."),
        .choices = {{"upper", _("answers with the text in capitals (when none is named)")},
                    {"echo", _("answers with the same bytes")},
                    {"discard", _("answers nothing")}},
    };
    command.options = {
        text_option("--host", "HOST", _("listen on this address or name only"),
                    _("every address, IPv6 and IPv4"), options.host),
        port_option(_("the port to listen on; 0 takes any free one"), options.port, 0),
        framing_of_service(request),
        flag_option("--once", _("one client at a time, one reply each, then close and accept again"),
                    options.once),
        number_option("--workers", _("threads, each with a loop of its own"), _("one a core"), 1,
                      ranges::workers_most,
                      [&options](std::uint64_t number) { options.workers = static_cast<unsigned>(number); }),
        engine_option(options.engine),
        messages_option(request.messages),
        log_option(request.log),
        text_option("--config", "FILE", _("take options from this TOML file; those given here win"), "",
                    request.config),
        text_option("--check", "FILE", _("say what is wrong in such a file, and end"), "", request.check),
    };
    add_limits(command.options, options);
    command.examples = {
        {"aperto serve", _("answers everyone in capitals, port 9999")},
        {"aperto serve --once", _("the lesson's server, step by step: accept, receive, answer, close")},
        {"aperto serve echo --port 7000 --framing line", _("gives every line back")},
        {"aperto serve --check aperto.toml", _("is everything in that file right?")},
        {"aperto serve --port 0 --log json", _("any free port; the event \"listening\" tells which")},
    };
    command.set_arguments = [&request](std::vector<std::string> words) {
        set_service(std::move(words), request.what);
    };
    return command;
}

}  // namespace aperto::cli
