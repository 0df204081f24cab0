// SPDX-License-Identifier: MIT
#pragma once

#include "lab/analysis/event.hpp"

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

}  // namespace aperto::lab
