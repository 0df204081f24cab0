// SPDX-License-Identifier: MIT
#pragma once

#include "lab/analysis/event.hpp"

#include <string_view>
#include <vector>

namespace aperto::lab {

/// What a host's kernel says of one of its connections (struct tcp_info, tcp(7)).
struct kernel_connection {
    std::uint16_t local_port = 0;
    std::uint16_t remote_port = 0;
    duration srtt{};
    duration rttvar{};
    duration rto{};
    std::uint32_t congestion_window = 0;  ///< segments
    std::uint32_t retransmissions = 0;
    bool operator==(const kernel_connection&) const = default;
};

/// Asks through a sock_diag(7) socket of the host's network namespace. Empty when it does not answer.
std::vector<kernel_connection> ask_kernel(int diag_socket, bool v6);

/// One answer with its time.
struct kernel_sample {
    instant at{};
    side host = side::client;
    kernel_connection what;
};

/// A TCP socket at a moment: all but those that listen. Sequence numbers count from the SYN, which is 0, as in the
/// ladder.
struct socket_view {
    std::uint8_t state = 0;  ///< as enum tcp_state of the kernel: 1 is ESTABLISHED
    std::uint16_t local_port = 0;
    std::uint16_t remote_port = 0;
    bool has_info =
        false;  ///< what follows is known; not of TIME-WAIT and SYN-RECEIVED, which are less than a socket
    std::uint64_t snd_una = 0;
    std::uint64_t snd_nxt = 0;
    std::uint64_t rcv_nxt = 0;
    std::uint64_t not_sent = 0;  ///< bytes that are written and wait for their turn
    std::uint32_t congestion_window = 0;
    std::uint32_t slow_start_threshold = 0;  ///< 0: none yet
    std::uint32_t in_flight = 0;             ///< segments
    duration srtt{};
    duration rttvar{};
    duration rto{};
    std::uint32_t retransmissions = 0;
    std::uint8_t timer = 0;  ///< as inet_diag_msg: 1 retransmission, 2 keepalive, 3 TIME-WAIT, 4 window probe
    std::uint8_t timer_tries = 0;
    duration timer_left{};
};

/// Those of both IP versions. Reads no clock and waits for nothing. Any thread; one at a time with one socket.
std::vector<socket_view> ask_sockets(int diag_socket);

/// As RFC 9293 writes it: "ESTABLISHED", "FIN-WAIT-1". English, since it is a name.
std::string_view state_name(std::uint8_t state);

/// One look at one socket. `at` counts from the first packet.
struct socket_sample {
    instant at{};
    side host = side::client;
    socket_view what;
};

}  // namespace aperto::lab
