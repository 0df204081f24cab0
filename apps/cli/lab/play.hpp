// SPDX-License-Identifier: MIT
#pragma once

#include "cli/lab/lab.hpp"

namespace aperto::cli {

/// Serves a page on which the lab is changed and run again, to this machine alone, until Ctrl-C. The page says which
/// options; its commands are those that somebody typed there or on the command line. Throws `bad_input` and `error`.
int run_play(const lab_request& request);

}  // namespace aperto::cli
