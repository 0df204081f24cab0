// SPDX-License-Identifier: MIT
#pragma once

#include "lab/analysis/flow.hpp"
#include "lab/analysis/packet.hpp"

#include <string_view>
#include <vector>

namespace aperto::lab::testing {

/// What a test's TCP packet says; the rest is filled in and the checksums are right.
struct tcp_text {
    std::uint16_t flags = tcp_flag::ack;
    std::uint32_t sequence = 0;
    std::uint32_t acknowledgement = 0;
    std::uint16_t window = 1000;
    std::string_view payload = {};
    std::vector<std::uint8_t> options = {};  ///< padded to a multiple of 4
    bool v6 = false;
    std::uint8_t ecn = 0;
};

/// The packet as `from` sends it: client port 40000, server port 9999.
std::vector<std::uint8_t> tcp_packet(side from, const tcp_text& text);

/// A tracker fed by hand with a clock of its own.
class story {
public:
    explicit story(sender_traits both = {.tail_probes = false, .rto_min = std::chrono::milliseconds(200)})
        : tracker_(flow_tracker::options{.senders = {both, both}}) {}

    /// `from` sends this; it enters the wire now.
    event send(side from, const tcp_text& text);
    /// A packet sent before arrives at the other side now.
    void arrive(event& one);
    /// Sent, and there after half a millisecond.
    event pass(side from, const tcp_text& text);
    /// The wire loses this one and tells its sender by ICMP that it takes packets of `mtu` bytes.
    void refuse(const event& one, std::uint32_t mtu);
    void wait(duration time) { now_ += time; }

    /// SYN, SYN/ACK, ACK with initial sequence numbers 1000 (client) and 5000 (server), no window scale.
    void handshake();

    const flow& connection() const { return tracker_.flows().at(0); }
    instant now() const { return now_; }

private:
    flow_tracker tracker_;
    instant now_{};
    std::uint64_t number_ = 0;
    std::vector<std::vector<std::uint8_t>> bytes_;
};

}  // namespace aperto::lab::testing
