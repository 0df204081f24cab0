// SPDX-License-Identifier: MIT
#include "aperto/signals.hpp"

#include "aperto/error.hpp"
#include "aperto/loop.hpp"
#include "aperto/result.hpp"
#include "aperto/sleep.hpp"
#include "core/signal_set.hpp"
#include "io/socket_calls.hpp"

#include <cerrno>
#include <csignal>
#include <string>

namespace aperto {

namespace {

/// Those that can be caught (signal(7)).
std::vector<int> checked(std::vector<int> which) {
    for (const int each : which) {
        struct sigaction now{};
        const bool known = each >= 1 && each <= SIGRTMAX && ::sigaction(each, nullptr, &now) == 0;
        if (!known || each == SIGKILL || each == SIGSTOP)
            throw error::from_result(-EINVAL, "watch for", "signal " + std::to_string(each));
    }
    return which;
}

}  // namespace

signals::signals(const std::vector<int>& which)
    : set_(std::make_unique<signal_set>(signal_set::wanted{.ending = {}, .noted = checked(which)})) {}

signals::~signals() = default;

task<int> signals::next() {
    // A wait takes a descriptor: without one it is looked so often.
    constexpr duration look_interval = std::chrono::milliseconds(100);
    int came = set_->take();
    while (came == 0) {
        auto woken = co_await as_result(loop::current().readable(set_->descriptor()));
        const bool scarce = !woken && io::is_scarcity(woken.error().code());
        if (!woken && !scarce) throw error(woken.error());
        if (scarce) co_await sleep(look_interval);
        came = set_->take();
    }
    co_return came;
}

}  // namespace aperto
