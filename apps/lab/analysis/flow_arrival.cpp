// SPDX-License-Identifier: MIT
// What a packet means to the host it reaches: where its bytes belong, and what a sender learns from an
// acknowledgement: what arrived, whether the timer is set anew, whether what it is making good is made good,
// or was never lost.
#include "lab/analysis/flow.hpp"

#include <algorithm>

namespace aperto::lab {

namespace {

/// What one acknowledgement told that was not known before.
struct told {
    bool advanced = false;
    bool anything = false;
    bool sent_again = false;    ///< something now acknowledged had been sent more than once
    bool before_first = false;  ///< something now SACKed had been sent before the first byte missing was
    std::optional<duration> acknowledged;  ///< the round trip of the first segment acknowledged
    std::optional<duration> selectively;   ///< the same of the first one SACKed
};

/// RFC 8985 6.2 step 2: what arrived sooner than any round trip after it was sent again was the original.
void deliver(flow_half& half, sent_segment& one, instant now) {
    auto& mine = half.recovery;
    one.delivered = true;
    const bool known = mine.shortest_trip != duration::max();
    if (one.times == 1 || !known || now - one.last_sent >= mine.shortest_trip / 2) {
        mine.latest_delivered = std::max(mine.latest_delivered, one.last_sent);
    }
}

void hear_cumulative(flow_half& half, const event& out, told& news) {
    for (auto one = segment_at(half, half.heard_ack);
         one != half.segments.end() && one->end <= out.acknowledgement; ++one) {
        news.sent_again = news.sent_again || one->times > 1;
        if (!one->delivered) {
            if (one->times == 1 && !news.acknowledged) {
                news.acknowledged = out.arrived - one->first_sent;
            }
            deliver(half, *one, out.arrived);
        }
    }
}

/// Where in [left, right) something may be that the last acknowledgement's blocks did not cover.
std::uint64_t first_new(const recovery& mine, std::uint64_t left) {
    for (std::size_t i = 0; i < mine.blocks.size(); i += 2) {
        if (mine.blocks[i] <= left && left < mine.blocks[i + 1]) {
            return mine.blocks[i + 1] - 1;
        }
    }
    return left;
}

void hear_blocks(flow_half& half, const event& out, told& news) {
    auto& mine = half.recovery;
    const auto missing = segment_at(half, out.acknowledgement);
    const bool duplicate = out.is(mark::dsack);
    if (duplicate) {
        news.anything = true;
        if (out.sack[1] > mine.needless_from && mine.unreported > 0) {
            --mine.unreported;
        }
    }
    std::array<std::uint64_t, 8> blocks{};
    for (std::size_t i = duplicate ? 1 : 0; i < out.seen.options.sack_count; ++i) {
        const auto left = out.sack[2 * i];
        const auto right = out.sack[2 * i + 1];
        blocks[2 * i] = left;
        blocks[2 * i + 1] = right;
        mine.highest_sack = std::max(mine.highest_sack, right);
        for (auto one = segment_at(half, std::max(first_new(mine, left), out.acknowledgement));
             one != half.segments.end() && one->end <= right; ++one) {
            if (one->delivered || one->begin < left) {
                continue;
            }
            news.anything = true;
            if (one->times == 1 && !news.selectively) {
                news.selectively = out.arrived - one->first_sent;
                news.before_first = missing != half.segments.end() && one->last_sent <= missing->last_sent;
            }
            deliver(half, *one, out.arrived);
        }
    }
    mine.blocks = blocks;
}

/// A SYN with data of which only the SYN was acknowledged: the data is due again, though nothing was lost.
void hear_syn_alone(flow_half& half, const event& out) {
    auto& mine = half.recovery;
    if (half.heard_ack == 0 && out.acknowledgement < half.highest && mine.now.what == repairing::nothing) {
        mine.now.what = repairing::everything;
        mine.now.rest = resend_cause::syn_data;
        mine.now.until = half.highest;
        mine.now.began = out.arrived;
        mine.may_be_needless = false;
    }
}

/// RFC 3708 and RFC 3522: every repetition was reported as a duplicate, or what is acknowledged was sent
/// before the first repetition; nothing was lost.
bool was_needless(const recovery& mine, const event& out) {
    const auto& options = out.seen.options;
    const bool original = mine.first_stamp && options.has_timestamps &&
                          static_cast<std::int32_t>(options.timestamp_echo - *mine.first_stamp) < 0;
    return mine.may_be_needless && (mine.unreported == 0 || original);
}

void rearm(flow_half& half, instant now) {
    auto& mine = half.recovery;
    if (now - mine.acknowledged_at > at_once) {
        mine.acknowledged_at = now;
        mine.due_before = mine.armed + timeout_now(half);
    }
    mine.armed = now;
}

void hear_progress(flow_half& half, const event& out) {
    auto& mine = half.recovery;
    mine.duplicate_acks = 0;
    mine.partly_acknowledged = true;
    rearm(half, out.arrived);
    const bool made_good =
        uses_sack(half) ? out.acknowledgement >= mine.now.until : out.acknowledgement > mine.now.until;
    const bool needless = !made_good && was_needless(mine, out);
    if (mine.now.what != repairing::nothing && (made_good || needless)) {
        mine.over = mine.now;
        mine.now.what = repairing::nothing;
        mine.may_be_needless = made_good && mine.may_be_needless;
    }
}

/// RFC 8985 7.4.2: a probe is settled when more than its end is acknowledged, or its end a second time.
void settle_probe(flow_half& half, const event& out, bool advanced) {
    auto& mine = half.recovery;
    if (!mine.probed) {
        return;
    }
    const bool bare = out.seen.payload == 0 && out.window == half.heard_window;
    if (out.acknowledgement > *mine.probed ||
        (out.acknowledgement == *mine.probed && ((!advanced && bare) || out.is(mark::dsack)))) {
        mine.probed.reset();
    }
}

/// What `half` learns from an acknowledgement that reached it, before `heard_ack` and `heard_window` are
/// moved. Returns the round trip it tells, if it tells one (RFC 6298 3, Karn's rule).
std::optional<duration> hear_of_delivery(flow_half& half, const event& out) {
    auto& mine = half.recovery;
    told news;
    news.advanced = out.acknowledgement > half.heard_ack;
    hear_cumulative(half, out, news);
    if (out.seen.options.sack_count > 0) {
        hear_blocks(half, out, news);
    }
    std::optional<duration> trip = news.sent_again ? std::nullopt : news.acknowledged;
    trip = trip ? trip : news.selectively;
    if (news.advanced) {
        hear_syn_alone(half, out);
        hear_progress(half, out);
    } else if (out.is(mark::duplicate_ack)) {
        ++mine.duplicate_acks;
        news.anything = true;
    }
    if (trip) {
        mine.shortest_trip = std::min(mine.shortest_trip, *trip);
    }
    if (trip || (news.advanced && (half.stamps || half.heard_ack == 0))) {
        mine.doublings = 0;
    }
    if (news.before_first) {
        rearm(half, out.arrived);
    }
    settle_probe(half, out, news.advanced);
    if (news.advanced || news.anything) {
        mine.news = out.arrived;
    }
    return trip;
}

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
