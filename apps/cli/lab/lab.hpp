// SPDX-License-Identifier: MIT
//
// lab/: what `aperto lab` does, with the lab of apps/lab. lab has the command; lab_files, the files that its
// runs leave.
#pragma once

#include "lab/scenario/scenario.hpp"
#include "lab/view/show.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace aperto::cli {

/// What `aperto lab` is asked to do.
struct lab_request {
    enum class verb { once, run, list, show, doctor, peer };
    verb what = verb::once;
    std::vector<std::string> names;  ///< of scenarios; of `peer`, its arguments
    lab::run_plan plan;              ///< of `once`
    lab::show_plan show;
    bool no_colour = false;
    bool ascii = false;
    std::optional<std::uint64_t> seed;
    std::optional<lab::duration> timeout;
    std::string replay_path;                  ///< decisions to follow
    std::optional<lab::decision_log> replay;  ///< what stands there
    std::string save_path;                    ///< where decisions are kept
    std::string junit_path;
    std::string server_command;  ///< of `once`; empty: the lesson's
    std::string client_command;
    lab::host_plan host{.settings = lab::textbook_settings()};  ///< each of the two, of `once`
};

/// Gives the exit code:
///
///     0    all went well, and the client ended with 0
///     1    something expected was not seen, or nothing was said (lab run); the server was never ready
///     2    arguments or files that make no sense
///     70   the wire lost what it was not told to lose: the run does not count
///     77   this machine does not allow what the lab needs
///     124  the time was up
///     130  interrupted (SIGINT); 143 by SIGTERM
///     any other: the client's own
int run_lab(lab_request request);

/// Nothing runs, because the arguments make no sense: the files that they name say so too, rather than tell
/// of an older run.
void refuse_lab(const lab_request& request, const std::string& why);

/// The files that a run of this scenario leaves: `{}` in a name of theirs is the scenario's.
lab::show_plan files_of(const lab_request& request, const std::string& scenario);
std::string decisions_file(const lab_request& request, const std::string& scenario);

/// Empties every file that the runs of these scenarios (none: the one run) will write, so that no file shows
/// an older run's result, and one that cannot be written is told of before the run. Throws `bad_input`, also
/// when two runs would write one file.
void empty_files(const lab_request& request, const std::vector<std::string>& scenarios);

/// The same where nothing runs at all, because something is wrong. Never throws.
void forget_older_results(const lab_request& request) noexcept;

}  // namespace aperto::cli
