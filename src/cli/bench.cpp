// SPDX-License-Identifier: MIT
#include "cli/bench.hpp"

#include "cli/bench_report.hpp"
#include "cli/cli11_help.hpp"
#include "cli/command_line.hpp"
#include "cli/failure.hpp"
#include "cli/foreign_options.hpp"
#include "cli/option_values.hpp"
#include "cli/quantity.hpp"
#include "cli/sentence.hpp"
#include "core/display.hpp"
#include "core/signal_set.hpp"
#include "load/generator.hpp"

#include <CLI/CLI.hpp>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>

namespace aperto::cli {
namespace {

struct request {
    load::plan plan;
    bool json = false;
    std::string histogram_file;
    std::optional<int> exit_now;  // help was shown, or the arguments make no sense
};

CLI::Validator is_duration() {
    return CLI::Validator(
        [](std::string& text) {
            const auto length = parse_duration(text);
            return length && *length != forever ? std::string()
                                                : _("a duration is written as in 10s, 500ms or 2m");
        },
        "10s|500ms|2m");
}

CLI::Validator is_size() {
    return CLI::Validator(
        [](std::string& text) {
            return parse_size(text) ? std::string() : _("a size is written as in 64, 16KiB or 1GiB");
        },
        "64|16KiB|1GiB");
}

void add_durations(CLI::App& app, load::plan& plan) {
    const auto add = [&app](const char* name, std::chrono::nanoseconds& into, const char* help) {
        app.add_option_function<std::string>(
               name, [&into](const std::string& text) { into = *parse_duration(text); }, help)
            ->type_name("TIME")
            ->check(is_duration());
    };
    add("--duration", plan.duration, _("how long to measure (default 10s)"));
    add("--warm-up", plan.warm_up, _("load before that, not counted (default 500ms)"));
    add("--patience", plan.patience, _("how long to wait for late replies (default 5s)"));
}

void add_options(CLI::App& app, request& into) {
    load::plan& plan = into.plan;
    app.add_option("--host", plan.host, _("the server's name or address; HOST:PORT names its port too"))
        ->type_name("HOST")
        ->capture_default_str();
    app.add_option("-p,--port", plan.port, _("the server's port"))
        ->type_name("PORT")
        ->capture_default_str()
        ->check(CLI::Range(1, 65535));
    app.add_option("--connections", plan.connections, _("connections that ask"))
        ->type_name("N")
        ->capture_default_str();
    app.add_option("--idle", plan.idle_connections, _("connections opened before that say nothing"))
        ->type_name("N")
        ->capture_default_str();
    app.add_option("--rate", plan.rate,
                   _("requests a second, sent when due whatever the server does (open loop); "
                     "without it each reply brings the next request (closed loop)"))
        ->type_name("N");
    app.add_option_function<std::string>(
           "--size", [&plan](const std::string& text) { plan.size = *parse_size(text); },
           _("bytes in a message (default 64)"))
        ->type_name("SIZE")
        ->check(is_size());
    app.add_option("--pipeline", plan.pipeline, _("requests in flight on a connection"))
        ->type_name("N")
        ->capture_default_str();
    app.add_option("--framing", plan.framing, _("how messages are told apart: stream, line or length"))
        ->transform(CLI::Transformer(
            std::vector<std::pair<std::string, load::framing>>{{"stream", load::framing::stream},
                                                               {"line", load::framing::line},
                                                               {"length", load::framing::length}}))
        ->option_text("stream|line|length");
    app.add_flag("--per-message-connection", plan.per_message_connection,
                 _("connect, send, receive and close for each message"));
    app.add_flag("--reset", plan.reset, _("with it, a reset (RST) in place of each close"));
    app.add_option("--expect", plan.expect,
                   _("what has to come back: the text in capitals, the same, or anything"))
        ->transform(CLI::Transformer(
            std::vector<std::pair<std::string, load::expectation>>{{"upper", load::expectation::upper},
                                                                   {"echo", load::expectation::echo},
                                                                   {"none", load::expectation::none}}))
        ->option_text("upper|echo|none");
    app.add_option("--requests", plan.requests, _("end after so many requests"))->type_name("N");
    app.add_option("--server-pid", plan.server_pid,
                   _("a process of this machine whose CPU and memory are measured too: the server"))
        ->type_name("PID");
    app.add_flag("--json", into.json, _("print the result as one JSON object"));
    app.add_option("--histogram", into.histogram_file,
                   _("write the latency distribution to a file, for HdrHistogram's plotters"))
        ->type_name("FILE");
    add_durations(app, plan);
}

std::unique_ptr<CLI::App> make_app(request& into) {
    auto app = std::make_unique<CLI::App>(
        _("Puts a TCP server under load, compares every byte of every reply, says how fast they came."),
        "aperto bench");
    app->formatter(std::make_shared<help_layout>());
    app->set_help_flag("-h,--help", _("this help"));
    add_options(*app, into);
    return app;
}

request parse(std::vector<std::string> args) {
    request result;
    const std::unique_ptr<CLI::App> made = make_app(result);
    CLI::App& app = *made;
    std::reverse(args.begin(), args.end());  // as CLI11 takes them
    try {
        app.parse(std::move(args));
    } catch (const CLI::CallForHelp&) {
        std::fputs(app.help().c_str(), stdout);
        result.exit_now = exit_done;
        return result;
    } catch (const CLI::ParseError& wrong) {
        result.exit_now = tell({exit_usage, usage_text(wrong), _("All options:  aperto bench --help")});
        return result;
    }
    try {
        split_host_and_port(result.plan.host, result.plan.port);
    } catch (const usage_error& wrong) {
        result.exit_now = tell({exit_usage, wrong.what(), _("All options:  aperto bench --help")});
        return result;
    }
    // A number of requests is an end in itself, and every one of them counts.
    if (result.plan.requests != 0) {
        if (app.count("--duration") == 0) result.plan.duration = std::chrono::nanoseconds(0);
        if (app.count("--warm-up") == 0) result.plan.warm_up = std::chrono::nanoseconds(0);
    }
    return result;
}

failure explain(const error& cause, const load::plan& plan) {
    if (cause.tried() == "connect to" || cause.tried() == "look up") {
        return explain_connect(cause, plan.host, plan.port, plan.patience);
    }
    if (cause.code() == std::errc::invalid_argument) return {exit_usage, cause.whom(), {}};
    return {exit_failed, cause.what(), cause.advice()};
}

bool write_histogram(const std::string& path, const load::histogram& what) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "we"), std::fclose);
    return file && what.write(file.get());
}

