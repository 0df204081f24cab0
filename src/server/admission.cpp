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

admission::admission(const options& chosen, std::size_t connections_max)
    : options_(chosen),
      per_address_max_(per_address_max(chosen, connections_max)),
      loopback_is_free_(chosen.max_connections_per_address == 0) {
    if (chosen.accept_rate > 0) pace_.emplace(chosen.accept_rate);
}

bool admission::is_denied(const endpoint& who) const noexcept {
    if (any_contains(options_.deny, who)) return true;
    return !options_.allow.empty() && !any_contains(options_.allow, who);
}

admission::answer admission::ask(const endpoint& who, time_point now) {
    if (is_denied(who)) return {.refused = limit::deny};
    const bool counted = per_address_max_ < no_limit && !(loopback_is_free_ && who.is_loopback());
    if ((!counted && !pace_) || any_contains(options_.exempt, who)) return {};
    const source_key key = source_key::of(who);
    const std::lock_guard lock(mutex_);
    if (pace_ && !pace_->take(key, now)) return {.refused = limit::accept_rate};
    if (!counted) return {};
    count& of = counts_.try_emplace(key, count{this, key, 0}).first->second;
    if (of.connections >= per_address_max_) return {.refused = limit::max_connections_per_address};
    ++of.connections;
    return {.taken = place(of)};
}

void admission::leave(count& counted) noexcept {
    const std::lock_guard lock(mutex_);
    if (--counted.connections == 0) counts_.erase(counted.who);
}

}  // namespace aperto
