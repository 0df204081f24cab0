// SPDX-License-Identifier: MIT
#include "cli/signals.hpp"

#include "cli/failure.hpp"

#include <pthread.h>
#include <unistd.h>

#include <utility>

namespace aperto::cli {

namespace {

/// Ends the watching thread; never seen outside it.
constexpr int end_signal = SIGUSR2;

bool is_ignored(int signal) {
    struct sigaction now{};
    return ::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

void wait_for_signals(const sigset_t& signals, const std::function<void()>& first) {
    bool asked = false;
    while (true) {
        int signal = 0;
        if (::sigwait(&signals, &signal) != 0 || signal == end_signal) return;
        if (asked) ::_exit(exit_interrupted);
        asked = true;
        first();
    }
}

}  // namespace

signal_block::signal_block() {
    std::signal(SIGPIPE, SIG_IGN);
    ::sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP})
        if (!is_ignored(signal)) ::sigaddset(&signals_, signal);
    ::sigaddset(&signals_, end_signal);
    ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

signal_watch::signal_watch(const signal_block& blocked, std::function<void()> first)
    : thread_([signals = blocked.signals(), first = std::move(first)] { wait_for_signals(signals, first); }) {
}

signal_watch::~signal_watch() {
    ::pthread_kill(thread_.native_handle(), end_signal);
    thread_.join();
}

}  // namespace aperto::cli
