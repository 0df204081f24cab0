// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/endpoint.hpp"
#include "aperto/time.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace aperto {

/// Where the time of a message went, from its first byte's arrival to the acknowledgement of its answer's last byte. The
/// parts do not overlap.
enum class message_part : std::uint8_t {
    queue,      ///< arrived before its connection was accepted: it waited in the listener's queue
    handshake,  ///< of a connection's first message: the transport's handshake, like TLS
    client,  ///< from the first byte's arrival to the last one's: the client paused, or its network was slow
    reordering,  ///< segments came out of order, theirs or ours
    machine,  ///< it was there, the loop slept, and the kernel did not run it: a stopped process, a busy processor
    loop,            ///< the loop had others in hand first, or had not yet come to the end of its turn
    handler,         ///< the handler
    journal,         ///< the message's record was being made safe (journal::record)
    kernel,          ///< the answer waited in this machine's queue to the wire (tc(8))
    window,          ///< the client's receive window was full: it reads slowly
    buffer,          ///< this side's send buffer was full
    nagle,           ///< Nagle's algorithm waited for a delayed acknowledgement (RFC 896, RFC 1122 4.2.3.2)
    congestion,      ///< the congestion window or the pacing let no more out (RFC 5681)
    retransmission,  ///< segments of the answer were lost and sent again
    network,         ///< on its way to the client, and the acknowledgement's way back
};
/// How many there are.
inline constexpr std::size_t message_part_count = static_cast<std::size_t>(message_part::network) + 1;
/// "handler": the name.
std::string_view to_string(message_part part) noexcept;

/// What is known of one message of those that were picked (`options::trace_messages`): the kernel's own times
/// (SO_TIMESTAMPING, Documentation/networking/timestamping.rst) joined with the loop's.
///
/// The total is what the client waited, where its own way to the server takes as long as the way back: of a request's
/// journey nothing is seen but its end. What is not seen either: a lost request of a single segment, and bytes that have
/// arrived in the client's kernel and are not read there.
struct message_record {
    std::uint64_t connection = 0;  ///< as connection_view::id
    unsigned worker = 0;           ///< which of the server's
    endpoint remote;               ///< the client's address
    std::uint64_t message = 0;     ///< the message's number on its connection, from 1
    std::uint64_t offset = 0;      ///< where its payload stands in what the client sent, bytes
    std::size_t bytes_in = 0;      ///< of its payload
    std::size_t bytes_out = 0;     ///< of the answer, as it is on the wire but for a transport
    std::chrono::system_clock::time_point arrived{};   ///< its first byte, in this machine's kernel
    std::array<duration, message_part_count> parts{};  ///< by message_part
    bool answered = false;                             ///< an answer was sent
    bool acknowledged =
        false;  ///< all of the answer was: else the connection ended before, and parts are missing
    /// The acknowledgement came so much later than the network's way by a client that waited for more to acknowledge
    /// (RFC 1122 4.2.3.2: up to 500 ms, Linux 40 to 200 ms). The client had its answer: no part of the total.
    duration acknowledgement_delay{};

    // The kernel's statistics as the answer was acknowledged (linux/tcp.h, TCP_NLA_…); empty where it told none.
    std::optional<std::uint64_t> bytes_retransmitted;  ///< since the answer was handed over
    std::optional<std::uint32_t> congestion_window;    ///< segments
    std::optional<duration> rtt;                       ///< smoothed
    std::optional<duration> rtt_min;                   ///< the least of the last minutes

    /// How much of the time one of them took.
    duration of(message_part part) const noexcept { return parts[static_cast<std::size_t>(part)]; }
    /// The sum of the parts.
    duration total() const noexcept;
    /// The largest part.
    message_part blame() const noexcept;
};

}  // namespace aperto
