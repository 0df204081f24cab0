// SPDX-License-Identifier: MIT
#pragma once

#include "lab/analysis/packet.hpp"
#include "lab/analysis/quantity.hpp"

#include <array>
#include <cstdint>

namespace aperto::lab {

/// The host a packet was sent by; also the direction it travels in.
enum class side : std::uint8_t { client = 0, server = 1 };

constexpr side other(side one) { return one == side::client ? side::server : side::client; }
constexpr std::size_t index(side one) { return static_cast<std::size_t>(one); }

/// What a packet can be called in a selector. One packet may be several: data and fin, ack and zero_window.
enum class kind : std::uint8_t {
    packet,  ///< any
    syn,
    syn_ack,
    ack,  ///< an acknowledgement without data, SYN, FIN or RST
    data,
    fin,
    rst,
    zero_window,
    window_update,
    probe,  ///< of a zero window
    keepalive,
    duplicate_ack,
    sack,
    dsack,
    icmp,
    other,
    count_
};
inline constexpr std::size_t kind_count = static_cast<std::size_t>(kind::count_);

/// What the flow tracker saw about a packet; a set of bits.
namespace mark {
inline constexpr std::uint32_t retransmission = 1U << 0U;
inline constexpr std::uint32_t duplicate_ack = 1U << 1U;
inline constexpr std::uint32_t sack = 1U << 2U;
inline constexpr std::uint32_t dsack = 1U << 3U;
inline constexpr std::uint32_t zero_window = 1U << 4U;
inline constexpr std::uint32_t window_update = 1U << 5U;
inline constexpr std::uint32_t probe = 1U << 6U;
inline constexpr std::uint32_t keepalive = 1U << 7U;
inline constexpr std::uint32_t out_of_order =
    1U << 8U;  ///< arrived before bytes that come earlier in the stream
inline constexpr std::uint32_t fills_gap = 1U << 9U;      ///< arrived late: bytes after it were already there
inline constexpr std::uint32_t seen_before = 1U << 10U;   ///< every byte of it had arrived already
inline constexpr std::uint32_t overtaken = 1U << 11U;     ///< a packet sent later arrived earlier
inline constexpr std::uint32_t bad_checksum = 1U << 12U;  ///< left the wire with a checksum that does not fit
inline constexpr std::uint32_t window_full = 1U << 13U;   ///< fills the receiver's window to the last byte
inline constexpr std::uint32_t congestion = 1U << 14U;    ///< carries the CE mark
inline constexpr std::uint32_t simultaneous = 1U << 15U;
}  // namespace mark

/// Why something was sent again, as far as it can be told from outside.
enum class resend_cause : std::uint8_t {
    none,
    timeout,        ///< nothing was heard for the retransmission timeout
    after_timeout,  ///< the rest of what was lost, in the recovery that a timeout began
    fast,           ///< duplicate ACKs or SACK told of the loss: fast retransmit or RACK
    tail_probe,     ///< sooner than a timeout, the last segment: tail loss probe (RFC 8985)
    too_big,        ///< in smaller pieces: an ICMP message told that it was too large for the path (RFC 1191)
    repeated_syn,   ///< a SYN/ACK that answers a SYN that came again (RFC 9293 3.10.7.4)
    syn_data,       ///< the peer acknowledged the SYN but not the data in it (RFC 7413 4.2.2)
    closed_window,  ///< the timer ran out while the window was closed over data under way (RFC 9293 3.8.6)
    unknown,        ///< the wire did not see it sent the first time
    count_
};
inline constexpr std::size_t resend_cause_count = static_cast<std::size_t>(resend_cause::count_);

enum class fate : std::uint8_t { travelling, delivered, lost };

/// Why the wire lost a packet.
enum class loss_cause : std::uint8_t {
    none,
    random,
    burst,
    listed,
    named,
    blackhole,
    queue_packets,
    queue_bytes,
    mtu,
    replayed,
    ended,   ///< the run ended while it was on its way
    refused  ///< the receiving kernel did not take it
};

/// What else the wire did to a packet; a set of bits.
namespace fault {
inline constexpr std::uint32_t corrupted = 1U << 0U;
inline constexpr std::uint32_t duplicated = 1U << 1U;  ///< a copy of it follows
inline constexpr std::uint32_t copy = 1U << 2U;        ///< it is such a copy: no host sent it
inline constexpr std::uint32_t held = 1U << 3U;        ///< by name
inline constexpr std::uint32_t reordered = 1U << 4U;   ///< held until others have passed
inline constexpr std::uint32_t ce_marked = 1U << 5U;
inline constexpr std::uint32_t made_by_wire = 1U << 6U;  ///< an ICMP message of the wire's own
}  // namespace fault

/// One packet's passage through the wire. The one record that ladder, JSON lines, page and summary are made
/// from. Sequence numbers are relative: a SYN has 0, the first byte of data 1.
struct event {
    std::uint64_t number = 0;  ///< in the order packets entered the wire, from 1
    std::uint32_t flow = 0;    ///< the connection, from 1; 0 when it is not TCP
    side from = side::client;
    fate end = fate::travelling;
    loss_cause lost_by = loss_cause::none;
    resend_cause resent_by = resend_cause::none;
    std::int32_t rule = -1;    ///< which named fault struck it, as an index into the run's list
    std::uint32_t kinds = 0;   ///< one bit a `kind`
    std::uint32_t faults = 0;  ///< of `fault`
    std::uint32_t marks = 0;   ///< of `mark`
    instant sent{};            ///< entered the wire
    instant arrived{};         ///< left it; meaningless unless delivered
    duration added{};          ///< how much later than asked for it left: the wire's own cost
    std::uint64_t copy_of = 0;
    std::uint32_t corrupt_bit = 0;  ///< which bit was flipped, counted from the packet's first

    packet seen;  ///< as it entered
    std::uint64_t sequence = 0;
    std::uint64_t end_sequence = 0;
    std::uint64_t acknowledgement = 0;
    std::uint64_t window = 0;  ///< bytes, scaled
    std::array<std::uint64_t, 8>
        sack{};  ///< relative edges, left and right, of `seen.options.sack_count` blocks
    std::array<std::uint32_t, kind_count>
        ordinal{};                     ///< its number among those of its kind; 0 when it is none
    std::uint64_t random_ordinal = 0;  ///< of its `draw_key`
    std::uint8_t random_stream = 0;
    std::uint32_t resent_first = 0;  ///< which data segments (or SYN, FIN: 1) it repeats
    std::uint32_t resent_last = 0;
    std::uint32_t resent_times = 0;       ///< 1 for the first repetition
    duration since_last{};                ///< of a retransmission: since the segment was last sent
    std::uint32_t duplicate_ack_run = 0;  ///< the how-manieth in a row
    std::array<char, 48> excerpt{};       ///< the payload's first bytes
    std::uint8_t excerpt_size = 0;

    bool is(std::uint32_t bit) const noexcept { return (marks & bit) != 0; }
    bool struck(std::uint32_t bit) const noexcept { return (faults & bit) != 0; }
    bool is_kind(kind what) const noexcept { return (kinds >> static_cast<unsigned>(what) & 1U) != 0; }
};

}  // namespace aperto::lab