void print_table(const std::string& rows) {
    constexpr std::size_t text_column = 13;
    std::fputs(wrap(rows, terminal_columns(STDOUT_FILENO), text_column).c_str(), stdout);
}

load::outcome run_load(const request& what, bool live) {
    load::generator::progress_listener listener;
    if (live) {
        listener = [&what](const load::progress& now) {
            // One line of it: a second one would stay on the screen.
            const std::size_t columns = terminal_columns(STDERR_FILENO);
            const std::string text = wrap(bench_progress(what.plan, now), columns == 0 ? 0 : columns - 1);
            std::fprintf(stderr, "\r%s\033[K", text.substr(0, text.find('\n')).c_str());
            std::fflush(stderr);
        };
    }
    // The first interrupt ends the run early, the second one the program.
    const signal_set signals({.ending = {SIGINT, SIGTERM}});
    load::generator load(what.plan, listener, &signals.asked_to_end());
    if (!what.json) print_table(bench_headline(what.plan, load.target_name()));
    std::fflush(stdout);
    return load.run();
}

}  // namespace

void describe_bench(command_description& command) {
    request unused;
    describe_app(*make_app(unused), command);
}

int run_bench(std::vector<std::string> args) {
    const request what = parse(std::move(args));
    if (what.exit_now) return *what.exit_now;
    const bool live = ::isatty(STDERR_FILENO) == 1;
    const char* const wipe = live ? "\r\033[K" : "";
    try {
        const load::outcome seen = run_load(what, live);
        std::fputs(wipe, stderr);
        if (what.json)
            std::fputs(bench_json(what.plan, seen).c_str(), stdout);
        else
            print_table(bench_text(what.plan, seen));
        const load::histogram& latency = what.plan.rate > 0 ? seen.corrected : seen.latency;
        if (!what.histogram_file.empty() && !write_histogram(what.histogram_file, latency)) {
            return tell({exit_failed, sentence(_("could not write {}"), what.histogram_file), {}});
        }
        return seen.clean() ? exit_done : exit_failed;
    } catch (const error& cause) {
        std::fputs(wipe, stderr);
        return tell(explain(cause, what.plan));
    }
}

}  // namespace aperto::cli
