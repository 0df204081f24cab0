// SPDX-License-Identifier: MIT
#include "cli/command_table.hpp"
#include "cli/option_values.hpp"
#include "cli/sentence.hpp"

#include <utility>

namespace aperto::cli {

namespace {

namespace ranges = load::ranges;

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
            .fallback = "upper",
            .set = [&target](const std::string& text) {
                target = text == "echo"   ? load::expectation::echo
                         : text == "none" ? load::expectation::none
                                          : load::expectation::upper;
            }};
}

option_description requests_option(bench_request& request) {
    return number_option(
        "--requests", _("end after so many requests; then without --duration and --warm-up there is neither"),
        _("no such end"), 1, ranges::requests_most,
        [&request](std::uint64_t number) { request.plan.requests = number; });
}

void add_load(std::vector<option_description>& to, bench_request& request) {
    load::plan& plan = request.plan;
    to.push_back(count_option("--connections", _("connections that ask"), plan.connections, 1,
                              ranges::connections_most));
    to.push_back(count_option("--idle", _("connections opened before that say nothing"),
                              plan.idle_connections, 0, ranges::connections_most));
    to.push_back(decimal_option(
        "--rate", _("requests a second, each sent when it is due whatever the server does (open loop)"),
        _("closed loop: each reply brings the next request"), ranges::rate_least, ranges::rate_most,
        plan.rate));
    to.push_back(size_option("--size", _("bytes in a message"), plan.size, 1, ranges::size_most));
    to.push_back(count_option("--pipeline", _("requests in flight on a connection"), plan.pipeline, 1,
                              ranges::pipeline_most));
    to.push_back(framing_of_load(plan.framing));
    to.push_back(flag_option("--per-message-connection",
                             _("connect, send, receive and close for each message"),
                             plan.per_message_connection));
    to.push_back(flag_option("--reset", _("with it, a reset (RST) in place of each close"), plan.reset));
    to.push_back(expect_option(plan.expect));
}

void add_measuring(std::vector<option_description>& to, bench_request& request) {
    load::plan& plan = request.plan;
    to.push_back(noted(limited_duration_option("--duration", _("how long to measure"), plan.duration,
                                               ranges::duration_least, ranges::time_most),
                       request.duration_given));
    to.push_back(noted(limited_duration_option("--warm-up", _("load before that, not counted"), plan.warm_up,
                                               duration::zero(), ranges::time_most),
                       request.warm_up_given));
    to.push_back(limited_duration_option(
        "--patience", _("how long to wait for a connection, for a free port and for late replies"),
        plan.patience, ranges::duration_least, ranges::time_most));
    to.push_back(requests_option(request));
    auto pid = number_option(
        "--server-pid", _("a process of this machine whose CPU and memory are measured too: the server"), "",
        1, ranges::pid_most, [&plan](std::uint64_t number) { plan.server_pid = static_cast<int>(number); });
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
        .about =
            _("Puts a TCP server under load, compares every byte of every reply, says how fast they came."),
    };
    command.options = {
        text_option("--host", "HOST", _("the server's name or address"), request.plan.host,
                    request.plan.host),
        port_option(_("the server's port"), request.plan.port, 1),
    };
    add_load(command.options, request);
    add_measuring(command.options, request);
    command.examples = {
        {"aperto bench --connections 100 --duration 5s", _("a server of this machine, port 9999")},
        {"aperto bench --rate 2000 --json", _("2000 requests a second, the result for a program")},
    };
    return command;
}

}  // namespace aperto::cli
