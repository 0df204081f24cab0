// SPDX-License-Identifier: MIT
#include "cli/failure.hpp"
#include "cli/options/command_line.hpp"
#include "cli/options/quantity.hpp"
#include "core/log_safe.hpp"
#include "core/option_ranges.hpp"
#include "core/option_text.hpp"
#include "core/sentence.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>

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
        text_option("--host", "HOST",
                    _("the server's name or address; HOST:PORT names its port too; of HOST,HOST the first "
                      "that answers; _SERVICE._tcp.DOMAIN is what the name service has of it (SRV)"),
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
        flag_option("--steps",
                    _("tell each step of a client as it happens: socket, connect, send, recv, close"),
                    request.steps),
        engine_option(request.engine),
    };
    add_tls_options(command.options, request.tls);
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

namespace {

option_description count_option(std::string name, std::string help, std::size_t& target, std::size_t least,
                                std::size_t most) {
    return number_option(std::move(name), std::move(help), std::to_string(target), least, most,
                         [&target](std::uint64_t number) { target = number; });
}

/// `option`, which also notes that it was given.
option_description noted(option_description option, bool& given) {
    option.set = [set = std::move(option.set), &given](const std::string& text) {
        set(text);
        given = true;
    };
    return option;
}

int hex_digit(char digit) noexcept {
    if (digit >= '0' && digit <= '9') return digit - '0';
    const char lower = static_cast<char>(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// The byte of `\xHH`, whose digits are at `at`; -1 where they are none.
int hex_byte(std::string_view text, std::size_t at) noexcept {
    const int high = at < text.size() ? hex_digit(text[at]) : -1;
    const int low = at + 1 < text.size() ? hex_digit(text[at + 1]) : -1;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/// What a text stands for: `\r`, `\n`, `\t`, `\0`, `\\` and `\xHH` are one byte each.
std::string unescaped(const std::string& name, std::string_view text) {
    constexpr std::string_view letters = "rnt0\\";
    constexpr std::string_view bytes("\r\n\t\0\\", 5);
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out += text[i];
            continue;
        }
        ++i;
        const char letter = i < text.size() ? text[i] : ' ';
        const int coded = letter == 'x' ? hex_byte(text, i + 1) : -1;
        const std::size_t at = letters.find(letter);
        if (coded < 0 && at == std::string_view::npos)
            throw usage_error(sentence(_("{} takes a text in which a backslash begins one of \\r \\n \\t \\0 "
                                         "\\\\ \\xHH, not \"{}\""),
                                       name, log_safe(text)));
        out += coded >= 0 ? static_cast<char>(coded) : bytes[at];
        if (coded >= 0) i += 2;
    }
    return out;
}

std::string read_whole(const std::string& name, const std::string& path) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
    std::string text;
    std::array<char, 65'536> piece{};
    while (file && text.size() <= load::ranges::framed_size_most) {
        const std::size_t count = std::fread(piece.data(), 1, piece.size(), file.get());
        if (count == 0) break;
        text.append(piece.data(), count);
    }
    if (!file || std::ferror(file.get()) != 0)
        throw usage_error(sentence(_("{}: could not read {}: {}"), name, log_safe(path),
                                   system_reason({errno, std::system_category()})));
    return text;
}

/// TEXT, or @FILE for what is in a file.
option_description bytes_option(std::string name, std::string help, std::string& target) {
    auto take = [name, &target](const std::string& text) {
        target = text.starts_with('@') ? read_whole(name, text.substr(1)) : unescaped(name, text);
        if (target.empty()) throw usage_error(sentence(_("{} takes at least one byte"), name));
    };
    return {.name = std::move(name), .value = "TEXT", .help = std::move(help), .set = std::move(take)};
}

option_description framing_of_load(load::framing& target) {
    return {.name = "--framing",
            .value = "stream|line|length",
            .help = _("how messages are told apart"),
            .fallback = "stream",
            .set = [&target](const std::string& text) {
                target = text == "line"     ? load::framing::line
                         : text == "length" ? load::framing::length
                                            : load::framing::stream;
            }};
}

option_description expect_option(load::expectation& target) {
    return {.name = "--expect",
            .value = "upper|echo|none",
            .help = _("what has to come back: the text in capitals, the same, or anything"),
            .fallback = _("upper; none with --send"),
            .set = [&target](const std::string& text) {
                target = text == "echo"   ? load::expectation::echo
                         : text == "none" ? load::expectation::none
                                          : load::expectation::upper;
            }};
}

option_description requests_option(bench_request& request) {
    return number_option(
        "--requests", _("end after so many requests; then without --duration and --warm-up there is neither"),
        _("no such end"), 1, load::ranges::requests_most,
        [&request](std::uint64_t number) { request.plan.requests = number; });
}

/// `option`, which says what has to come back.
option_description expecting(option_description option, load::expectation what, bench_request& request) {
    option.fallback.clear();
    option.set = [set = std::move(option.set), what, &request](const std::string& text) {
        set(text);
        request.plan.expect = what;
        request.expect_given = true;
    };
    return option;
}

void add_load(std::vector<option_description>& to, bench_request& request) {
    load::plan& plan = request.plan;
    to.push_back(count_option("--connections", _("connections that ask"), plan.connections, 1,
                              load::ranges::connections_most));
    to.push_back(count_option("--idle", _("connections opened before that say nothing"),
                              plan.idle_connections, 0, load::ranges::connections_most));
    to.push_back(decimal_option(
        "--rate", _("requests a second, each sent when it is due whatever the server does (open loop)"),
        _("closed loop: each reply brings the next request"), load::ranges::rate_least,
        load::ranges::rate_most, plan.rate));
    to.push_back(noted(size_option("--size", _("bytes in a message"), plan.size, 1, load::ranges::size_most),
                       request.size_given));
    to.push_back(count_option("--pipeline", _("requests in flight on a connection"), plan.pipeline, 1,
                              load::ranges::pipeline_most));
    to.push_back(framing_of_load(plan.framing));
    to.push_back(flag_option("--per-message-connection",
                             _("connect, send, receive and close for each message"),
                             plan.per_message_connection));
    to.push_back(flag_option("--reset", _("with it, a reset (RST) in place of each close"), plan.reset));
    to.push_back(noted(expect_option(plan.expect), request.expect_given));
    to.push_back(bytes_option("--send", _("each request is exactly this TEXT, or the bytes of a file: @FILE"),
                              plan.request_text));
    to.push_back(expecting(
        bytes_option("--expect-text", _("a reply is exactly this TEXT, or @FILE; every byte is compared"),
                     plan.reply_text),
        load::expectation::text, request));
    to.push_back(expecting(size_option("--expect-bytes", _("a reply is so many bytes, whatever they are"),
                                       plan.reply_bytes, 1, load::ranges::size_most),
                           load::expectation::bytes, request));
}

void add_measuring(std::vector<option_description>& to, bench_request& request) {
    load::plan& plan = request.plan;
    to.push_back(noted(limited_duration_option("--duration", _("how long to measure"), plan.duration,
                                               load::ranges::duration_least, load::ranges::time_most),
                       request.duration_given));
    to.push_back(noted(limited_duration_option("--warm-up", _("load before that, not counted"), plan.warm_up,
                                               duration::zero(), load::ranges::time_most),
                       request.warm_up_given));
    to.push_back(limited_duration_option(
        "--patience", _("how long to wait for a connection, for a free port and for late replies"),
        plan.patience, load::ranges::duration_least, load::ranges::time_most));
    to.push_back(requests_option(request));
    auto pid = number_option("--server-pid",
                             _("a process of this machine whose CPU and memory are measured too: the server"),
                             "", 1, load::ranges::pid_most,
                             [&plan](std::uint64_t number) { plan.server_pid = static_cast<int>(number); });
    pid.value = "PID";
    to.push_back(std::move(pid));
    to.push_back(flag_option("--json", _("print the result as one JSON object"), request.json));
    to.push_back(text_option("--histogram", "FILE",
                             _("write the latency distribution to a file, for HdrHistogram's plotters"), "",
                             request.histogram_file));
}

}  // namespace

command_description describe_bench(bench_request& request) {
    command_description command{
        .name = "bench",
        .summary = _("puts any TCP server under load, checks every byte, says how fast it answers"),
        .arguments = "",
        .about = _("Puts any TCP server under load, checks what comes back, says how fast it came.\n"
                   "In a TEXT, \\r \\n \\t \\0 \\\\ and \\xHH stand for one byte each."),
    };
    command.options = {
        text_option("--host", "HOST", _("the server's name or address; HOST:PORT names its port too"),
                    request.plan.host, request.plan.host),
        port_option(_("the server's port"), request.plan.port, 1),
    };
    add_load(command.options, request);
    add_measuring(command.options, request);
    command.examples = {
        {"aperto bench --connections 100 --duration 5s", _("a server of this machine, port 9999")},
        {"aperto bench --port 6379 --send 'PING\\r\\n' --expect-text '+PONG\\r\\n'",
         _("Redis, every byte compared")},
        {"aperto bench --rate 2000 --json", _("2000 requests a second, the result for a program")},
    };
    return command;
}

}  // namespace aperto::cli
