// SPDX-License-Identifier: MIT
#include "cli/serve/survey.hpp"

#include "aperto/loop.hpp"
#include "aperto/sleep.hpp"

#include <chrono>
#include <exception>
#include <utility>
#include <vector>

namespace aperto::cli {

namespace {

constexpr duration room_interval = std::chrono::milliseconds(5);
/// A log that nobody reads for so long gets no more of it.
constexpr duration room_patience = std::chrono::seconds(10);

task<> nothing_more() { co_return; }

}  // namespace

std::function<task<>(background&)> survey::from_workers(std::function<task<>(background&)> next) {
    return [this, next = std::move(next)](background& here) {
        if (here.index() == 0) {
            const std::lock_guard lock(mutex_);
            home_ = loop::current().handle();
            start_if_possible();
        }
        return next ? next(here) : nothing_more();
    };
}

void survey::begin(const server& of, const observer* seen) {
    const std::lock_guard lock(mutex_);
    of_ = &of;
    seen_ = seen;
    start_if_possible();
}

void survey::start_if_possible() {
    if (!of_ || !home_ || in_progress_) return;
    in_progress_ = home_->spawn(tell_all(*std::exchange(of_, nullptr), seen_));
}

task<> survey::tell_all(const server& of, const observer* seen) {
    try {
        told_.counters(of.counters(), of.connections(), seen);
        task<> telling = tell_connections(of);
        co_await telling;
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
        // No memory for it: what was told is told.
    }
    const std::lock_guard lock(mutex_);
    in_progress_ = false;
    of_ = nullptr;
}

task<> survey::tell_connections(const server& of) {
    connections_mark mark;
    std::size_t told = 0;
    bool is_whole = true;
    for (;;) {
        task<std::vector<open_connection>> looking = of.next_connections(mark);
        const std::vector<open_connection> some = co_await looking;
        if (some.empty()) break;
        for (const open_connection& each : some)
            told_.found(each);
        told += some.size();
        const time_point until = loop::current().now() + room_patience;
        while (!told_.has_room() && loop::current().now() < until) {
            detail::sleep_awaiter pause = sleep(room_interval);
            co_await pause;
        }
        is_whole = told_.has_room();
        if (!is_whole) break;
    }
    for (const connections_mark::place& each : mark.workers)
        is_whole = is_whole && !each.passed_over;
    told_.found_all(told, is_whole);
}

}  // namespace aperto::cli
