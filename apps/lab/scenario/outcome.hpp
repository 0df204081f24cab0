// SPDX-License-Identifier: MIT
#pragma once

#include "lab/verdict/expectation.hpp"

#include <string>
#include <vector>

namespace aperto::lab {

/// Why a run of a scenario shows nothing, however many of its expectations hold; empty when it counts. One in
/// which the client never ran counts only where `connections = 0` is expected; one in which nothing was said,
/// where an expectation speaks of `connections` or of a client that fails (`client exits 1`).
std::string why_void(const run_report& report, const std::vector<expectation>& expected);

}  // namespace aperto::lab
