// SPDX-License-Identifier: MIT
#include "cli/serve/beside.hpp"

#include "aperto/group.hpp"
#include "aperto/loop.hpp"
#include "cli/serve/report.hpp"

#include <algorithm>
#include <utility>

namespace aperto::cli {

namespace {

constexpr duration lag_interval = std::chrono::milliseconds(100);
constexpr duration expiry_interval = std::chrono::hours(24);

task<> run_all(const std::vector<beside>& tasks, background& here) {
    task_group all;
    for (const beside& each : tasks)
        all.spawn(each(here));
    task<> joining = all.join();
    co_await joining;
}

task<> watch_lag(const std::function<void(duration)>& tell, background& here) {
    loop& on = loop::current();
    for (;;) {
        const time_point due = on.read_now() + lag_interval;
        event::waiter stopping = here.stopping(lag_interval);
        if (co_await stopping) co_return;
        tell(std::max(on.read_now() - due, duration::zero()));
    }
}

task<> watch_expiry(const std::function<std::chrono::system_clock::time_point()>& when,
                    const std::function<void(std::chrono::system_clock::time_point)>& tell,
                    background& here) {
    for (;;) {
        event::waiter stopping = here.stopping(expiry_interval);
        if (co_await stopping) co_return;
        if (const auto expires = when(); days_until(expires) < days_to_warn) tell(expires);
    }
}

task<> nothing() { co_return; }

}  // namespace

// The functions are the server's options', which outlive every task that is made of them.

beside all_of(std::vector<beside> tasks) {
    if (tasks.empty()) return {};
    return [tasks = std::move(tasks)](background& here) { return run_all(tasks, here); };
}

beside lag_watch(std::function<void(duration by)> tell) {
    return [tell = std::move(tell)](background& here) { return watch_lag(tell, here); };
}

beside expiry_watch(std::function<std::chrono::system_clock::time_point()> when,
                    std::function<void(std::chrono::system_clock::time_point)> tell) {
    return [when = std::move(when), tell = std::move(tell)](background& here) {
        return here.index() == 0 ? watch_expiry(when, tell, here) : nothing();
    };
}

}  // namespace aperto::cli
