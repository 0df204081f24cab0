// SPDX-License-Identifier: MIT
#pragma once

#include "core/signal_set.hpp"

#include <functional>
#include <thread>

namespace aperto {

/// Takes the signals of a set on a thread of its own, so that what they cause runs in no signal handler.
/// `on_signal` gets each, also those that came before this object; it must not throw.
class signal_watch {
public:
    /// `signals` must outlive this. Throws `error` without descriptors, std::system_error without a thread.
    signal_watch(signal_set& signals, std::function<void(int signal)> on_signal);
    /// When it returns, `on_signal` is not called any more.
    ~signal_watch();
    signal_watch(const signal_watch&) = delete;
    signal_watch& operator=(const signal_watch&) = delete;

private:
    void run();

    signal_set& signals_;
    std::function<void(int)> on_signal_;
    int over_;  ///< an eventfd: ends the thread
    std::thread thread_;
};

}  // namespace aperto
