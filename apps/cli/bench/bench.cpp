// SPDX-License-Identifier: MIT
#include "cli/bench/bench.hpp"

#include "cli/failure.hpp"
#include "cli/options/quantity.hpp"
#include "core/display.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"
#include "core/signal_set.hpp"
#include "load/generator.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

namespace aperto::cli {
namespace {

/// A number of requests is an end in itself, and every one of them counts: there is no other end, nor a
/// warm-up, that was not asked for.
load::plan plan_of(const bench_request& request) {
    load::plan plan = request.plan;
    // What is sent is the user's, and only the user knows what comes back.
    if (!plan.request_text.empty() && !request.expect_given) plan.expect = load::expectation::none;
    if (plan.requests == 0) return plan;
    if (!request.duration_given) plan.duration = duration::zero();
    if (!request.warm_up_given) plan.warm_up = duration::zero();
    return plan;
}

const char* port_advice() {
    return _(
        "The port of a connection that was closed rests for a minute (TIME_WAIT), and there are as many "
        "ports as\n`sysctl net.ipv4.ip_local_port_range` says. Ask for fewer connections, or widen that "
        "range.\n"
        "To wait until ports come free: --patience 70s");
}

failure explain(const error& cause, const load::plan& plan) {
    if (cause.tried() == "run")  // the plan's own check
        return {exit_usage, _(cause.advice().c_str()), sentence(_("See  {}"), "aperto bench --help")};
    const std::string reason = system_reason(cause.code());
    if (cause.code() == std::errc::too_many_files_open)
        return {exit_failed,
                counted("could not open {} connection: {}", "could not open {} connections: {}",
                        plan.connections + plan.idle_connections, reason),
                _("`ulimit -Hn` says how many files a process may open, and each connection is one.")};
    if (cause.tried() == "watch process")
        return {exit_usage,
                sentence(_("could not watch process {}: {}"), std::to_string(plan.server_pid), reason),
                {}};
    if (cause.tried() != "connect to" && cause.tried() != "look up")
        return {exit_failed, cause.what(), cause.advice()};
    failure told = explain_connect(cause, plan.host, plan.port, plan.patience);
    if (cause.code() == std::errc::timed_out) told.advice = _("To wait longer: --patience 30s");
    if (cause.code() == std::errc::address_not_available) told.advice = port_advice();
    return told;
}

/// A run that ended early has been told of by then; this says so where errors are read, and what to do.
failure explain_end(const load::early_end& end, const load::plan& plan) {
    const std::string reason = system_reason({end.error, std::system_category()});
    if (end.why == load::early_end::cause::no_port_left)
        return {exit_cut_short,
                sentence(_("the run ended early: for {} no source port was free ({})"),
                         duration_text(plan.patience), reason),
                port_advice()};
    return {exit_cut_short, sentence(_("the run ended early: the server was lost ({})"), reason), {}};
}

using file = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

/// Before the run, so that none is made in vain; what is in the file stays until the new is there.
file open_histogram(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    return {descriptor < 0 ? nullptr : ::fdopen(descriptor, "w"), std::fclose};
}

bool write_histogram(std::FILE* to, const load::histogram& what) {
    const bool emptied = ::ftruncate(::fileno(to), 0) == 0 || errno == EINVAL;  // EINVAL: no file, but a pipe
    return emptied && what.write(to);
}

failure not_written(const std::string& path) {
    return {
        exit_failed,
        sentence(_("could not write {}: {}"), log_safe(path), system_reason({errno, std::system_category()})),
        {}};
}

void print_table(const std::string& rows) {
    constexpr std::size_t text_column = 13;
    std::fputs(wrap(rows, terminal_columns(STDOUT_FILENO), text_column).c_str(), stdout);
}

/// Runs it; `signal` is the one that ended it early, 0: none.
load::outcome run_load(const load::plan& plan, bool json, bool live, int& signal) {
    load::generator::progress_listener listener;
    if (live) {
        listener = [&plan](const load::progress& now) {
            // One line of it: a second one would stay on the screen.
            const std::size_t columns = terminal_columns(STDERR_FILENO);
            const std::string text = wrap(bench_progress(plan, now), columns == 0 ? 0 : columns - 1);
            std::fprintf(stderr, "\r%s\033[K", text.substr(0, text.find('\n')).c_str());
            std::fflush(stderr);
        };
    }
    load::generator load(plan, listener);
    if (!json) print_table(bench_headline(plan, load.target_name()));
    std::fflush(stdout);
    // The first interrupt ends the run early, the second one the program.
    signal_set signals({.ending = {SIGINT, SIGTERM}});
    const load::outcome seen = load.run(&signals.asked_to_end());
    signal = signals.take();
    return seen;
}

}  // namespace

int run_bench(const bench_request& request) {
    const load::plan plan = plan_of(request);
    const bool live = ::isatty(STDERR_FILENO) == 1;
    const char* const wipe = live ? "\r\033[K" : "";
    try {
        if (!plan.request_text.empty() && request.size_given)
            return tell({exit_usage, _("--send is the whole request, so --size has nothing to say"), {}});
        load::check(plan);
        file histogram(nullptr, std::fclose);
        if (!request.histogram_file.empty()) {
            histogram = open_histogram(request.histogram_file);
            if (!histogram) return tell(not_written(request.histogram_file));
        }
        int signal = 0;
        const load::outcome seen = run_load(plan, request.json, live, signal);
        std::fputs(wipe, stderr);
        if (request.json)
            std::fputs(bench_json(plan, seen).c_str(), stdout);
        else
            print_table(bench_text(plan, seen));
        const load::histogram& latency = plan.rate > 0 ? seen.corrected : seen.latency;
        if (histogram && !write_histogram(histogram.get(), latency))
            return tell(not_written(request.histogram_file));
        if (seen.ended) return tell(explain_end(*seen.ended, plan));
        if (seen.interrupted) return exit_by_signal + signal;
        return seen.clean() ? exit_done : exit_failed;
    } catch (const error& cause) {
        std::fputs(wipe, stderr);
        return tell(explain(cause, plan));
    }
}

}  // namespace aperto::cli
