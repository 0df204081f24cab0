// SPDX-License-Identifier: MIT
#include "aperto/signals.hpp"

#include "aperto/error.hpp"
#include "aperto/loop.hpp"
#include "core/signal_set.hpp"

#include <cerrno>
#include <csignal>
#include <string>

namespace aperto {

namespace {

/// Those that can be caught (signal(7)).
const std::vector<int>& checked(const std::vector<int>& which) {
    for (const int each : which)
        if (each < 1 || each >= SIGRTMAX || each == SIGKILL || each == SIGSTOP)
            throw error::from_result(-EINVAL, "watch for", "signal " + std::to_string(each));
    return which;
}

}  // namespace

signals::signals(const std::vector<int>& which)
    : set_(std::make_unique<signal_set>(signal_set::wanted{.ending = {}, .noted = checked(which)})) {}

signals::~signals() = default;

task<int> signals::next() {
    int came = set_->take();
    while (came == 0) {
        co_await loop::current().readable(set_->descriptor());
        came = set_->take();
    }
    co_return came;
}

}  // namespace aperto
