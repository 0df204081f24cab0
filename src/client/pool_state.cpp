// SPDX-License-Identifier: MIT
#include "client/pool_state.hpp"

#include "client/connect_hosts.hpp"

#include <algorithm>
#include <new>

namespace aperto {

using client::kept_connection;
using host_state = client::pool_host_state;

// ---- hosts

/// Of those that are well, or whose turn it is to be tried, that with the fewest connections in use; the next in turn
/// where several have as many.
std::size_t client_pool::shared_state::choose() noexcept {
    const time_point at = now();
    std::size_t best = nobody;
    for (std::size_t step = 1; step <= hosts.size(); ++step) {
        const std::size_t index = (last + step) % hosts.size();
        const host_state& each = hosts[index];
        if (each.on_trial || each.aside_until > at) continue;
        if (best == nobody || each.known.lent < hosts[best].known.lent) best = index;
    }
    if (best != nobody) last = best;
    return best;
}

/// When the next host that is set aside may be tried.
time_point client_pool::shared_state::next_back() const noexcept {
    time_point next = time_point::max();
    for (const host_state& each : hosts)
        if (!each.on_trial) next = std::min(next, each.aside_until);
    return next;
}

/// Hosts that are not set aside, one at least.
std::size_t client_pool::shared_state::usable() const noexcept {
    const time_point at = now();
    const auto count = std::count_if(hosts.begin(), hosts.end(),
                                     [at](const host_state& each) { return each.aside_until <= at; });
    return std::max<std::size_t>(static_cast<std::size_t>(count), 1);
}

/// What many found out together is one failure.
void client_pool::shared_state::set_aside(std::size_t host, error&& why) noexcept {
    host_state& failed = hosts[host];
    const time_point at = now();
    if (failed.aside_until > at) return;
    // It had been well for longer than it was away.
    if (at > detail::time_after(failed.aside_until, failed.aside)) failed.failures = 0;
    failed.doubted = true;
    ++failed.failures;
    ++failed.known.failed;
    failed.why = std::move(why);
    failed.aside = failed.failures == 1 ? options.aside : 2 * failed.aside;
    failed.aside = std::min(failed.aside, options.aside_most);
    const duration half = failed.aside / 2;
    const auto range = static_cast<std::uint64_t>((failed.aside - half).count()) + 1;
    failed.aside_until =
        detail::time_after(at, half + duration(static_cast<duration::rep>(on.random() % range)));
    // Those that are kept would each find out for themselves.
    for (std::size_t i = idle.size(); i-- > 0;)
        if (idle[i].host == host) drop(idle.begin() + static_cast<std::ptrdiff_t>(i));
}

error client_pool::shared_state::failure() const {
    std::vector<error> all;
    for (const host_state& each : hosts)
        if (each.doubted && each.why) all.push_back(*each.why);
    if (!all.empty()) return client::failure_of_all(all);
    return {errc::deadline, "get a connection to", hosts.front().known.where.to_string(),
            "pool_options::take_deadline bounds the wait."};
}

// ---- connections that are kept

void client_pool::shared_state::drop(std::vector<kept_connection>::iterator which) noexcept {
    --hosts[which->host].known.idle;
    idle.erase(which);
}

/// The latest, whose server has had the least time to think better of it.
bool client_pool::shared_state::lend_kept(lease& to, std::size_t host) noexcept {
    for (std::size_t i = idle.size(); i-- > 0;) {
        if (idle[i].host != host) continue;
        kept_connection found = std::move(idle[i]);
        drop(idle.begin() + static_cast<std::ptrdiff_t>(i));
        if (found.until <= now()) continue;
        if (!found.peer.at_rest()) {
            ++hosts[host].known.stale;
            continue;
        }
        ++hosts[host].known.reused;
        to.peer_ = std::move(found.peer);
        to.opened_ = found.opened;
        to.was_kept_ = true;
        return true;
    }
    return false;
}

/// For one that is about to be opened, and is counted as lent.
void client_pool::shared_state::make_room() noexcept {
    while (!idle.empty() && lent + idle.size() > options.connections_most)
        drop(idle.begin());
}

void client_pool::shared_state::put_back(stream&& peer, std::size_t host, time_point opened) noexcept {
    const time_point at = now();
    const time_point old = detail::time_after(opened, options.age_most);
    if (closed || options.idle_most == 0 || old <= at || hosts[host].aside_until > at || !peer.at_rest())
        return;
    try {
        idle.reserve(idle.size() + 1);
    } catch (const std::bad_alloc&) {
        return;
    }
    while (idle.size() >= options.idle_most)
        drop(idle.begin());
    const time_point until = std::min(old, detail::time_after(at, options.idle_time));
    idle.push_back({std::move(peer), host, opened, until});
    ++hosts[host].known.idle;
    if (until == time_point::max() || (sweep.armed() && sweep_at <= until)) return;
    sweep_at = until;
    on.arm(sweep, until);
}

void client_pool::shared_state::drop_old() noexcept {
    const time_point at = now();
    time_point next = time_point::max();
    for (std::size_t i = idle.size(); i-- > 0;) {
        if (idle[i].until <= at)
            drop(idle.begin() + static_cast<std::ptrdiff_t>(i));
        else
            next = std::min(next, idle[i].until);
    }
    if (next == time_point::max()) return;
    sweep_at = next;
    on.arm(sweep, next);
}

}  // namespace aperto
