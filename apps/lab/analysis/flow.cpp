// SPDX-License-Identifier: MIT
#include "lab/analysis/flow.hpp"

#include "lab/analysis/flow_judges.hpp"

#include <algorithm>

namespace aperto::lab {

std::uint64_t relative_sequence(std::uint32_t raw, std::uint32_t start, std::uint64_t expected) noexcept {
    const std::uint32_t relative = raw - start;
    const auto step = static_cast<std::int32_t>(relative - static_cast<std::uint32_t>(expected));
    const auto moved = static_cast<std::int64_t>(expected) + step;
    return moved < 0 ? relative : static_cast<std::uint64_t>(moved);
}

flow& flow_tracker::flow_of(const event& out) {
    const auto& seen = out.seen;
    const bool up = out.from == side::client;
    const key wanted{up ? seen.source : seen.destination, up ? seen.destination : seen.source,
                     up ? seen.source_port : seen.destination_port,
                     up ? seen.destination_port : seen.source_port};
    if (last_flow_ != nullptr && wanted == last_key_ &&
        !(seen.has(tcp_flag::syn) && !seen.has(tcp_flag::ack))) {
        return *last_flow_;
    }
    auto& known = by_key_[wanted];
    // A new SYN with another start on the same ports is a new connection.
    const bool again = known != nullptr && seen.has(tcp_flag::syn) && !seen.has(tcp_flag::ack) &&
                       known->half(out.from).syn_seen && known->half(out.from).start != seen.sequence;
    if (known == nullptr || again) {
        auto& fresh = flows_.emplace_back();
        fresh.number = static_cast<std::uint32_t>(flows_.size());
        const bool answers = seen.has(tcp_flag::syn) && seen.has(tcp_flag::ack);
        fresh.opened_by = answers ? other(out.from) : out.from;
        fresh.opener_address = answers ? seen.destination : seen.source;
        fresh.listener_address = answers ? seen.source : seen.destination;
        fresh.opener_port = answers ? seen.destination_port : seen.source_port;
        fresh.listener_port = answers ? seen.source_port : seen.destination_port;
        fresh.first_seen = out.sent;
        for (const auto one : {side::client, side::server}) {
            fresh.half(one).recovery.traits = options_.senders[index(one)];
            fresh.half(one).timer = rto_estimator(options_.senders[index(one)].rto_min);
        }
        known = &fresh;
    }
    last_key_ = wanted;
    last_flow_ = known;
    return *known;
}

void flow_tracker::entered(event& out, bytes_view bytes) {
    if (!out.seen.is_tcp) {
        if (out.seen.icmp_mtu != 0) {
            for (auto& one : flows_) {
                hear_too_big(one.half(other(out.from)), out.seen.icmp_mtu);
            }
        }
        const bool icmp = out.seen.protocol == 1 || out.seen.protocol == 58;
        auto& kinds = other_kinds_[index(out.from)];
        for (const auto what : {kind::packet, icmp ? kind::icmp : kind::other}) {
            out.kinds |= 1U << static_cast<unsigned>(what);
            out.ordinal[static_cast<std::size_t>(what)] = ++kinds[static_cast<std::size_t>(what)];
        }
        out.random_stream = 2;
        out.random_ordinal = ++other_counts_[index(out.from)][2];
        return;
    }
    auto& connection = flow_of(out);
    out.flow = connection.number;
    connection.last_seen = out.sent;
    judge_entry(connection, out, bytes);
}

void flow_tracker::left(event& out, bytes_view bytes) {
    if (out.flow == 0 || out.flow > flows_.size()) {
        return;
    }
    auto& connection = flows_[out.flow - 1];
    connection.last_seen = std::max(connection.last_seen, out.arrived);
    judge_arrival(connection, out, bytes);
}

void flow_tracker::lost(const event& out) {
    if (out.flow != 0 && out.flow <= flows_.size()) {
        ++flows_[out.flow - 1].half(out.from).packets_lost;
    }
}

}  // namespace aperto::lab
