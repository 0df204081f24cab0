// SPDX-License-Identifier: MIT
#include "server/check_options.hpp"
#include "server/worker.hpp"

#include <algorithm>
#include <utility>

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
    around_ = where;
    terms_ = std::make_shared<const server_terms>(options, where, workers);
    connections_max = terms_->connections_max;
    connections_at = std::vector<std::atomic<std::size_t>>(terms_->places.size());
    door.emplace(where.seed);
    door->set_rate(options.accept_rate);
}

std::shared_ptr<const server_terms> server_shared::terms() const {
    const std::lock_guard lock(terms_mutex_);
    return terms_;
}

void server_shared::renew(const aperto::options& wanted) {
    {
        const std::lock_guard lock(terms_mutex_);
        auto next = std::make_shared<const server_terms>(renewed(terms_->options, wanted), *around_, workers);
        // Kept where the rate is the same, with what each address has used of it.
        if (next->options.accept_rate != terms_->options.accept_rate)
            door->set_rate(next->options.accept_rate);
        connections_max = next->connections_max;
        terms_ = std::move(next);
    }
    ask_each_worker(&worker::tell_of_terms);
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

std::vector<unsigned> server_shared::worker_indices() {
    const std::lock_guard lock(workers_mutex_);
    std::vector<unsigned> all;
    for (const worker* each : workers_)
        all.push_back(each->index());
    std::sort(all.begin(), all.end());
    return all;
}

void server_shared::post_to(unsigned index, const std::function<void(worker*)>& work) {
    {
        const std::lock_guard lock(workers_mutex_);
        if (worker* const there = of_index(index)) {
            there->on().post([this, index, work] {
                // It goes on this thread alone: one that is found stays for as long as this runs.
                std::unique_lock looking(workers_mutex_);
                worker* const here = of_index(index);
                looking.unlock();
                work(here);
            });
            return;
        }
    }
    work(nullptr);
}

worker* server_shared::of_index(unsigned index) noexcept {
    const auto found =
        std::find_if(workers_.begin(), workers_.end(), [&](worker* each) { return each->index() == index; });
    return found == workers_.end() ? nullptr : *found;
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
