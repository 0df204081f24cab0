// SPDX-License-Identifier: MIT
#include "server/check_options.hpp"
#include "server/worker.hpp"

#include <algorithm>

namespace aperto {
namespace {

server_events& events_of(const options& chosen) {
    static server_events nobody;
    return chosen.events ? *chosen.events : nobody;
}

}  // namespace

server_shared::server_shared(aperto::options chosen, handler handling)
    : options(std::move(chosen)), what(std::move(handling)), events(events_of(options)) {
    check_options(options);
}

unsigned server_shared::workers_wanted() const noexcept {
    if (options.once) return 1;  // one client at a time
    return options.workers ? options.workers : cores_allowed();
}

void server_shared::settle(const surroundings& where, unsigned workers_to_be) {
    if (door) return;
    workers = workers_to_be;
    connections_max = options.once              ? 1
                      : options.max_connections ? options.max_connections
                                                : where.connections;
    const std::size_t budget = options.memory_budget ? options.memory_budget : where.memory / 4;
    memory_budget = std::max<std::size_t>(1, budget / workers);
    door.emplace(options, connections_max, where.seed);
}

void server_shared::strike(limit which, const endpoint& whom, const std::error_code& why) noexcept {
    strikes_[static_cast<std::size_t>(which)].fetch_add(1, std::memory_order_relaxed);
    try {
        events.limit(to_string(which), whom, why);
    } catch (...) {  // NOLINT(bugprone-empty-catch)
        // Untold, for want of memory; counted it is.
    }
}

server_counters server_shared::counters() const noexcept {
    server_counters all;
    all.accepted = accepted.load(std::memory_order_relaxed);
    const std::size_t waiting = greetings.load(std::memory_order_relaxed);
    const std::size_t held = connections.load(std::memory_order_relaxed);
    const std::size_t open = held - std::min(held, waiting);  // one of them may have ended in between
    all.closed = all.accepted - std::min<std::uint64_t>(all.accepted, open);
    for (std::size_t i = 0; i < limit_count; ++i)
        all.strikes[i] = strikes_[i].load(std::memory_order_relaxed);
    return all;
}

void server_shared::ask_each_worker(void (worker::*request)() noexcept) {
    const std::lock_guard lock(workers_mutex_);
    for (worker* each : workers_)
        (each->*request)();
}

void server_shared::enrol(worker& one) {
    const std::lock_guard lock(workers_mutex_);
    workers_.push_back(&one);
}

void server_shared::leave(worker& one) noexcept {
    const std::lock_guard lock(workers_mutex_);
    std::erase(workers_, &one);
}

}  // namespace aperto
