// SPDX-License-Identifier: MIT
#include "lab/analysis/flow.hpp"

#include <algorithm>

namespace aperto::lab {

std::uint64_t relative_sequence(std::uint32_t raw, std::uint32_t start, std::uint64_t expected) noexcept {
    const std::uint32_t relative = raw - start;
    const auto step = static_cast<std::int32_t>(relative - static_cast<std::uint32_t>(expected));
    const auto moved = static_cast<std::int64_t>(expected) + step;
    return moved < 0 ? relative : static_cast<std::uint64_t>(moved);
}

std::deque<sent_segment>::iterator segment_at(flow_half& half, std::uint64_t at) {
    return std::upper_bound(half.segments.begin(), half.segments.end(), at,
                            [](std::uint64_t place, const sent_segment& one) { return place < one.end; });
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

namespace {

constexpr std::size_t segments_kept_max = 65'536;

void call(event& out, flow_half& mine, kind what, bool counted = true) {
    const auto place = static_cast<std::size_t>(what);
    out.kinds |= 1U << static_cast<unsigned>(what);
    if (counted) {
        out.ordinal[place] = ++mine.counts[place];
    }
}

std::uint64_t sequence_length(const packet& seen) {
    return seen.payload + (seen.has(tcp_flag::syn) ? 1U : 0U) + (seen.has(tcp_flag::fin) ? 1U : 0U);
}

void number_sequences(flow_half& mine, flow_half& theirs, event& out) {
    const auto& seen = out.seen;
    if (seen.has(tcp_flag::syn) || !mine.start_known) {
        if (!mine.syn_seen) {
            // Seen from the middle, the first byte in view counts as number 1, as it would after a SYN.
            mine.start = seen.has(tcp_flag::syn) ? seen.sequence : seen.sequence - 1;
            mine.highest = seen.has(tcp_flag::syn) ? 0 : 1;
            mine.start_known = true;
        }
    }
    out.sequence = relative_sequence(seen.sequence, mine.start, mine.highest);
    out.end_sequence = out.sequence + sequence_length(seen);
    if (!seen.has(tcp_flag::ack)) {
        return;
    }
    if (!theirs.start_known) {
        theirs.start = seen.acknowledgement - 1;
        theirs.highest = 1;
        theirs.start_known = true;
    }
    out.acknowledgement = relative_sequence(seen.acknowledgement, theirs.start, theirs.highest);
    for (std::size_t i = 0; i < seen.options.sack_count; ++i) {
        const auto& block = seen.options.sack[i];
        out.sack[2 * i] = relative_sequence(block.left, theirs.start, theirs.highest);
        out.sack[2 * i + 1] = relative_sequence(block.right, theirs.start, theirs.highest);
    }
}

void read_syn(flow_half& mine, event& out) {
    const auto& seen = out.seen;
    mine.syn_seen = true;
    mine.mss = seen.options.mss;
    mine.window_scale = seen.options.window_scale;
    mine.sack_permitted = seen.options.sack_permitted;
    mine.stamps = seen.options.has_timestamps;
    mine.syn_window = seen.window;
}

std::uint64_t scaled_window(const flow_half& mine, const flow_half& theirs, const packet& seen) {
    constexpr unsigned scale_max = 14;  // RFC 7323 2.3
    const bool agreed = mine.window_scale && theirs.window_scale && !seen.has(tcp_flag::syn);
    return std::uint64_t{seen.window} << (agreed ? std::min<unsigned>(*mine.window_scale, scale_max) : 0U);
}

/// Makes `at` the beginning of a segment, where it lies inside one.
void split_at(flow_half& mine, std::uint64_t at) {
    const auto whole = segment_at(mine, at);
    if (whole == mine.segments.end() || whole->begin >= at) {
        return;
    }
    auto rest = *whole;
    rest.begin = at;
    whole->end = at;
    mine.segments.insert(whole + 1, rest);
}

/// Finds what was sent before in [begin, end) and describes the repetition.
void judge_repetition(flow_half& mine, event& out) {
    out.marks |= mark::retransmission;
    split_at(mine, out.sequence);
    split_at(mine, out.end_sequence);
    const auto first = segment_at(mine, out.sequence);
    auto last = first;
    while (last != mine.segments.end() && last->begin < out.end_sequence) {
        ++last;
    }
    if (first == last) {
        out.resent_by = resend_cause::unknown;
        out.resent_times = 1;
    } else {
        out.resent_by = judge_resend(mine, *first, *(last - 1), out);
        out.since_last = out.sent - first->last_sent;
        out.resent_times = first->times;
        out.resent_first = out.resent_last = first->ordinal;
    }
    for (auto one = first; one != last; ++one) {
        out.resent_last = std::max(out.resent_last, one->ordinal);
        ++one->times;
        one->last_sent = out.sent;
        one->packet = out.seen.length;
    }
    ++mine.resent;
    ++mine.resent_by[static_cast<std::size_t>(out.resent_by)];
}

void remember_segment(flow_half& mine, event& out) {
    if (out.is(mark::simultaneous) && !mine.segments.empty()) {
        // Linux makes the SYN/ACK of the SYN under way: the round trip is counted from here.
        auto& opening = mine.segments.front();
        opening.first_sent = opening.last_sent = out.sent;
        opening.packet = out.seen.length;
    }
    if (out.end_sequence <= mine.highest) {
        return;
    }
    if (mine.heard_ack == mine.highest) {
        mine.recovery.armed = out.sent;  // RFC 6298 5.1
    }
    const auto ordinal = out.seen.payload > 0 ? mine.counts[static_cast<std::size_t>(kind::data)] : 0U;
    const auto begin = std::max(out.sequence, mine.highest);
    mine.segments.push_back(
        {begin, out.end_sequence, ordinal, 1, out.sent, out.sent, out.seen.length, false});
    if (mine.segments.size() > segments_kept_max) {
        mine.segments.pop_front();
    }
    mine.highest = out.end_sequence;
}

void judge_data(flow_half& mine, flow_half& theirs, event& out) {
    const auto& seen = out.seen;
    const bool repeats =
        out.end_sequence > out.sequence && out.sequence < mine.highest && !out.is(mark::simultaneous);
    const bool before_edge = mine.highest > 0 && out.sequence + 1 == mine.highest;
    if (seen.payload <= 1 && before_edge && !seen.has(tcp_flag::syn | tcp_flag::fin | tcp_flag::rst) &&
        mine.heard_ack == mine.highest && seen.payload == (repeats ? 1U : 0U)) {
        call(out, mine, mine.heard_window == 0 ? kind::probe : kind::keepalive);
        out.marks |= mine.heard_window == 0 ? mark::probe : mark::keepalive;
        return;
    }
    // Linux probes with the byte before the first one not acknowledged, even when more is in its queue.
    if (seen.payload == 0 && mine.heard_window == 0 && mine.heard_ack > 0 &&
        out.sequence + 1 == mine.heard_ack && !seen.has(tcp_flag::syn | tcp_flag::fin | tcp_flag::rst)) {
        call(out, mine, kind::probe);
        out.marks |= mark::probe;
        return;
    }
    // Others probe with the first byte that the window shuts out (RFC 9293 3.8.6.1). Until it is acknowledged
    // it counts as not sent: what follows when the window opens begins with it again.
    if (seen.payload == 1 && mine.heard_window == 0 && mine.heard_ack > 0 && mine.heard_ack == mine.highest &&
        out.sequence == mine.highest && !seen.has(tcp_flag::syn | tcp_flag::fin | tcp_flag::rst)) {
        call(out, mine, kind::probe);
        out.marks |= mark::probe;
        return;
    }
    if (repeats) {
        judge_repetition(mine, out);
    }
    if (seen.payload > 0) {
        const bool fresh = out.end_sequence > mine.highest;
        call(out, mine, kind::data, fresh);
        ++mine.data_packets;
        mine.payload_sent += seen.payload;
        if (!mine.first_data_sent) {
            mine.first_data_sent = out.sent;
        }
        if (theirs.last_window > 0 && out.end_sequence == mine.heard_ack + mine.heard_window && fresh) {
            out.marks |= mark::window_full;
        }
    }
    remember_segment(mine, out);
}

void judge_window(flow_half& mine, event& out, std::uint64_t window, bool bare) {
    const bool opening = mine.window_closed && window > 0;
    if (window == 0) {
        call(out, mine, kind::zero_window);
        out.marks |= mark::zero_window;
        if (!mine.window_closed) {
            mine.window_closed = true;
            mine.window_closed_at = out.sent;
            ++mine.zero_window_episodes;
        }
    } else if (opening) {
        mine.window_closed = false;
        mine.time_closed += out.sent - mine.window_closed_at;
    }
    // Before anything has arrived nothing can have made room: it is the SYN's window, counted in other units.
    const bool same_ack = out.acknowledgement == mine.last_ack && mine.last_ack > 1;
    if (opening || (bare && same_ack && window > mine.last_window && out.seen.options.sack_count == 0)) {
        call(out, mine, kind::window_update);
        out.marks |= mark::window_update;
    }
}

bool reports_duplicate(const event& out) {
    // RFC 2883 4: the first block lies below the acknowledgement, or inside the second block.
    if (out.seen.options.sack_count == 0) {
        return false;
    }
    const bool inside_next =
        out.seen.options.sack_count > 1 && out.sack[0] >= out.sack[2] && out.sack[1] <= out.sack[3];
    return out.sack[1] <= out.acknowledgement || inside_next;
}

void judge_acknowledgement(flow_half& mine, const flow_half& theirs, event& out) {
    const auto& seen = out.seen;
    const bool bare = seen.payload == 0 && !seen.has(tcp_flag::syn | tcp_flag::fin | tcp_flag::rst);
    const auto window = out.window;
    if (bare && !out.is(mark::probe | mark::keepalive)) {
        call(out, mine, kind::ack);
    }
    if (reports_duplicate(out)) {
        call(out, mine, kind::dsack);
        out.marks |= mark::dsack;
    } else if (seen.options.sack_count > 0) {
        call(out, mine, kind::sack);
        out.marks |= mark::sack;
    }
    if (!seen.has(tcp_flag::syn | tcp_flag::rst)) {
        judge_window(mine, out, window, bare);
    }
    // RFC 5681 2, with SACK's leave to change the window: data outstanding, nothing in it, the same number
    // again.
    const bool outstanding = theirs.highest > out.acknowledgement;
    const bool repeated = out.acknowledgement == mine.last_ack && mine.last_ack > 0;
    if (bare && repeated && outstanding && window > 0 &&
        !out.is(mark::window_update | mark::probe | mark::keepalive | mark::dsack) &&
        (window == mine.last_window || seen.options.sack_count > 0)) {
        call(out, mine, kind::duplicate_ack);
        out.marks |= mark::duplicate_ack;
        out.duplicate_ack_run = ++mine.duplicate_acks;
    } else if (out.acknowledgement > mine.last_ack) {
        mine.duplicate_acks = 0;
    }
    mine.last_ack = std::max(mine.last_ack, out.acknowledgement);
    mine.last_window = window;
}

void judge_handshake(flow& connection, event& out) {
    const auto& seen = out.seen;
    if (seen.has(tcp_flag::syn)) {
        auto& when = seen.has(tcp_flag::ack) ? connection.syn_ack_sent : connection.syn_sent;
        connection.handshake_repeated = connection.handshake_repeated || when;
        if (!when) {
            when = out.sent;
        }
    }
}

}  // namespace

void judge_entry(flow& connection, event& out, bytes_view bytes) {
    auto& mine = connection.half(out.from);
    auto& theirs = connection.half(other(out.from));
    const auto& seen = out.seen;
    ++mine.packets;
    call(out, mine, kind::packet);
    number_sequences(mine, theirs, out);
    // RFC 9293 3.5, figure 7: who has sent a SYN answers the other's with a SYN/ACK; that is no repetition.
    const bool answers = seen.has(tcp_flag::syn) && seen.has(tcp_flag::ack) && !mine.syn_ack_sent;
    const bool syn_again = seen.has(tcp_flag::syn) && mine.syn_seen && !answers;
    if (seen.has(tcp_flag::syn)) {
        if (answers) {
            mine.syn_ack_sent = true;
            mine.recovery.syns_answered += mine.recovery.syns_heard > 0 ? 1U : 0U;
            out.marks |= mine.syn_seen ? mark::simultaneous : 0U;
        }
        if (!theirs.with_syn.empty() && out.acknowledgement > theirs.with_syn.size()) {
            (void)theirs.arrived.add(1, theirs.with_syn);
            theirs.last_data_arrived = out.sent;
            theirs.with_syn.clear();
        }
        read_syn(mine, out);
        theirs.peer_sack_permitted = mine.sack_permitted;
        call(out, mine, seen.has(tcp_flag::ack) ? kind::syn_ack : kind::syn, !syn_again);
        mine.highest = syn_again || out.is(mark::simultaneous) ? mine.highest : 0;
    }
    judge_handshake(connection, out);
    out.window = scaled_window(mine, theirs, seen);
    const bool fin_again = seen.has(tcp_flag::fin) && mine.fin_sent;
    judge_data(mine, theirs, out);
    if (seen.has(tcp_flag::fin)) {
        call(out, mine, kind::fin, !fin_again);
        mine.fin_sent = true;
    }
    if (seen.has(tcp_flag::rst)) {
        call(out, mine, kind::rst);
        mine.rst_sent = true;
    }
    if (seen.has(tcp_flag::ack) && !seen.has(tcp_flag::rst)) {
        judge_acknowledgement(mine, theirs, out);
    }
    const auto payload = bytes.subspan(seen.payload_offset(), seen.payload);
    mine.written.add(out.sequence + (seen.has(tcp_flag::syn) ? 1U : 0U), payload);
    out.excerpt_size = static_cast<std::uint8_t>(std::min(payload.size(), out.excerpt.size()));
    std::copy_n(payload.begin(), out.excerpt_size, out.excerpt.begin());
    out.random_stream = out.end_sequence > out.sequence || seen.has(tcp_flag::rst) ? 0 : 1;
    out.random_ordinal = ++mine.random_counts[out.random_stream];
}

}  // namespace aperto::lab
