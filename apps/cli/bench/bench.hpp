// SPDX-License-Identifier: MIT
#pragma once

#include "load/plan.hpp"

#include <string>

namespace aperto::cli {

struct bench_request {
    load::plan plan;
    bool json = false;
    std::string histogram_file;  ///< empty: none
    bool duration_given = false;
    bool warm_up_given = false;
    bool size_given = false;
    bool expect_given = false;  ///< by any of the three options that say what has to come back
};

/// `aperto bench`: puts any TCP server under load and says how it answered. Gives the exit code: 0 when all
/// was sent and every reply came and was right, 1 when not, 2 for a load that makes no sense, 3 when it could
/// not connect, 4 when the run ended early because the server was lost or no port was free.
int run_bench(const bench_request& request);

}  // namespace aperto::cli
