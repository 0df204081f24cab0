// SPDX-License-Identifier: MIT
// Why a host sends something again, told from outside.
//
// A TCP sends again for one of two reasons: because of what it hears, or because it has heard nothing for too
// long.
//
// By the clock. The retransmission timer is set when data is sent and it is not running, and set anew when an
// acknowledgement moves (RFC 6298 5.1, 5.3). When it runs out, the first byte not acknowledged is sent again
// and the timer doubles (5.4 to 5.6); it stays doubled until a round trip is measured again, which nothing
// that was sent twice can tell (3, Karn's rule). All that was under way is then taken for lost and sent again
// as acknowledgements come (RFC 5681 3.1). Where tail loss probes are on, nothing is being repaired and no
// SACK tells of a hole, the first silence is a shorter one, after which the last segment is sent again, once
// (RFC 8985 7.2 to 7.4).
//
// By what is heard. With SACK, a segment is lost when one that was sent after it has arrived, be it original
// or repetition (RFC 8985 6.2). Without, after three duplicate ACKs, and then each time an acknowledgement
// stops short of what had been sent (RFC 5681 3.2, RFC 6582 3.2). This lasts until all that had been sent
// when it began is acknowledged, without SACK until more than that is (RFC 6582 3.2 step 2). A repetition
// that is found lost in turn begins it afresh, after a timeout too.
//
// So the rule asks in this order. Did ICMP call the segment too large? Is there news by which it is lost? May
// this be a tail loss probe? If none of these, it was the timer. The clock itself is asked only where news
// and timer are both possible.
#include "lab/analysis/flow.hpp"

#include <algorithm>

