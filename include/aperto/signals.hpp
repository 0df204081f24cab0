// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/task.hpp"

#include <memory>
#include <vector>

namespace aperto {

class signal_set;

/// Signals (signal(7)) as something to wait for.
///
///     aperto::signals wanted({SIGHUP, SIGUSR1});
///     while (true) {
///         const int signal = co_await wanted.next();
///         …
///     }
///
/// From its making to its end they come to `next` and have no other effect, but for SIGINT and SIGTERM beside `serve`,
/// which end that as well; what was set for them before comes back afterwards. One that was ignored before stays ignored (nohup(1)). Up to eight of these and of `serve` may exist at
/// once, and each gets every signal it asked for. Any thread makes one; one thread waits.
class signals {
public:
    /// Throws `error` for one that cannot be caught, without descriptors, and past eight.
    explicit signals(const std::vector<int>& which);
    ~signals();
    signals(const signals&) = delete;
    signals& operator=(const signals&) = delete;

    /// co_await it: the next that comes, or has come and was not taken; of several equal ones it gives one. Throws
    /// `cancellation`, and `error` in a simulation, which has no signals.
    task<int> next();

private:
    std::unique_ptr<signal_set> set_;
};

}  // namespace aperto
