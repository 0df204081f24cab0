// SPDX-License-Identifier: MIT
#pragma once

#include "lab/run.hpp"
#include "lab/show.hpp"

#include <optional>
#include <string>
#include <vector>

namespace aperto::cli {

/// What `aperto lab` is asked to do.
struct lab_request {
    enum class verb { once, run, list, show, doctor };
    verb what = verb::once;
    std::vector<std::string> names;  ///< of scenarios
    lab::run_plan plan;              ///< of `once`
    lab::show_plan show;
    std::optional<std::uint64_t> seed;
    std::string replay_path;  ///< decisions to follow
    std::string save_path;    ///< where decisions are kept
    std::string junit_path;
    std::optional<int> exit_now;  ///< help was shown, or the arguments make no sense (2)
};

/// Reads the arguments; help and complaints are printed here.
lab_request read_lab_arguments(const std::vector<std::string>& args);

}  // namespace aperto::cli
