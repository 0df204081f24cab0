// SPDX-License-Identifier: MIT
#pragma once

#include "load/outcome.hpp"
#include "load/plan.hpp"

#include <string>

namespace aperto::cli {

/// "→ 127.0.0.1:9999 · 64 connections · 64 B · …": what is about to be done.
std::string bench_headline(const load::plan& what, const std::string& target);
/// One line of what is happening, without its end.
std::string bench_progress(const load::plan& what, const load::progress& now);
/// What a run saw, for people, in several lines.
std::string bench_text(const load::plan& what, const load::outcome& seen);
/// What a run saw, as one JSON object. Keys say their units; durations are microseconds.
std::string bench_json(const load::plan& what, const load::outcome& seen);

}  // namespace aperto::cli
