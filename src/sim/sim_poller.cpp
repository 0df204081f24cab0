// SPDX-License-Identifier: MIT
#include "sim/sim_poller.hpp"

#include "sim/machine_work.hpp"
#include "sim/network.hpp"
#include "sim/program.hpp"

#include <cerrno>
#include <utility>

namespace aperto::sim {

sim_kernel& sim_poller::os() noexcept { return *net_.at(host_).os; }

void sim_poller::entry::woken() noexcept {
    if (std::exchange(ready, true)) return;
    owner->ready_.push_back(serial);
    owner->net_.wake(owner->host_);
}

void sim_poller::entry::bereft() noexcept {
    const std::uint64_t gone = serial;
    owner->entries_.erase(gone);  // and this with it
}

int sim_poller::add(int descriptor, std::uint32_t events, std::uint64_t data) noexcept {
    const machine_work working;
    const std::shared_ptr<file> at = os().find(descriptor);
    if (!at) return -EBADF;
    auto made = std::make_unique<entry>();
    entry& added = *made;
    added.owner = this;
    added.on = at.get();
    added.serial = at->serial;
    if (!entries_.emplace(at->serial, std::move(made)).second) return -EEXIST;
    at->watchers.push_back(added);
    return modify(descriptor, events, data);
}

int sim_poller::modify(int descriptor, std::uint32_t events, std::uint64_t data) noexcept {
    const machine_work working;
    const std::shared_ptr<file> at = os().find(descriptor);
    const auto there = at ? entries_.find(at->serial) : entries_.end();
    if (there == entries_.end()) return at ? -ENOENT : -EBADF;
    entry& changed = *there->second;
    changed.events = events | EPOLLERR | EPOLLHUP;
    changed.data = data;
    if (os().events(*at) & changed.events) changed.woken();
    return 0;
}

int sim_poller::wait(std::span<epoll_event> into, std::int64_t nanoseconds) noexcept {
    const machine_work working;
    if (os().is_dead()) return 0;
    if (net_.happens(&faults::interrupted)) return -EINTR;
    if (!has_something()) net_.wait(host_, nanoseconds);
    std::size_t count = 0;
    std::size_t left = ready_.size();
    while (left > 0 && count < into.size()) {
        // The first, or any: the kernel promises no order.
        const std::size_t chosen = net_.options.faults.not_at_once > 0 ? net_.below(left) : 0;
        const std::uint64_t serial = ready_[chosen];
        ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(chosen));
        --left;
        const auto there = entries_.find(serial);
        if (there == entries_.end()) continue;
        entry& each = *there->second;
        each.ready = false;
        const std::uint32_t now = os().events(*each.on) & each.events;
        if (now) into[count++] = {.events = now, .data = {.u64 = each.data}};
    }
    return static_cast<int>(count);
}

}  // namespace aperto::sim
