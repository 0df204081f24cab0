// SPDX-License-Identifier: MIT
#include "server/admission.hpp"

namespace aperto {
namespace {

bool is_denied(const server_terms& terms, const endpoint& who) noexcept {
    if (terms.deny.contains(who)) return true;
    return !terms.allow.empty() && !terms.allow.contains(who);
}

}  // namespace

/// What an address has used up of the rate before does not count against the new one.
void admission::set_rate(double per_second) {
    std::optional<accept_pace> next;
    if (per_second > 0) next.emplace(per_second, seed_);
    const std::lock_guard lock(mutex_);
    pace_.swap(next);
    has_pace_ = pace_.has_value();
}

admission::answer admission::ask(const server_terms& terms, const endpoint& who, time_point now) {
    if (!who) return {};  // no address, so no limit of addresses: a Unix socket has its permissions
    if (is_denied(terms, who)) return {.refused = limit::deny};
    const bool counted = terms.per_address_max < no_limit && !(terms.loopback_is_free && who.is_loopback());
    if ((!counted && !has_pace_.load(std::memory_order_relaxed)) || terms.exempt.contains(who)) return {};
    const source_key key = source_key::of(who);
    const std::lock_guard lock(mutex_);
    if (pace_ && !pace_->take(key, now)) return {.refused = limit::accept_rate};
    if (!counted) return {};
    count& of = counts_.try_emplace(key, count{this, key, 0}).first->second;
    if (of.connections >= terms.per_address_max) return {.refused = limit::max_connections_per_address};
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
