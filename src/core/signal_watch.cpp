// SPDX-License-Identifier: MIT
#include "core/signal_watch.hpp"

#include "aperto/error.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace aperto {

signal_watch::signal_watch(signal_set& signals, std::function<void(int)> on_signal)
    : signals_(signals), on_signal_(std::move(on_signal)), over_(::eventfd(0, EFD_CLOEXEC)) {
    if (over_ < 0) throw error::from_result(-errno, "watch for", "signals");
    try {
        thread_ = std::thread(&signal_watch::run, this);
    } catch (...) {
        ::close(over_);
        throw;
    }
}

signal_watch::~signal_watch() {
    ::eventfd_write(over_, 1);
    thread_.join();
    ::close(over_);
}

void signal_watch::run() {
    pollfd waits[] = {{signals_.descriptor(), POLLIN, 0}, {over_, POLLIN, 0}};
    while (true) {
        if (::poll(waits, 2, -1) < 0) continue;  // a signal interrupted it
        while (const int signal = signals_.take())
            on_signal_(signal);
        if (waits[1].revents != 0) return;
    }
}

}  // namespace aperto
