// SPDX-License-Identifier: MIT
#pragma once

#include "lab/analysis/flow.hpp"

namespace aperto::lab {

/// What a packet means to the host that sends it: fills in `out` and moves the connection's state.
void judge_entry(flow& connection, event& out, bytes_view bytes);

/// What it means to the host it reaches.
void judge_arrival(flow& connection, event& out, bytes_view bytes);

/// How long its retransmission timer runs now, doubled as often as it has run out.
duration timeout_now(const flow_half& half);

/// Why `half` sends `out`, which repeats `segment` and what follows it up to `last`; moves its recovery on.
resend_cause judge_resend(flow_half& half, const sent_segment& segment, const sent_segment& last,
                          const event& out);

/// What `half` learns from an acknowledgement that reached it, before `heard_ack` and `heard_window` are
/// moved. Returns the round trip it tells, if it tells one (RFC 6298 3, Karn's rule).
std::optional<duration> hear_of_delivery(flow_half& half, const event& out);

/// `half` is told by ICMP that the path takes packets of `mtu` bytes.
void hear_too_big(flow_half& half, std::uint32_t mtu);

/// Both hosts have agreed to SACK (RFC 2018 2).
inline bool uses_sack(const flow_half& half) { return half.sack_permitted && half.peer_sack_permitted; }

/// The first segment that ends after `at`.
std::deque<sent_segment>::iterator segment_at(flow_half& half, std::uint64_t at);

}  // namespace aperto::lab