namespace aperto::lab {

using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t duplicate_acks_enough = 3;  // RFC 5681 3.2

void begin(flow_half& half, repairing what, instant now, resend_cause rest = resend_cause::none) {
    auto& mine = half.recovery;
    const bool timed_out_before =
        mine.now.what == repairing::everything && mine.now.rest == resend_cause::after_timeout;
    const bool afresh = what == repairing::losses || mine.now.what == repairing::nothing ||
                        half.heard_ack >= mine.now.until ||
                        (mine.now.what == repairing::everything &&
                         (!timed_out_before || half.heard_ack > mine.acknowledged_then));
    if (mine.now.what == repairing::nothing) {
        mine.first_stamp.reset();
    }
    if (rest == resend_cause::too_big) {
        mine.may_be_needless = false;
    } else if (afresh) {
        mine.may_be_needless = true;
        mine.needless_from = half.heard_ack;
        mine.unreported = 0;
    }
    mine.now.what = what;
    mine.now.rest = rest;
    mine.now.until = half.highest;
    mine.now.began = now;
    mine.acknowledged_then = half.heard_ack;
    mine.partly_acknowledged = false;
    mine.probed.reset();
}

/// Whether the timer may have run out by now. It is never early, often late. With SACK there is a second
/// timer, for what may be on its way in another order (RFC 8985 6.2 step 5), so silence alone tells nothing:
/// all but a tenth of the timeout, by which the estimate may be wrong, has to be over. Without SACK the
/// nearer has to be the timer besides, not the news. What `crossed` an acknowledgement on its way out left
/// before that set the timer anew.
bool timer_was_due(const flow_half& half, instant now, bool crossed) {
    const auto& mine = half.recovery;
    if (crossed) {
        return now >= mine.due_before;
    }
    const auto timeout = timeout_now(half);
    const auto due = mine.armed + timeout;
    return now >= due - timeout / 10 && (uses_sack(half) || now - mine.news >= due - now);
}

resend_cause timer_ran_out(flow_half& half, instant now) {
    auto& mine = half.recovery;
    begin(half, repairing::everything, now, resend_cause::after_timeout);
    mine.armed = now;
    ++mine.doublings;
    return half.heard_ack > 0 && half.heard_window == 0 ? resend_cause::closed_window : resend_cause::timeout;
}

/// A SYN has nothing but the timer; a SYN/ACK also answers each SYN that comes again.
resend_cause why_syn(flow_half& half, const event& out) {
    auto& mine = half.recovery;
    mine.syn_resent = true;
    if (!out.seen.has(tcp_flag::ack)) {
        return timer_ran_out(half, out.sent);
    }
    const bool asked = mine.syns_heard > mine.syns_answered;
    const auto waited = out.sent - mine.syn_heard_at;
    if (asked && (waited < at_once || waited < mine.armed + timeout_now(half) - out.sent)) {
        ++mine.syns_answered;
        return resend_cause::repeated_syn;
    }
    mine.armed = out.sent;
    ++mine.doublings;
    return resend_cause::timeout;
}

/// Linux takes all that is too large for lost at once, as after a timeout, but leaves the timer alone.
void heed_too_big(flow_half& half, instant now) {
    auto& mine = half.recovery;
    mine.told_too_big = false;
    const bool under_way =
        std::any_of(segment_at(half, half.heard_ack), half.segments.end(),
                    [&](const sent_segment& one) { return !one.delivered && one.packet > mine.packet_max; });
    if (under_way && mine.now.what != repairing::everything) {
        begin(half, repairing::everything, now, resend_cause::too_big);
        mine.news = now;
    }
}

/// Whether `segment` is lost by what the sender has heard.
bool known_lost(const flow_half& half, const sent_segment& segment, bool again) {
    const auto& mine = half.recovery;
    if (mine.now.what == repairing::everything && !again) {
        return mine.news >= mine.now.began;
    }
    if (uses_sack(half)) {
        return mine.latest_delivered > segment.last_sent;
    }
    return mine.now.what == repairing::nothing  ? mine.duplicate_acks >= duplicate_acks_enough
           : mine.now.what == repairing::losses ? mine.partly_acknowledged
                                                : false;
}

/// Whether this left the host before the acknowledgement was read that ended the recovery it belongs to: the
/// two crossed between the wire and the host's TCP.
bool crossed_the_end(const flow_half& half, const sent_segment& segment) {
    const auto& mine = half.recovery;
    return mine.now.what == repairing::nothing && mine.over.what != repairing::nothing &&
           segment.end <= half.heard_ack && segment.end <= mine.over.until &&
           segment.last_sent < mine.over.began;
}

resend_cause cause_in(const repair& repair) {
    return repair.what == repairing::everything ? repair.rest : resend_cause::fast;
}

bool may_probe(const flow_half& half, const sent_segment& last) {
    const auto& mine = half.recovery;
    return mine.traits.tail_probes && uses_sack(half) && mine.now.what == repairing::nothing &&
           mine.highest_sack <= half.heard_ack && !mine.probed && last.end == half.highest;
}

resend_cause as_told(flow_half& half, instant now, bool first, bool again) {
    auto& mine = half.recovery;
    if (mine.now.what == repairing::nothing || (mine.now.what == repairing::everything && again)) {
        begin(half, repairing::losses, now);
    }
    if (first) {
        mine.armed = now;
        mine.partly_acknowledged = false;
    }
    return cause_in(mine.now);
}

resend_cause why_data(flow_half& half, const sent_segment& segment, const sent_segment& last,
                      const event& out, bool past_the_end) {
    auto& mine = half.recovery;
    const auto now = out.sent;
    const bool first = segment.begin <= half.heard_ack && half.heard_ack < segment.end;
    if (segment.packet > mine.packet_max && out.seen.length <= mine.packet_max) {
        if (mine.told_too_big) {
            heed_too_big(half, now);
        }
        mine.armed = first ? now : mine.armed;
        return resend_cause::too_big;
    }
    // A timeout takes earlier repetitions for lost with the rest, news that something is too large does not.
    const bool again =
        segment.times > 1 && (segment.last_sent >= mine.now.began || mine.now.rest == resend_cause::too_big);
    // What is acknowledged already crossed the acknowledgement on its way out: that news was not the reason.
    const bool crossed = segment.end <= half.heard_ack;
    const bool just_heard = !crossed && now - mine.news < at_once;
    const bool by_timer = timer_was_due(half, now, crossed);
    if (past_the_end && !by_timer) {
        return cause_in(mine.over);
    }
    if (known_lost(half, segment, again) && (just_heard || !by_timer || !first)) {
        return as_told(half, now, first, again);
    }
    if (may_probe(half, last)) {
        mine.probed = half.highest;
        mine.armed = now;
        return resend_cause::tail_probe;
    }
    // What is left is a reason that does not show, if there was news just now, or else the timer.
    const bool heard_since = just_heard || (!by_timer && mine.news >= segment.last_sent);
    if (first ? just_heard && !by_timer && mine.now.what != repairing::everything : heard_since) {
        return as_told(half, now, first, false);
    }
    return timer_ran_out(half, now);
}

void count(flow_half& half, const event& out, resend_cause why, repairing during) {
    auto& mine = half.recovery;
    ++mine.tally.all;
    mine.tally.syn += out.seen.has(tcp_flag::syn) ? 1U : 0U;
    if (why == resend_cause::timeout) {
        ++mine.tally.timeouts;
    } else if (why == resend_cause::tail_probe) {
        ++mine.tally.probes;
    } else if (why != resend_cause::repeated_syn && why != resend_cause::closed_window) {
        ++(during == repairing::everything ? mine.tally.slow_start : mine.tally.fast);
    }
    if (why != resend_cause::tail_probe) {
        ++mine.unreported;
        if (!mine.first_stamp && out.seen.options.has_timestamps) {
            mine.first_stamp = out.seen.options.timestamp;
        }
    }
}

}  // namespace

