// SPDX-License-Identifier: MIT
#include "server/admission.hpp"

#include <algorithm>

namespace aperto {
namespace {

std::size_t per_address_max(const options& chosen, std::size_t connections_max) noexcept {
    if (chosen.max_connections_per_address > 0) return chosen.max_connections_per_address;
    return std::max<std::size_t>(1, connections_max / 2);
}

}  // namespace

admission::admission(const options& chosen, std::size_t connections_max, std::uint64_t seed)
    : deny_(chosen.deny),
      allow_(chosen.allow),
      exempt_(chosen.exempt),
      per_address_max_(per_address_max(chosen, connections_max)),
      loopback_is_free_(chosen.max_connections_per_address == 0),
      counts_(0, source_key::hash{seed}) {
    if (chosen.accept_rate > 0) pace_.emplace(chosen.accept_rate, seed);
}

bool admission::is_denied(const endpoint& who) const noexcept {
    if (deny_.contains(who)) return true;
    return !allow_.empty() && !allow_.contains(who);
}

admission::answer admission::ask(const endpoint& who, time_point now) {
    if (!who) return {};  // no address, so no limit of addresses: a Unix socket has its permissions
    if (is_denied(who)) return {.refused = limit::deny};
    const bool counted = per_address_max_ < no_limit && !(loopback_is_free_ && who.is_loopback());
    if ((!counted && !pace_) || exempt_.contains(who)) return {};
    const source_key key = source_key::of(who);
    const std::lock_guard lock(mutex_);
    if (pace_ && !pace_->take(key, now)) return {.refused = limit::accept_rate};
    if (!counted) return {};
    count& of = counts_.try_emplace(key, count{this, key, 0}).first->second;
    if (of.connections >= per_address_max_) return {.refused = limit::max_connections_per_address};
    ++of.connections;
    return {.taken = place(of)};
}

std::size_t admission::addresses() const {
    const std::lock_guard lock(mutex_);
    return counts_.size();
}

void admission::leave(count& counted) noexcept {
    const std::lock_guard lock(mutex_);
    if (--counted.connections == 0) counts_.erase(counted.who);
}

}  // namespace aperto
