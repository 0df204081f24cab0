// SPDX-License-Identifier: MIT
#pragma once

#include "lab/analysis/event.hpp"

#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace aperto::lab {

/// A closed range of whole numbers; open at the top when `last` is the largest number there is.
struct number_range {
    std::uint64_t first = 1;
    std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
    bool holds(std::uint64_t value) const noexcept { return first <= value && value <= last; }
};

/// Names packets by what they mean, not by when they come:
///
///     server syn-ack#1                       the server's first SYN/ACK (not its retransmissions)
///     client data#3                          the third segment of new data from the client
///     client data#3..7    client data#3+     ranges
///     retransmission-of client data#3        whatever repeats it; retransmission#2 of …: the second time
///     client bytes 1000..2000                any packet that carries one of these bytes of the stream
///     flow#2 client fin                      of the second connection
///     lost client data      corrupted …      with what became of it (only where events are counted)
///
/// A kind without a number means every packet of the kind, those sent again included. Kinds: packet, syn,
/// syn-ack, ack, data, fin, rst, zero-window, window-update, probe, keepalive, duplicate-ack, sack, d-sack,
/// retransmission, icmp, other. Words before it: timeout, fast, after-timeout, tail-probe, too-big (of a
/// retransmission); lost, delivered, corrupted, duplicated, copied, held, reordered, out-of-order, late,
/// repeated, overtaken, ce-marked, window-full. Plurals are allowed.
struct selector {
    std::optional<side> from;
    std::optional<std::uint32_t> flow;
    kind what = kind::packet;
    std::optional<number_range> numbers;
    std::optional<number_range> bytes;  ///< relative sequence numbers: the first byte is 1
    bool retransmission = false;
    std::optional<number_range> times;  ///< which repetition
    std::uint32_t marks = 0;            ///< all of these
    std::uint32_t faults = 0;
    std::optional<fate> end;
    std::optional<resend_cause> cause;
    std::string text;  ///< as it was written

    /// Whether it can be judged when a packet enters the wire, before anything has been done to it.
    bool known_on_entry() const noexcept { return faults == 0 && !end && (marks & ~entry_marks) == 0; }
    bool matches(const event& one) const noexcept;

    static constexpr std::uint32_t entry_marks = mark::window_full;
};

/// Throws `bad_input` with the place where it stops making sense and the words that would.
selector parse_selector(std::string_view text);

}  // namespace aperto::lab
