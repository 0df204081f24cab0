// SPDX-License-Identifier: MIT
#include "cli/bench.hpp"

#include "cli/bench_report.hpp"
#include "cli/failure.hpp"
#include "cli/sentence.hpp"
#include "core/signal_set.hpp"
#include "load/generator.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

namespace aperto::cli {
namespace {

/// A number of requests is an end in itself, and every one of them counts.
load::plan plan_of(const bench_request& request) {
    load::plan plan = request.plan;
    if (plan.requests == 0) return plan;
    if (!request.duration_given) plan.duration = duration::zero();
    if (!request.warm_up_given) plan.warm_up = duration::zero();
    return plan;
}

failure explain(const error& cause, const load::plan& plan) {
    if (cause.code() == std::errc::invalid_argument)
        return {exit_usage, _(cause.advice().c_str()), sentence(_("See  {}"), "aperto bench --help")};
    if (cause.tried() == "connect to" || cause.tried() == "look up") {
        return explain_connect(cause, plan.host, plan.port, plan.patience);
    }
    return {exit_failed, cause.what(), cause.advice()};
}

bool write_histogram(const std::string& path, const load::histogram& what) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "we"), std::fclose);
    return file && what.write(file.get());
}

load::outcome run_load(const load::plan& plan, bool json, bool live) {
    load::generator::progress_listener listener;
    if (live) {
        listener = [&plan](const load::progress& now) {
            std::fprintf(stderr, "\r%s\033[K", bench_progress(plan, now).c_str());
            std::fflush(stderr);
        };
    }
    load::generator load(plan, listener);
    if (!json) std::fputs(bench_headline(plan, load.target_name()).c_str(), stdout);
    std::fflush(stdout);
    // The first interrupt ends the run early, the second one the program.
    const signal_set signals({.ending = {SIGINT, SIGTERM}});
    return load.run(&signals.asked_to_end());
}

}  // namespace

int run_bench(const bench_request& request) {
    const load::plan plan = plan_of(request);
    const bool live = ::isatty(STDERR_FILENO) == 1;
    const char* const wipe = live ? "\r\033[K" : "";
    try {
        const load::outcome seen = run_load(plan, request.json, live);
        std::fputs(wipe, stderr);
        std::fputs((request.json ? bench_json(plan, seen) : bench_text(plan, seen)).c_str(), stdout);
        const load::histogram& latency = plan.rate > 0 ? seen.corrected : seen.latency;
        if (!request.histogram_file.empty() && !write_histogram(request.histogram_file, latency)) {
            return tell({exit_failed, sentence(_("could not write {}"), request.histogram_file), {}});
        }
        return seen.clean() ? exit_done : exit_failed;
    } catch (const error& cause) {
        std::fputs(wipe, stderr);
        return tell(explain(cause, plan));
    }
}

}  // namespace aperto::cli
