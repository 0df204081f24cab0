// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/loop.hpp"

#include <string>
#include <vector>

namespace aperto {

/// What one worker runs, and its loop's line on why.
struct worker_engine {
    engine which = engine::automatic;
    std::string why;
};

/// One line for all: "io_uring, kernel 6.18", or, where they differ, "io_uring, kernel 6.18 (1 of 2); epoll:
/// this kernel has no io_uring (1 of 2)".
std::string why_of(const std::vector<worker_engine>& workers);

}  // namespace aperto
