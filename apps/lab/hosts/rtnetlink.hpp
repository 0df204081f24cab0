// SPDX-License-Identifier: MIT
#pragma once

#include "lab/analysis/packet.hpp"
#include "lab/hosts/host_message.hpp"

#include <cstdint>

namespace aperto::lab {

/// The few things the lab asks of rtnetlink(7), in the network namespace of the calling thread at
/// construction. Each throws std::system_error with what was tried.
class rtnetlink {
public:
    rtnetlink();

    /// Brings an interface up with this MTU and transmit queue length (packets); 0 leaves either as it is.
    void bring_up(unsigned interface, std::uint32_t mtu, std::uint32_t queue);
    /// `local` on a point-to-point link to `peer`, and with it the route to the peer.
    void add_address(unsigned interface, const ip_address& local, const ip_address& peer);
    /// The route to `peer`, with a smallest retransmission timeout in milliseconds (0: the kernel's).
    void set_route(unsigned interface, const ip_address& local, const ip_address& peer,
                   std::uint32_t rto_min_ms);
    /// A plain first-in first-out queue of `packets`: no pacing, no reordering by fairness.
    void set_plain_queue(unsigned interface, std::uint32_t packets);

private:
    class request;
    void send(request& what, const char* tried);

    descriptor socket_;
    std::uint32_t sequence_ = 0;
};

/// 10.0.0.1 for the server and 10.0.0.2 for the client, or fd00::1 and fd00::2.
ip_address host_address(bool server, bool v6);

}  // namespace aperto::lab
