// SPDX-License-Identifier: MIT
#include "cli/options/command_line.hpp"
#include "cli/options/describe_listen.hpp"
#include "cli/options/quantity.hpp"
#include "core/log_safe.hpp"
#include "core/option_ranges.hpp"
#include "core/sentence.hpp"

namespace aperto::cli {

namespace {

using ranges::connections_most;

void add_counts(std::vector<option_description>& to, aperto::options& options) {
    to.push_back(number_option("--max-connections", _("clients at once; one more waits until one ends"),
                               _("as many as descriptors allow"), 1, connections_most,
                               [&options](std::uint64_t number) { options.max_connections = number; }));
    to.push_back(number_option(
        "--max-connections-per-address", _("clients at once from one address; one more is refused"),
        _("half of all, this machine's own not limited"), 1, connections_most,
        [&options](std::uint64_t number) { options.max_connections_per_address = number; }));
    to.push_back(number_option(
        "--accept-rate", _("clients a second from one address; those past it are refused"), _("any number"),
        1, static_cast<std::uint64_t>(ranges::accept_rate_most),
        [&options](std::uint64_t number) { options.accept_rate = static_cast<double>(number); }));
    to.push_back(ranges_option("--exempt", _("not held to the two limits per address, like your proxies"),
                               _("nobody"), options.exempt));
    to.push_back(ranges_option("--proxy-from",
                               _("proxies that you trust: their connections begin with the PROXY protocol"),
                               _("nobody"), options.proxy_from));
    to.push_back(ranges_option("--allow", _("only these may connect"), _("everyone"), options.allow));
    to.push_back(
        ranges_option("--deny", _("these may not connect; it wins over --allow"), _("nobody"), options.deny));
    to.push_back(number_option(
        "--backlog", _("clients that the system keeps waiting to be accepted"),
        std::to_string(options.socket.backlog), ranges::backlog_least, ranges::backlog_most,
        [&options](std::uint64_t number) { options.socket.backlog = static_cast<int>(number); }));
}

void add_sizes(std::vector<option_description>& to, aperto::options& options) {
    to.push_back(size_option("--max-message", _("largest message or line"), options.max_message,
                             ranges::max_message_least));
    to.push_back(size_option("--high-water",
                             _("bytes waiting to be sent to a client, past which it is not read"),
                             options.high_water, ranges::high_water_least));
    auto budget =
        size_option("--memory-budget",
                    _("memory for all buffers; past it clients that hold much and move little are ended"),
                    options.memory_budget, ranges::memory_budget_least);
    budget.fallback = _("a quarter of the memory");
    to.push_back(std::move(budget));
}

void add_deadlines(std::vector<option_description>& to, aperto::options& options) {
    to.push_back(duration_option("--handshake-deadline", _("from the connection to a client's first byte"),
                                 options.handshake_deadline));
    to.push_back(duration_option("--idle-timeout", _("how long a client may stay silent between messages"),
                                 options.idle_timeout));
    to.push_back(duration_option("--message-deadline", _("from a message's first byte to its last"),
                                 options.message_deadline));
    to.push_back(duration_option("--write-deadline", _("how long a client may take to accept what is sent"),
                                 options.write_deadline));
    to.push_back(duration_option("--keepalive",
                                 _("ask a silent client's machine whether it is there, so often; 0: never"),
                                 options.socket.keepalive, true));
    to.push_back(duration_option("--user-timeout",
                                 _("give a client up whose machine acknowledges nothing for so long; 0: the "
                                   "system's choice"),
                                 options.socket.user_timeout, true));
}

void add_drain(std::vector<option_description>& to, aperto::options& options) {
    to.push_back(duration_option("--drain-delay",
                                 _("when stopping: go on for so long as before, new clients too"),
                                 options.drain_delay, true));
    to.push_back(duration_option("--drain-grace", _("when stopping: leave idle clients alone for so long"),
                                 options.drain_grace, true));
    to.push_back(duration_option("--drain-spread",
                                 _("when stopping: spread the ends of many idle clients over so long"),
                                 options.drain_spread, true));
    to.push_back(duration_option("--drain-deadline",
                                 _("when stopping: how long conversations in progress may go on"),
                                 options.drain_deadline, true));
}

/// What listening sockets hand on to their connections, or hold themselves.
bool is_of_sockets(std::string_view name) {
    return name == "--backlog" || name == "--keepalive" || name == "--user-timeout";
}

/// The limits of a server.
void add_limits(std::vector<option_description>& to, aperto::options& options) {
    std::vector<option_description> limits;
    add_counts(limits, options);
    add_sizes(limits, options);
    add_deadlines(limits, options);
    add_drain(limits, options);
    for (option_description& each : limits) {
        each.group = _("Limits");
        each.renewable = !is_of_sockets(each.name);
        to.push_back(std::move(each));
    }
}

void add_journal(std::vector<option_description>& to, journal_options& journal) {
    std::vector<option_description> options{
        text_option("--journal", "FILE", _("record every message in this SQLite file before it is answered"),
                    "", journal.file),
        {.name = "--durability",
         .value = "process|power",
         .help = _("what a recorded message survives: the end of the server, or a power failure too"),
         .fallback = "power",
         .set =
             [&journal](const std::string& text) {
                 journal.durability = text == "process" ? durability::process : durability::power;
             }},
        size_option("--journal-size", _("put the file aside once it is so large, and go on in a new one"),
                    journal.rotate_size, 1),
        duration_option("--journal-age", _("put the file aside once it is so old, and go on in a new one"),
                        journal.rotate_age),
    };
    options[2].fallback = options[3].fallback = _("never");
    for (option_description& each : options) {
        each.group = _("Journal");
        to.push_back(std::move(each));
    }
}

option_description admin_option(std::string& target) {
    const auto take = [&target](const std::string& text) {
        try {
            static_cast<void>(host_port::parse(text));
        } catch (const error& wrong) {
            throw usage_error(
                sentence(_("--admin takes an address like 127.0.0.1:9100 or unix:/run/aperto/admin, not "
                           "\"{}\". {}"),
                         log_safe(text), _(wrong.advice().c_str())));
        }
        target = text;
    };
    return {.name = "--admin",
            .value = "ADDRESS",
            .help = _("answer /metrics, /connections, /messages, /livez and /readyz there, by HTTP: "
                      "HOST:PORT or unix:PATH"),
            .fallback = _("nowhere"),
            .set = take};
}

option_description handover_option(std::string& target) {
    const auto take = [&target](const std::string& text) {
        if (text.starts_with('@') || !endpoint::unix_socket(text))
            throw usage_error(sentence(
                _("--handover takes the path of a file, of 1 to 107 bytes, not \"{}\""), log_safe(text)));
        target = text;
    };
    return {.name = "--handover",
            .value = "PATH",
            .help = _("take the sockets over from the server that runs with the same path, and hand them on "
                      "to the next"),
            .fallback = _("nobody follows"),
            .set = take};
}

option_description fd_option(serve_request& request) {
    return {.name = "--fd",
            .value = "FD",
            .help = _("a socket that listens already, in place of --host and --port: a number, or the name "
                      "systemd gave it"),
            .fallback = _("those that systemd hands over"),
            .several = true,
            .set = [&request](const std::string& text) { request.inherited.push_back(text); }};
}

option_description messages_option(message_detail& target) {
    return {.name = "--messages",
            .value = "auto|some|all|none",
            .help = _("which messages to show, with what they say; some: a summary a second when they come "
                      "too fast to read; "
                      "auto: so on a terminal, none in a log"),
            .fallback = "auto",
            .renewable = true,
            .set = [&target](const std::string& text) {
                target = text == "all"    ? message_detail::all
                         : text == "some" ? message_detail::some
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

option_description level_option(log_level& target) {
    return {.name = "--log-level",
            .value = "error|warning|notice|info|debug",
            .help = _(
                "how much a line has to matter to be told; notice: the server's own life; info: its clients "
                "too"),
            .fallback = "info",
            .renewable = true,
            .set = [&target](const std::string& text) {
                target = text == "error"     ? log_level::error
                         : text == "warning" ? log_level::warning
                         : text == "notice"  ? log_level::notice
                         : text == "debug"   ? log_level::debug
                                             : log_level::info;
            }};
}

option_description trace_option(double& target) {
    const auto take = [&target](const std::string& text) {
        const auto share = text.ends_with('%') ? parse_decimal(text.substr(0, text.size() - 1), 0, 100)
                                               : std::optional<double>();
        if (!share)
            throw usage_error(sentence(
                _("--trace-messages takes a share from 0% to 100%, like 1%, not \"{}\""), log_safe(text)));
        target = *share / 100;
    };
    return {.name = "--trace-messages",
            .value = "SHARE",
            .help = _("tell of so many messages where their time went, like 1%: in the network, the kernel, "
                      "the loop, the handler, the client's window"),
            .fallback = "0%",
            .set = take};
}

option_description sandbox_option(confinement_mode& target) {
    return {.name = "--sandbox",
            .value = "on|required|off",
            .help = _("once bound, give up files, programs, connections to elsewhere and most system calls; "
                      "on: as far as this kernel can"),
            .fallback = "on",
            .set = [&target](const std::string& text) {
                target = text == "off"        ? confinement_mode::off
                         : text == "required" ? confinement_mode::required
                                              : confinement_mode::on;
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
        listen_option(options, request.tls.given),
        fd_option(request),
        framing_of_service(request),
        flag_option("--once", _("one client at a time, one reply each, then close and accept again"),
                    options.once),
        number_option("--workers", _("threads, each with a loop of its own"), _("one a core"), 1,
                      ranges::workers_most,
                      [&options](std::uint64_t number) { options.workers = static_cast<unsigned>(number); }),
        engine_option(options.engine),
        messages_option(request.messages),
        log_option(request.log),
        level_option(request.level),
        trace_option(options.trace_messages),
        text_option("--log-file", "FILE",
                    _("write the log there; opened again on SIGUSR1, for who moves it away"),
                    _("standard output"), request.log_file),
        text_option("--user", "NAME", _("become this user, or NAME:GROUP, before it serves; takes root"), "",
                    request.user),
        sandbox_option(request.sandbox),
        admin_option(request.admin),
        handover_option(request.handover),
        text_option("--config", "FILE", _("take options from this TOML file; those given here win"), "",
                    request.config),
        text_option("--check", "FILE", _("say what is wrong in such a file, and end"), "", request.check),
    };
    add_unix_file(command.options, options.socket);
    add_tls_options(command.options, request.tls);
    add_journal(command.options, request.journal);
    add_limits(command.options, options);
    command.examples = {
        {"aperto serve", _("answers everyone in capitals, port 9999")},
        {"aperto serve --once", _("the lesson's server, step by step: accept, receive, answer, close")},
        {"aperto serve echo --port 7000 --framing line", _("gives every line back")},
        {"aperto serve --check aperto.toml", _("is everything in that file right?")},
        {"aperto serve --journal book.db", _("what was answered is on record, whatever happens")},
        {"aperto serve --handover run/next.sock", _("run the same again later: the new one takes over")},
        {"aperto serve --port 0 --log json", _("any free port; the event \"listening\" tells which")},
    };
    command.set_arguments = [&request](std::vector<std::string> words) {
        set_service(std::move(words), request.what);
    };
    return command;
}

}  // namespace aperto::cli
