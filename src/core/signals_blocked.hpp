// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>

namespace aperto {

/// Keeps every signal from this thread, and from those that it starts meanwhile, for as long as it lives: signals are for
/// the threads that have a use for them.
class signals_blocked {
public:
    signals_blocked() noexcept {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    signals_blocked(const signals_blocked&) = delete;
    signals_blocked& operator=(const signals_blocked&) = delete;

private:
    sigset_t before_{};
};

}  // namespace aperto
