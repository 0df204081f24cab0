// SPDX-License-Identifier: MIT
#include "lab/analysis/flow_judges.hpp"

#include <algorithm>

namespace aperto::lab {

namespace {

void note_round_trip(flow_half& hearer, instant now, duration round_trip) {
    hearer.timer.sample(round_trip);
    constexpr std::size_t kept_max = 1'000'000;
    if (hearer.round_trips.size() < kept_max) {
        hearer.round_trips.push_back(round_trip);
    }
    constexpr std::size_t steps_max = 10'000;
    if (hearer.timer_steps.size() < steps_max) {
        const auto& timer = hearer.timer;
        hearer.timer_steps.push_back({now, round_trip, timer.srtt(), timer.rttvar(), timer.rto()});
    }
}

void hear_acknowledgement(flow_half& hearer, const event& out) {
    if (out.acknowledgement < hearer.heard_ack) {
        return;  // overtaken by a later one
    }
    if (const auto round_trip = hear_of_delivery(hearer, out)) {
        note_round_trip(hearer, out.arrived, *round_trip);
    }
    hearer.heard_ack = out.acknowledgement;
    hearer.highest =
        std::max(hearer.highest, hearer.heard_ack);  // where the byte of a window probe was taken
    hearer.heard_window = out.window;
}

void place_bytes(flow_half& sender, event& out, bytes_view bytes) {
    const auto payload = bytes.subspan(out.seen.payload_offset(), out.seen.payload);
    if (out.seen.has(tcp_flag::syn)) {
        sender.with_syn.assign(payload.begin(), payload.end());
        return;
    }
    const auto place = sender.arrived.add(out.sequence, payload);
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
    if (seen.has(tcp_flag::syn) && !seen.has(tcp_flag::ack)) {
        ++hearer.recovery.syns_heard;
        hearer.recovery.syn_heard_at = out.arrived;
    }
    if (seen.has(tcp_flag::ack) && !seen.has(tcp_flag::rst)) {
        hear_acknowledgement(hearer, out);
    }
    if (seen.payload > 0) {
        place_bytes(sender, out, bytes);
    }
}

}  // namespace aperto::lab
