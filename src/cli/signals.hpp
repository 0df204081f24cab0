// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>
#include <functional>
#include <thread>

namespace aperto::cli {

/// Takes Ctrl-C and its like out of the signal handlers' hands: SIGINT, SIGTERM and SIGHUP are blocked for
/// the whole program, for a `signal_watch` to wait for. Created before any other thread.
///
/// A signal that the program was started to ignore (nohup, a shell's background job) stays ignored. SIGPIPE
/// is ignored too: a log whose reader is gone ends nobody.
class signal_block {
public:
    signal_block();
    const sigset_t& signals() const noexcept { return signals_; }

private:
    sigset_t signals_{};
};

/// Waits for the blocked signals on a thread of its own, so that no code runs inside a signal handler. The
/// first calls `first`, on that thread, also when it came before this object; the second ends the program
/// with code 130.
class signal_watch {
public:
    signal_watch(const signal_block& blocked, std::function<void()> first);
    ~signal_watch();
    signal_watch(const signal_watch&) = delete;
    signal_watch& operator=(const signal_watch&) = delete;

private:
    std::thread thread_;
};

}  // namespace aperto::cli
