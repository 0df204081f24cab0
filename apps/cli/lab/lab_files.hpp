// SPDX-License-Identifier: MIT
#pragma once

#include "cli/lab/lab.hpp"

#include <string>
#include <vector>

namespace aperto::cli {

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
