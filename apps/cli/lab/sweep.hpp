// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace aperto::cli {

/// `aperto lab sweep FILE --seeds A..B [--jobs N] [--stop-at-first] [--junit FILE]`: the scenario once for each
/// seed in the virtual Linux, several at a time; the seeds that fail are listed with the command that repeats
/// each. `args` is what follows the word sweep. 0: none failed; 1: some did; 2: the arguments make no sense;
/// 77 or 71: a run could not be made; 130: interrupted.
int run_sweep(const std::vector<std::string>& args);

}  // namespace aperto::cli
