// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/descriptor.hpp"
#include "aperto/time.hpp"

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace aperto::io {

/// A time as the kernel stamps packets with it: of the real-time clock, nanoseconds since 1970; 0: none.
using stamp = std::int64_t;

/// The same clock now.
stamp read_stamp_clock() noexcept;

/// What a socket's packets are to be stamped for: SO_TIMESTAMPING, Documentation/networking/timestamping.rst.
enum class stamps : std::uint8_t {
    none,
    arrivals,  ///< what is received, and what has been asked for of earlier sends still comes
    all,       ///< and each send: given to the device's queue, left, acknowledged
};
/// 0 or a negative errno. Keys of sends count bytes from the first call that asks for any stamps on; `before`, of that
/// call: so many bytes they count besides, of what was sent earlier.
int stamp_socket(int socket, stamps wanted, std::uint32_t* before = nullptr) noexcept;

/// The kernel stamps arriving packets while any socket wants it, for all of them: so one that is asked later knows
/// when what it has came. This one wants it until it goes. Empty where it cannot be had.
descriptor keep_stamping() noexcept;

/// When received bytes came: of the first and of the last packet among them, as far as the kernel has kept them apart.
struct arrival {
    stamp first = 0;
    stamp last = 0;
};
/// As recv(2), without waiting: bytes, 0 at the end of the stream, or a negative errno.
ssize_t receive_stamped(int socket, char* into, std::size_t size, arrival& when) noexcept;

/// What the kernel counts of a connection (linux/tcp.h): the part of it that both TCP_INFO and the statistics of a report
/// have. Times in microseconds, of the kernel's tick (1 to 10 ms).
struct send_counts {
    std::uint64_t busy = 0;  ///< with something to send
    std::uint64_t window_limited = 0;
    std::uint64_t buffer_limited = 0;
    std::uint64_t bytes_retransmitted = 0;
    std::uint32_t retransmissions = 0;
    std::uint32_t reorder_seen = 0;
    std::uint32_t congestion_window = 0;
    std::uint32_t rtt = 0;      ///< smoothed
    std::uint32_t rtt_min = 0;  ///< the largest number where none is known
};

/// What comes back of a send.
struct send_report {
    enum class kind : std::uint8_t { queued, left, acknowledged, other };
    kind what = kind::other;
    stamp when = 0;
    std::uint32_t key = 0;  ///< of the last byte of a call of send(2)
    std::optional<send_counts> counts;
};
/// The next report of the error queue; none where it is empty.
std::optional<send_report> take_report(int socket) noexcept;

/// TCP_INFO, as far as the figures of a message need it.
struct socket_counts {
    send_counts sending;
    std::uint32_t unacknowledged = 0;  ///< segments
    std::uint32_t out_of_order = 0;    ///< segments received so
    std::uint32_t last_received = 0;   ///< milliseconds since the last one with data came
    std::uint32_t send_mss = 0;
};
/// None where the kernel does not tell.
std::optional<socket_counts> read_counts(int socket) noexcept;
/// TCP_NODELAY, tcp(7).
bool has_no_delay(int socket) noexcept;

}  // namespace aperto::io
