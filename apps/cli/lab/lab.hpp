// SPDX-License-Identifier: MIT
//
// lab/: what `aperto lab` does, with the lab of apps/lab. lab has the command; lab_files, the files that its
// runs leave; lesson, what a student is asked and told; hand_in,
// what they hand in; grade, how it is marked; virtual_lab, its runs in the virtual Linux; sweep, one scenario there with many seeds;
// extcap, what Wireshark asks of it.
#pragma once

#include "lab/scenario/scenario.hpp"
#include "lab/view/show.hpp"
#include "lab/virtual/kernel_image.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace aperto::cli {

/// The seeds of `aperto lab sweep`.
struct sweep_plan {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t jobs = 1;  ///< at a time
    bool seeded = false;     ///< the seeds were given
    bool stop_at_first = false;
};

/// What `aperto lab` is asked to do.
struct lab_request {
    enum class verb { once, run, list, show, copy, exercise, grade, verify, sweep, doctor, peer };
    verb what = verb::once;
    std::vector<std::string> words;  ///< the arguments as they were given
    std::vector<std::string> names;  ///< of scenarios; of `verify`, reports; of `peer`, its arguments
    lab::run_plan plan;              ///< of `once`
    lab::show_plan show;
    bool no_pause = false;               ///< nobody is asked before a lesson's run
    bool questions_alone = false;        ///< of `show`
    bool all_checks = false;             ///< those that hold are not folded
    std::optional<std::string> answers;  ///< to a lesson's questions, parted by semicolons
    std::string hand_in;                 ///< the file to be handed in; empty: none
    std::string student;                 ///< whose it is
    std::string key_path;                ///< of an exercise: where its answers go; empty: nowhere
    /// Of `run`: what is changed of each lab's wire, as options name and take it.
    std::vector<std::pair<std::string, std::string>> link_changes;
    bool no_colour = false;
    bool ascii = false;
    std::optional<std::uint64_t> seed;
    std::optional<lab::duration> timeout;
    std::optional<lab::stop_sign> until;      ///< where a run is stopped and its sockets are shown
    lab::duration samples_every{};            ///< the sockets are looked at; 0: never
    std::string replay_path;                  ///< decisions to follow
    std::optional<lab::decision_log> replay;  ///< what stands there
    std::string save_path;                    ///< where decisions are kept
    std::string junit_path;
    bool opens_page = false;  ///< it is played with on a page of this machine
    bool in_virtual_linux = false;
    std::optional<lab::duration> wall_limit;  ///< of the wall clock, for a run in there
    std::vector<std::string> keep;            ///< files of a run in there that are brought back
    sweep_plan sweep;
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
///     71   the virtual Linux did not start, or ended before the run had
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

/// Runs the request in the virtual Linux where it is to run there: because of --virtual, of `virtual = true`
/// in a scenario, or because this machine allows no namespaces, which is said. None: it runs here.
std::optional<int> run_virtually(const lab_request& request);

/// Runs again what wrote these reports, and sets what it says now beside what stands there. 0: the same; 1:
/// not.
int verify_reports(const lab_request& request);

/// Offers to build it on a terminal. Throws `cannot_here` where it is not built, with the command that builds it.
lab::kernel_image need_virtual_kernel();

/// One seed of a scenario, told of on the standard outputs, with no report: what a sweep does many times. The
/// same run as `aperto lab run SCENARIO --virtual --seed SEED`. Gives its exit code.
int run_seed_virtually(const lab::kernel_image& kernel, const std::string& scenario, std::uint64_t seed);

/// Whether runs work in the virtual Linux on this machine.
bool virtual_linux_works_here();
/// What `aperto lab doctor` says of it.
std::vector<lab::finding> examine_virtual_linux();

/// The scenario once for each seed in the virtual Linux, several at a time; the seeds that fail are listed
/// with the command that repeats each. 0: none failed; 1: some did; 77 or 71: a run could not be made; 130:
/// interrupted.
int run_sweep(const lab_request& request);

}  // namespace aperto::cli