duration timeout_now(const flow_half& half) {
    const auto& mine = half.recovery;
    // RFC 6298 5.7: where the SYN itself was sent again, data begins with three seconds.
    const bool after_late_syn = !half.timer.has_sample() && mine.syn_resent && half.heard_ack > 0;
    constexpr std::uint32_t doublings_max = 10;
    return (after_late_syn ? duration(3s) : half.timer.rto_linux()) *
           (1U << std::min(mine.doublings, doublings_max));
}

resend_cause judge_resend(flow_half& half, const sent_segment& segment, const sent_segment& last,
                          const event& out) {
    const auto& mine = half.recovery;
    const bool past_the_end = crossed_the_end(half, segment);
    const auto why =
        out.seen.has(tcp_flag::syn) ? why_syn(half, out) : why_data(half, segment, last, out, past_the_end);
    const bool ended = past_the_end && mine.now.what == repairing::nothing;
    count(half, out, why, ended ? mine.over.what : mine.now.what);
    return why;
}

void hear_too_big(flow_half& half, std::uint32_t mtu) {
    auto& mine = half.recovery;
    if (mtu < mine.packet_max) {
        mine.packet_max = mtu;
        mine.told_too_big = true;
    }
}

using namespace std::chrono_literals;

void rto_estimator::sample(duration round_trip) {
    last_ = round_trip;
    if (samples_++ == 0) {
        srtt_ = round_trip;
        rttvar_ = round_trip / 2;
        return;
    }
    const auto off = srtt_ > round_trip ? srtt_ - round_trip : round_trip - srtt_;
    rttvar_ = (3 * rttvar_ + off) / 4;
    srtt_ = (7 * srtt_ + round_trip) / 8;
}

duration rto_estimator::rto() const noexcept {
    constexpr duration before_first_sample = 1s;
    constexpr duration granularity = 1ms;
    return has_sample() ? srtt_ + std::max(granularity, 4 * rttvar_) : before_first_sample;
}

duration rto_estimator::rto_linux() const noexcept {
    constexpr duration before_first_sample = 1s;
    return has_sample() ? srtt_ + std::max(minimum_, 4 * rttvar_) : before_first_sample;
}

}  // namespace aperto::lab
