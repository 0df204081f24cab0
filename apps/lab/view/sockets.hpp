// SPDX-License-Identifier: MIT
#pragma once

#include "lab/scenario/report.hpp"

#include <string>

namespace aperto::lab {

/// Where a run was stopped and how each host's sockets were there, for a person, several lines. Empty when it was not.
std::string stopping_text(const run_report& report);

/// The same as JSON objects, one a line: `"event":"stopped"`, then a `"event":"socket"` for each.
std::string stopping_json(const run_report& report);

/// One sample as a JSON object, `"event":"sample"`.
std::string sample_json(const socket_sample& one);

}  // namespace aperto::lab
