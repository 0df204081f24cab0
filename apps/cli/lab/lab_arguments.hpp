// SPDX-License-Identifier: MIT
#pragma once

#include "lab/scenario/run.hpp"
#include "lab/scenario/show.hpp"

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
    std::optional<lab::duration> timeout;
    std::string replay_path;                  ///< decisions to follow
    std::optional<lab::decision_log> replay;  ///< what stands there
    std::string save_path;                    ///< where decisions are kept
    std::string junit_path;
    bool in_virtual_linux = false;            ///< --virtual
    std::optional<lab::duration> wall_limit;  ///< of the wall clock, for a run in there
    std::vector<std::string> keep;            ///< files of a run in there that are brought back
    std::optional<int> exit_now;              ///< help was shown, or the arguments make no sense (2)
};

/// Reads the arguments into an empty request; help is printed here. Throws `bad_input`, with the files that
/// were named before that in `out` all the same.
void read_lab_arguments(const std::vector<std::string>& args, lab_request& out);

}  // namespace aperto::cli
