// SPDX-License-Identifier: MIT
//
// bench/: what `aperto bench` does, with the load generator of apps/load. bench has the command;
// bench_report, what a run saw, for people and for programs.
#pragma once

#include "load/outcome.hpp"
#include "load/plan.hpp"

#include <string>

namespace aperto::cli {

struct bench_request {
    load::plan plan;
    bool json = false;
    std::string histogram_file;  ///< empty: none
    bool duration_given = false;
    bool warm_up_given = false;
    bool size_given = false;
    bool expect_given = false;  ///< by any of the three options that say what has to come back
};

/// `aperto bench`: puts any TCP server under load and says how it answered. Gives the exit code: 0 when all
/// was sent and every reply came and was right, 1 when not, 2 for a load that makes no sense, 3 when it could
/// not connect, 4 when the run ended early because the server was lost or no port was free.
int run_bench(const bench_request& request);

/// "→ 127.0.0.1:9999 · 64 connections · 64 B · …": what is about to be done.
std::string bench_headline(const load::plan& what, const std::string& target);
/// One line of what is happening, without its end.
std::string bench_progress(const load::plan& what, const load::progress& now);
/// What a run saw, for people, in several lines.
std::string bench_text(const load::plan& what, const load::outcome& seen);
/// What a run saw, as one JSON object. Keys say their units; durations are microseconds.
std::string bench_json(const load::plan& what, const load::outcome& seen);

}  // namespace aperto::cli
