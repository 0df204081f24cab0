// SPDX-License-Identifier: MIT
#include "cli/admin/observer.hpp"

#include "cli/serve/report.hpp"

#include <algorithm>

namespace aperto::cli {

namespace {

void add(observer::counter& to, std::uint64_t count) noexcept {
    to.fetch_add(count, std::memory_order_relaxed);
}

double seconds(auto time) noexcept { return std::chrono::duration<double>(time).count(); }

}  // namespace

void bucket_counts::add(double value, std::uint64_t times) noexcept {
    counts_[bucket_of(value)].fetch_add(times, std::memory_order_relaxed);
    sum_.fetch_add(value * static_cast<double>(times), std::memory_order_relaxed);
}

std::uint64_t bucket_counts::up_to(std::size_t which) const noexcept {
    std::uint64_t all = 0;
    for (std::size_t i = 0; i <= which && i < counts_.size(); ++i)
        all += counts_[i].load(std::memory_order_relaxed);
    return all;
}

void observer::message(const connection_view& who, std::string_view message, std::uint64_t offset) {
    add(messages, 1);
    add(message_bytes, message.size());
    next_.message(who, message, offset);
}

void observer::replied(const connection_view& who, std::string_view reply) {
    add(replies, 1);
    add(reply_bytes, reply.size());
    next_.replied(who, reply);
}

void observer::answered(duration took, std::size_t count) {
    answers.add(seconds(took), count);
    next_.answered(took, count);
}

void observer::timed(const message_record& what) {
    times.add(what);
    next_.timed(what);
}

void observer::lagged(duration by) noexcept { lags.add(seconds(by)); }

void observer::closed(const connection_view& who, const closing& how) {
    add(ends[static_cast<std::size_t>(how.reason)], 1);
    add(bytes_received, who.bytes_received());
    add(bytes_sent, who.bytes_sent());
    lifetimes.add(seconds(how.lifetime));
    const tcp_facts facts = facts_of(who);
    add(retransmissions, facts.retransmissions.value_or(0));
    if (facts.rtt) round_trips.add(seconds(*facts.rtt));
    next_.closed(who, how);
}

}  // namespace aperto::cli
