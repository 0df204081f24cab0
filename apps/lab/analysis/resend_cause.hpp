// SPDX-License-Identifier: MIT
#pragma once

#include "lab/analysis/event.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <optional>

namespace aperto::lab {

/// The retransmission timer of RFC 6298, fed with the round trips the wire saw.
///
/// Two differences to the text, both Linux's too: no minimum of one second is applied here (`rto()` tells the
/// formula's own value; the reader sets it beside the kernel's, whose minimum is how the host is set), and
/// the clock granularity G is 1 ms.
class rto_estimator {
public:
    rto_estimator() = default;
    explicit rto_estimator(duration minimum) : minimum_(minimum) {}

    void sample(duration round_trip);

    bool has_sample() const noexcept { return samples_ != 0; }
    std::uint32_t samples() const noexcept { return samples_; }
    duration srtt() const noexcept { return srtt_; }
    duration rttvar() const noexcept { return rttvar_; }
    duration last() const noexcept { return last_; }
    /// SRTT + max(G, 4 RTTVAR); one second before the first sample.
    duration rto() const noexcept;
    /// As Linux computes it: the variance's share is at least the host's smallest timeout.
    duration rto_linux() const noexcept;

private:
    duration minimum_{};
    std::uint32_t samples_ = 0;
    duration srtt_{};
    duration rttvar_{};
    duration last_{};
};

/// Within so long an answer to news has left the host, its queues included.
inline constexpr duration at_once = std::chrono::milliseconds(5);

/// What the lab knows of a host's sending beforehand, from how the host is set.
struct sender_traits {
    bool tail_probes = false;  ///< may send tail loss probes (RFC 8985 7)
    duration rto_min{};        ///< the least share of the variance in its retransmission timeout
};

/// A stretch of sequence space, as long as the packet that carried it. One that is sent again in pieces is
/// split.
struct sent_segment {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint32_t ordinal = 0;  ///< data#N; 0 for SYN and FIN
    std::uint32_t times = 1;
    instant first_sent{};
    instant last_sent{};
    std::uint32_t packet = 0;  ///< the length of the packet that carried it last
    bool delivered = false;    ///< the sender heard so, by acknowledgement or SACK
};

/// What a sender is making good.
enum class repairing : std::uint8_t {
    nothing,
    losses,     ///< what SACK or duplicate ACKs tell is missing: fast recovery (RFC 5681 3.2, 6582, 6675)
    everything  ///< all that was under way, from the first byte on: after a timeout (RFC 5681 3.1)
};

/// Retransmissions as Linux counts them in /proc/net/snmp and /proc/net/netstat, in packets.
struct resend_tally {
    std::uint64_t all = 0;         ///< RetransSegs
    std::uint64_t timeouts = 0;    ///< TCPTimeouts
    std::uint64_t fast = 0;        ///< TCPFastRetrans
    std::uint64_t slow_start = 0;  ///< TCPSlowStartRetrans
    std::uint64_t syn = 0;         ///< TCPSynRetrans
    std::uint64_t probes = 0;      ///< TCPLossProbes, those that repeat something
};

/// One making good, from the first repetition on.
struct repair {
    repairing what = repairing::nothing;
    resend_cause rest = resend_cause::none;  ///< of `everything`: the cause of what is sent again in it
    std::uint64_t until = 0;                 ///< what had been sent when it began: acknowledged, it is over
    instant began{};
};

/// A sender's loss recovery as far as it shows on the wire. The rule itself is in resend_cause.cpp.
struct recovery {
    sender_traits traits;
    repair now;
    repair over;  ///< the one that ended last
    std::uint64_t acknowledged_then = 0;
    bool partly_acknowledged = false;  ///< the acknowledgement moved since the first missing was sent again

    instant armed{};                    ///< when the retransmission timer was last set (RFC 6298 5)
    instant acknowledged_at{-at_once};  ///< the first of the acknowledgements, at once, that set it last
    instant due_before{};               ///< when it would have run out but for those
    std::uint32_t doublings = 0;        ///< of the timer, since the last round trip that counts
    instant news{-1};                   ///< when the sender last heard of something it did not know
    instant latest_delivered{-1};       ///< when the latest sent of what is delivered was sent (RFC 8985 6.2)
    duration shortest_trip = duration::max();
    std::uint64_t highest_sack = 0;
    std::array<std::uint64_t, 8> blocks{};  ///< of the last acknowledgement with SACK
    std::uint32_t duplicate_acks = 0;
    std::optional<std::uint64_t> probed;  ///< a tail loss probe is out, until more than this is acknowledged

    std::uint32_t packet_max = std::numeric_limits<std::uint32_t>::max();  ///< as ICMP told
    bool told_too_big = false;                                             ///< and nothing was sent since

    bool may_be_needless = false;  ///< nothing has shown yet that what is being repaired was lost
    std::uint64_t needless_from = 0;
    std::uint32_t unreported = 0;              ///< sent again, and not reported as a duplicate
    std::optional<std::uint32_t> first_stamp;  ///< the timestamp of the first sent again
    std::uint32_t syns_heard = 0;
    std::uint32_t syns_answered = 0;
    instant syn_heard_at{-1};
    bool syn_resent = false;
    resend_tally tally;
};

struct flow_half;

/// How long the retransmission timer of `half` runs now, doubled as often as it has run out.
duration timeout_now(const flow_half& half);

/// Why `half` sends `out`, which repeats `segment` and what follows it up to `last`; moves its recovery on.
resend_cause judge_resend(flow_half& half, const sent_segment& segment, const sent_segment& last,
                          const event& out);

/// `half` is told by ICMP that the path takes packets of `mtu` bytes.
void hear_too_big(flow_half& half, std::uint32_t mtu);

}  // namespace aperto::lab
