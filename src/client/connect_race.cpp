// SPDX-License-Identifier: MIT
#include "client/connect_race.hpp"

#include <algorithm>
#include <cerrno>
#include <new>

namespace aperto::client {

std::vector<endpoint> take_turns(const std::vector<endpoint>& addresses) {
    std::vector<endpoint> first;
    std::vector<endpoint> other;
    for (const endpoint& each : addresses)
        (each.family() == addresses.front().family() ? first : other).push_back(each);
    std::vector<endpoint> ordered;
    ordered.reserve(addresses.size());
    for (std::size_t i = 0; i < std::max(first.size(), other.size()); ++i) {
        if (i < first.size()) ordered.push_back(first[i]);
        if (i < other.size()) ordered.push_back(other[i]);
    }
    return ordered;
}

connect_race::stagger_timer::stagger_timer(connect_race& of) noexcept
    : timer([](timer& due) { static_cast<stagger_timer&>(due).race->begin_next(); }), race(&of) {}

connect_race::connect_race(backend& on, attempts& log, const client_options& options, bool more)
    : operation_awaiter(on, kind::event), log_(log), options_(options), stagger_(*this), more_(more) {
    started_.reserve(log.addresses.size());
    log.failures.reserve(log.addresses.size());
}

connect_race::~connect_race() {
    owner().disarm(stagger_);
    if (winner_) owner().close(winner_, true);
}

bool connect_race::await_resume() {
    check_result("connect");
    return static_cast<bool>(winner_);
}

void connect_race::add(const std::vector<endpoint>& fresh) {
    if (fresh.empty()) return;
    const auto untried = log_.addresses.begin() + static_cast<std::ptrdiff_t>(log_.begun);
    std::vector<endpoint> rest = fresh;
    rest.insert(rest.end(), untried, log_.addresses.end());
    rest = take_turns(rest);
    const std::size_t all = log_.begun + rest.size();
    log_.addresses.reserve(all);
    log_.failures.reserve(all);
    started_.reserve(all);
    log_.addresses.resize(log_.begun);
    log_.addresses.insert(log_.addresses.end(), rest.begin(), rest.end());
    if (running_ == 0)
        begin_next();
    else if (!stagger_.armed() && options_.attempt_delay != forever)
        owner().arm(stagger_, detail::time_after(latest_, options_.attempt_delay));
}

void connect_race::end_of_addresses() noexcept {
    more_ = false;
    if (is_over()) owner().notify(*this);
}

void connect_race::begin_next() {
    backend& on = owner();
    on.disarm(stagger_);
    while (!winner_ && log_.begun < log_.addresses.size()) {
        const endpoint& where = log_.addresses[log_.begun++];
        try {
            started_.push_back(std::make_unique<attempt>(on, *this, where));
        } catch (const std::bad_alloc&) {
            log_.failures.push_back({where, -ENOMEM});  // there is room for a failure of each
            continue;
        }
        attempt& next = *started_.back();
        next.on_complete = &connect_race::on_attempt_end;
        if (!on.start_connect(next.where, options_.socket, next)) {
            ++running_;
            latest_ = on.now();
            const time_point until = detail::time_after(latest_, options_.attempt_delay);
            if (log_.begun < log_.addresses.size() && until != time_point::max()) on.arm(stagger_, until);
            break;
        }
        settle(next);
    }
    if (is_over()) on.notify(*this);
}

/// Where no server has a port from which this machine's own connections may begin, Linux may give that port
/// to the socket that is to reach it, which then meets itself (a simultaneous open, RFC 9293, 3.5).
bool connect_race::has_met_itself(const attempt& ended) const noexcept {
    const endpoint local = owner().local(ended.connected);
    return local && local.port() == ended.where.port() && local == owner().remote(ended.connected);
}

void connect_race::settle(attempt& ended) noexcept {
    if (ended.result >= 0 && has_met_itself(ended)) {
        owner().close(std::exchange(ended.connected, {}), true);
        ended.result = -ECONNREFUSED;  // nobody else is there
    }
    if (ended.result < 0) {
        log_.failures.push_back({ended.where, ended.result});
    } else if (winner_) {
        owner().close(std::exchange(ended.connected, {}), true);
    } else {
        winner_ = std::exchange(ended.connected, {});
    }
}

void connect_race::on_attempt_end(operation& done) {
    auto& ended = static_cast<attempt&>(done);
    connect_race& race = *ended.race;
    --race.running_;
    race.settle(ended);
    race.begin_next();
}

}  // namespace aperto::client
