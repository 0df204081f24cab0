// SPDX-License-Identifier: MIT
#include "lab/flow.hpp"

#include <algorithm>

namespace aperto::lab {

using namespace std::chrono_literals;

namespace {

/// Whether an acknowledgement that reached the sender told it that something after `segment` arrived.
bool told_of_loss(const flow_half& half, const sent_segment& segment) {
    return half.heard_sack > segment.end || half.heard_duplicate_acks > 0;
}

/// The timer as it stands for a segment that was already sent `times` times: it doubles (RFC 6298 5.5).
duration timer_of(const flow_half& half, std::uint32_t times) {
    constexpr std::uint32_t doublings_max = 10;
    return half.timer.rto_linux() * (1U << std::min(times - 1, doublings_max));
}

}  // namespace

resend_cause why_resent(const flow_half& half, const sent_segment& segment, instant now, bool tail_probes) {
    const auto waited = now - segment.last_sent;
    // The wire's clock and the kernel's differ by what a packet waits in queues, and jiffies round: a tenth
    // less still counts as having waited it out.
    const bool waited_it_out = waited >= timer_of(half, segment.times) * 9 / 10;
    const bool just_heard = now - half.heard_at < 5ms;
    if (segment.begin == 0) {
        return resend_cause::timeout;
    }
    if (half.too_big_at >= segment.last_sent && !waited_it_out) {
        return resend_cause::too_big;
    }
    if (half.fast_until > segment.begin && just_heard) {
        return resend_cause::fast;
    }
    if (told_of_loss(half, segment) && !(waited_it_out && !just_heard)) {
        return resend_cause::fast;
    }
    if (half.timeout_until > segment.begin && half.heard_at > half.timed_out_at && !waited_it_out) {
        return resend_cause::after_timeout;
    }
    if (waited_it_out) {
        return resend_cause::timeout;
    }
    if (segment.end == half.highest && tail_probes) {
        return resend_cause::tail_probe;
    }
    // Without tail probes nothing but the timer is left, once nothing was heard for as long as its minimum.
    constexpr duration timer_min = 190ms;
    if (!tail_probes && waited >= timer_min && !just_heard) {
        return resend_cause::timeout;
    }
    return resend_cause::unknown;
}

}  // namespace aperto::lab
