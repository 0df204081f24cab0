// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>

namespace aperto::cli {

/// A log whose reader is gone (SIGPIPE), or whose file may not grow any more (SIGXFSZ, setrlimit(2)), ends
/// nobody: the write fails then, and the lines are counted as lost.
inline void ignore_signals_of_writes() {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
}

}  // namespace aperto::cli
