// SPDX-License-Identifier: MIT
// Hosts, names and links; time, and whose turn it is. What packets do is in packets.cpp.
#include "sim/network.hpp"

#include "sim/machine_work.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

namespace aperto::sim {

network::network(const world_options& chosen) : options(chosen), chance_(chosen.seed) {
    split_mix seeds(~chosen.seed);
    for (std::size_t i = 0; i < fault_count; ++i)
        dice_.emplace_back(seeds());
    events_.reserve(256);
}

network::~network() {
    // Every loop before any machine: tasks that end may look at the network.
    for (const auto& each : machines_)
        each->runs.reset();
    // What they left open ends while there are connections still.
    for (const auto& each : machines_)
        each->os->close_all();
}

// ---- hosts, names, links

host& network::add_host(std::string name, const host_options& host_options) {
    const auto index = static_cast<std::uint16_t>(machines_.size());
    machines_.push_back(std::make_unique<machine>());
    machine& added = *machines_.back();
    added.name = std::move(name);
    added.options = host_options;
    std::vector<std::string> addresses = host_options.addresses;
    if (addresses.empty())
        addresses.push_back(fmt::format("10.0.{}.{}", (index + 1) / 256, (index + 1) % 256));
    add_name(added.name, addresses);
    added.addresses = names_[added.name];
    added.os = std::make_unique<sim_kernel>(*this, index);
    added.runs = make_program(*this, index, host_options.engine);
    added.face = std::make_unique<host>(*this, index);
    for (auto& row : wires_)
        row.push_back({.options = options.link});
    wires_.emplace_back(machines_.size(), wire{.options = options.link});
    // A machine's way to itself.
    wires_[index][index].options = {.delay = std::chrono::microseconds(10)};
    return *added.face;
}

void network::add_name(std::string name, const std::vector<std::string>& addresses) {
    std::vector<endpoint> parsed;
    for (const std::string& each : addresses) {
        const std::optional<endpoint> address = endpoint::from_address(each, 0);
        if (!address) throw error(errc::malformed, "use the address", each);
        parsed.push_back(*address);
    }
    names_[std::move(name)] = std::move(parsed);
}

std::vector<endpoint> network::look_up(std::uint16_t asking, const std::string& name, std::uint16_t port,
                                       int family) const {
    std::vector<endpoint> found;
    if (const std::optional<endpoint> numeric = endpoint::from_address(name, port)) {
        found.push_back(*numeric);
    } else if (name == "localhost") {
        found.push_back(machines_[asking]->addresses.front());
    } else if (const auto known = names_.find(name); known != names_.end()) {
        found = known->second;
    }
    if (family != AF_UNSPEC)
        found.erase(std::remove_if(found.begin(), found.end(),
                                   [family](const endpoint& each) { return each.family() != family; }),
                    found.end());
    if (found.empty()) throw error(errc::name_not_found, "find the address of", name);
    for (endpoint& each : found)
        each.set_port(port);
    return found;
}

std::vector<service_record> network::look_up_service(const std::string& name) const {
    const auto known = services_.find(name);
    if (known == services_.end()) throw error(errc::name_not_found, "find the hosts of", name);
    return known->second;
}

int network::host_of(const endpoint& address, std::uint16_t asking) const noexcept {
    if (address.is_loopback() || address.is_any()) return asking;
    for (std::size_t i = 0; i < machines_.size(); ++i)
        for (const endpoint& each : machines_[i]->addresses)
            if (each.bytes() == address.bytes()) return static_cast<int>(i);
    return -1;
}

network::wire& network::between(std::uint16_t from, std::uint16_t to) noexcept { return wires_[from][to]; }

link_options& network::link(std::uint16_t from, std::uint16_t to) { return between(from, to).options; }

void network::cut(std::uint16_t one, std::uint16_t other) {
    for (wire* each : {&between(one, other), &between(other, one)}) {
        if (each->cut) continue;
        each->cut = true;
        each->cut_since = elapsed_;
    }
    record({.what = happening::cut_off, .host = one, .peer = other});
    for (const auto& each : connections_)
        if (each && (each->ends[0].host == one || each->ends[1].host == one) &&
            (each->ends[0].host == other || each->ends[1].host == other))
            plan_keepalive(*each);
}

void network::join(std::uint16_t one, std::uint16_t other) {
    between(one, other).cut = between(other, one).cut = false;
    record({.what = happening::joined, .host = one, .peer = other});
}

void network::power_off(std::uint16_t host) {
    machine& off = at(host);
    if (!off.powered) return;
    record({.what = happening::died, .host = host, .peer = host});
    off.up = off.powered = false;
    for (const auto& each : connections_)
        if (each && (each->ends[0].host == host || each->ends[1].host == host)) plan_keepalive(*each);
}

// ---- running

bool network::can_step() const noexcept { return !plans_.empty() || next_wake() != duration::max(); }

duration network::next_wake() const noexcept {
    duration next = duration::max();
    for (const auto& each : machines_)
        if (each->up) next = std::min(next, each->runs->wakes_at());
    return next;
}

/// Which of those that are awake has its turn is the seed's choice.
program* network::pick_awake() noexcept {
    std::size_t awake = 0;
    program* first = nullptr;
    for (const auto& each : machines_) {
        if (!each->up || !each->runs->is_awake() || each->runs.get() == waiting_) continue;
        if (++awake == 1) first = each->runs.get();
    }
    if (awake <= 1) return first;
    std::uint64_t chosen = below(awake);
    for (const auto& each : machines_)
        if (each->up && each->runs->is_awake() && each->runs.get() != waiting_ && chosen-- == 0)
            return each->runs.get();
    return first;
}

void network::turn_of(program& awake) {
    if (++idle_turns_ > options.idle_turns_max)
        throw failure(fmt::format("somebody spins: {} turns at {} without anything new", idle_turns_,
                                  std::chrono::duration_cast<std::chrono::microseconds>(elapsed_).count()));
    awake.turn();
    const std::exception_ptr thrown = awake.failure();
    if (!failure_.empty()) throw failure(std::exchange(failure_, {}));
    if (!thrown) return;
    for (const auto& each : machines_) {
        if (each->runs.get() != &awake) continue;
        try {
            std::rethrow_exception(thrown);
        } catch (const failure&) {
            throw;
        } catch (const std::exception& why) {
            throw failure(fmt::format("a task on {} threw: {}", each->name, why.what()));
        }
    }
}

void network::step() {
    if (!failure_.empty()) throw failure(std::exchange(failure_, {}));
    if (program* const awake = pick_awake()) return turn_of(*awake);
    const duration next = std::min(plans_.next(), next_wake());
    if (next > elapsed_) {
        elapsed_ = next;
        idle_turns_ = 0;
    }
    if (elapsed_ > options.time_max)
        throw failure("still running at the end of the time it may take; " + who_waits());
    if (plans_.next() <= elapsed_) return carry_out(plans_.take());
    for (const auto& each : machines_)
        if (each->up && each->runs->wakes_at() <= elapsed_) each->runs->wake();
}

bool network::all_ended() const noexcept {
    return std::all_of(machines_.begin(), machines_.end(),
                       [](const auto& each) { return !each->up || each->runs->has_ended(); });
}

std::string network::who_waits() const {
    std::string who;
    for (const auto& each : machines_) {
        if (!each->up || each->runs->has_ended()) continue;
        who += fmt::format("{}{} has {} tasks left", who.empty() ? "" : ", ", each->name,
                           each->runs->on().count().tasks);
    }
    return who;
}

void network::run(duration until) {
    const machine_work working;
    try {
        while (!all_ended()) {
            const bool idle = !pick_awake();
            if (idle && !can_step()) throw failure("nothing can happen any more, and " + who_waits());
            if (idle && until != duration::max() && std::min(plans_.next(), next_wake()) > until) {
                elapsed_ = std::max(elapsed_, until);
                return;
            }
            step();
        }
    } catch (...) {
        give_up();
        throw;
    }
}

void network::wait_for(program& waiting, time_point until) {
    waiting_ = &waiting;
    const duration end = until == time_point::max() ? duration::max() : until - epoch;
    try {
        while (!waiting.is_awake() && elapsed_ < end) {
            const bool idle = !pick_awake();
            const duration next = std::min(plans_.next(), next_wake());
            if (idle && std::min(next, end) == duration::max())
                throw failure("nothing can happen any more, and " + who_waits());
            if (idle && next > end) {
                elapsed_ = std::max(elapsed_, end);
                idle_turns_ = 0;
                break;
            }
            step();
        }
    } catch (...) {
        give_up();
        throw;
    }
    waiting_ = nullptr;
}

/// After a failure: the tasks end now, while what they use still lives in the scenario that set them up.
void network::give_up() noexcept {
    log_closed_ = true;
    waiting_ = nullptr;
    for (const auto& each : machines_) {
        each->up = false;
        each->runs->kill();
    }
}

void network::settle() {
    const machine_work working;
    // A program whose ring was refused tries again in a moment.
    const auto tries_again = [this] { return next_wake() <= elapsed_ + std::chrono::milliseconds(5); };
    while (pick_awake() || tries_again() || (connections_in_use_ > 0 && !plans_.empty()))
        step();
}

void network::keep_failure(std::string text) {
    if (failure_.empty()) failure_ = std::move(text);
}

verdict network::judge(event what) const {
    what.at = elapsed_;
    for (const rule& each : rules) {
        const verdict said = each(what);
        if (said.what != verdict::kind::pass) return said;
    }
    return {};
}

void network::note(std::string text) {
    notes_.push_back(std::move(text));
    record({.what = happening::note, .size = static_cast<std::uint32_t>(notes_.size() - 1)});
}

}  // namespace aperto::sim
