// SPDX-License-Identifier: MIT
#include "lab/flow_judges.hpp"

#include <algorithm>

namespace aperto::lab {

namespace {

/// Karn's rule (RFC 6298 3): only a segment sent once tells a round trip. As Linux does, the oldest segment
/// that this acknowledgement newly covers is the one timed.
void time_round_trip(flow_half& hearer, const event& out) {
    auto first = std::upper_bound(hearer.segments.begin(), hearer.segments.end(), hearer.heard_ack,
                                  [](std::uint64_t at, const sent_segment& one) { return at < one.end; });
    bool ambiguous = false;
    const auto oldest = first;
    for (; first != hearer.segments.end() && first->end <= out.acknowledgement; ++first) {
        ambiguous = ambiguous || first->times > 1;
    }
    if (oldest == first || ambiguous) {
        return;
    }
    const auto round_trip = out.arrived - oldest->first_sent;
    hearer.timer.sample(round_trip);
    constexpr std::size_t kept_max = 1'000'000;
    if (hearer.round_trips.size() < kept_max) {
        hearer.round_trips.push_back(round_trip);
    }
    constexpr std::size_t steps_max = 10'000;
    if (hearer.timer_steps.size() < steps_max) {
        const auto& timer = hearer.timer;
        hearer.timer_steps.push_back({out.arrived, round_trip, timer.srtt(), timer.rttvar(), timer.rto()});
    }
}

void hear_acknowledgement(flow_half& hearer, const event& out) {
    if (out.acknowledgement > hearer.heard_ack) {
        time_round_trip(hearer, out);
        hearer.heard_ack = out.acknowledgement;
        hearer.heard_duplicate_acks = 0;
        if (hearer.heard_ack >= hearer.timeout_until) {
            hearer.timeout_until = 0;
        }
        if (hearer.heard_ack >= hearer.fast_until) {
            hearer.fast_until = 0;
        }
    } else if (out.is(mark::duplicate_ack)) {
        ++hearer.heard_duplicate_acks;
    }
    hearer.heard_window = out.window;
    hearer.heard_at = out.arrived;
    for (std::size_t i = 0; i < out.seen.options.sack_count; ++i) {
        if (out.sack[2 * i + 1] > out.acknowledgement && !(i == 0 && out.is(mark::dsack))) {
            hearer.heard_sack = std::max(hearer.heard_sack, out.sack[2 * i + 1]);
        }
    }
    if (hearer.heard_sack <= hearer.heard_ack) {
        hearer.heard_sack = 0;
    }
}

void place_bytes(flow_half& sender, event& out, bytes_view bytes) {
    const auto payload = bytes.subspan(out.seen.payload_offset(), out.seen.payload);
    const auto place = sender.arrived.add(out.sequence + (out.seen.has(tcp_flag::syn) ? 1U : 0U), payload);
    switch (place) {
    case byte_stream::placed::ahead:
        out.marks |= mark::out_of_order;
        ++sender.arrived_out_of_order;
        break;
    case byte_stream::placed::fills_gap:
        out.marks |= mark::fills_gap;
        break;
    case byte_stream::placed::seen_before:
        out.marks |= mark::seen_before;
        ++sender.arrived_again;
        break;
    case byte_stream::placed::in_order:
        break;
    }
    sender.last_data_arrived = out.arrived;
}

}  // namespace

void judge_arrival(flow& connection, event& out, bytes_view bytes) {
    auto& sender = connection.half(out.from);
    auto& hearer = connection.half(other(out.from));
    if (out.struck(fault::corrupted)) {
        ++sender.packets_corrupted;
        if (!tcp_checksum_ok(bytes, out.seen)) {
            out.marks |= mark::bad_checksum;
            return;  // the receiving kernel throws it away: nobody hears it
        }
    }
    if (out.number < sender.highest_arrived && !out.struck(fault::copy)) {
        out.marks |= mark::overtaken;
    }
    sender.highest_arrived = std::max(sender.highest_arrived, out.number);
    const auto& seen = out.seen;
    if (seen.has(tcp_flag::syn) && seen.has(tcp_flag::ack) && !connection.syn_ack_arrived) {
        connection.syn_ack_arrived = out.arrived;
    }
    if (!connection.established && connection.syn_ack_arrived && out.from == connection.opened_by &&
        seen.has(tcp_flag::ack) && !seen.has(tcp_flag::syn | tcp_flag::rst)) {
        connection.established = out.arrived;
    }
    if (seen.has(tcp_flag::ack) && !seen.has(tcp_flag::rst)) {
        hear_acknowledgement(hearer, out);
    }
    if (seen.payload > 0) {
        place_bytes(sender, out, bytes);
    }
}

}  // namespace aperto::lab
