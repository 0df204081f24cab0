// SPDX-License-Identifier: MIT
// analysis/: what packets say, told from the packets alone. The lab's lowest folder.
//
//     packet               the bytes of an IP packet read, trusting no length in them; checksums, ICMP
//     event                one packet's passage through the wire: what it is, what became of it
//     flow                 connections: what a packet means to the host that sends it; in flow_arrival.cpp
//                          what it means to the one it reaches
//     resend_cause         why something was sent again; the retransmission timer of RFC 6298
//     byte_stream          segments put back into the stream they are cut from, and its digest
//     selector             packets named by what they mean: `client data#3`
//     quantity             times, sizes and rates as people write them, and how they are refused
#pragma once

#include "lab/analysis/byte_stream.hpp"
#include "lab/analysis/event.hpp"
#include "lab/analysis/resend_cause.hpp"

#include <compare>
#include <deque>
#include <map>
#include <vector>

namespace aperto::lab {

/// The retransmission timer after one more round trip was measured.
struct timer_step {
    instant at{};
    duration round_trip{};
    duration srtt{};
    duration rttvar{};
    duration rto{};
};

/// One host's part of a connection: what it sent, what it heard, what of its bytes arrived.
struct flow_half {
    bool syn_seen = false;
    bool start_known =
        false;  ///< of `start`; a connection caught in the middle starts at the first packet seen
    std::uint32_t start = 0;    ///< the initial sequence number
    std::uint64_t highest = 0;  ///< the sequence number after the last one ever sent
    std::optional<std::uint16_t> mss;
    std::optional<std::uint8_t> window_scale;  ///< as offered on its SYN
    bool sack_permitted = false;
    bool peer_sack_permitted = false;  ///< by the other side's SYN, once that has been seen
    bool stamps = false;               ///< it sends timestamps (RFC 7323)
    std::uint32_t syn_window = 0;

    std::uint64_t last_ack = 0;     ///< the highest acknowledgement it sent
    std::uint64_t last_window = 0;  ///< bytes, as it last advertised
    std::uint32_t duplicate_acks = 0;
    bool window_closed = false;
    instant window_closed_at{};
    duration time_closed{};
    std::uint32_t zero_window_episodes = 0;
    std::array<std::uint32_t, kind_count> counts{};
    std::array<std::uint64_t, 3> random_counts{};
    std::deque<sent_segment> segments;

    std::uint64_t heard_ack = 0;  ///< the highest acknowledgement that reached it
    std::uint64_t heard_window = 0;
    lab::recovery recovery;
    rto_estimator timer;
    std::vector<duration> round_trips;
    std::vector<timer_step> timer_steps;  ///< the first 10,000

    byte_stream written;                 ///< its bytes as they entered the wire
    byte_stream arrived;                 ///< its bytes as they left the wire whole
    std::vector<std::uint8_t> with_syn;  ///< data that came with its SYN: taken or not, the SYN/ACK tells
    std::uint64_t highest_arrived = 0;   ///< number of the latest-sent packet of its that has arrived

    std::uint64_t packets = 0;
    std::uint64_t packets_lost = 0;
    std::uint64_t packets_corrupted = 0;
    std::uint64_t data_packets = 0;
    std::uint64_t payload_sent = 0;                             ///< bytes, with those sent again
    std::uint64_t resent = 0;                                   ///< packets
    std::array<std::uint64_t, resend_cause_count> resent_by{};  ///< by `resend_cause`
    std::uint64_t arrived_out_of_order = 0;
    std::uint64_t arrived_again = 0;
    std::optional<instant> first_data_sent;
    std::optional<instant> last_data_arrived;
    bool syn_ack_sent = false;
    bool fin_sent = false;
    bool rst_sent = false;
};

/// One TCP connection across the wire.
struct flow {
    std::uint32_t number = 0;
    side opened_by = side::client;
    ip_address opener_address;
    ip_address listener_address;
    std::uint16_t opener_port = 0;
    std::uint16_t listener_port = 0;
    std::array<flow_half, 2> halves;  ///< by `side`

    std::optional<instant> syn_sent;
    std::optional<instant> syn_ack_sent;
    std::optional<instant> syn_ack_arrived;
    bool handshake_repeated = false;     ///< a SYN or SYN/ACK was sent again
    std::optional<instant> established;  ///< the last ACK of the handshake arrived
    instant first_seen{};
    instant last_seen{};

    flow_half& half(side one) { return halves[index(one)]; }
    const flow_half& half(side one) const { return halves[index(one)]; }
};

/// Follows every connection that crosses the wire and says what each packet means for it: the part of a TCP
/// analyser that needs nothing but the packets, in the order and at the times they entered and left.
///
/// It judges what a packet means to its sender when it enters (retransmission, duplicate ACK, zero window …)
/// and what it means to its receiver when it leaves (out of order, fills a gap, seen before). One thread.
class flow_tracker {
public:
    struct options {
        std::array<sender_traits, 2> senders{};  ///< by `side`
    };

    flow_tracker() = default;
    explicit flow_tracker(options chosen) : options_(chosen) {}

    /// `out.seen`, `out.from`, `out.sent` and `out.number` are set; the rest of what is known on entry is
    /// filled in.
    void entered(event& out, bytes_view bytes);

    /// `out.arrived` is set; `bytes` is the packet as it leaves, with whatever damage the wire did to it.
    void left(event& out, bytes_view bytes);

    void lost(const event& out);

    const std::deque<flow>& flows() const noexcept { return flows_; }

private:
    struct key {
        ip_address client, server;
        std::uint16_t client_port = 0, server_port = 0;
        auto operator<=>(const key&) const = default;
    };

    flow& flow_of(const event& out);

    options options_;
    std::map<key, flow*> by_key_;
    std::deque<flow> flows_;
    key last_key_;
    flow* last_flow_ = nullptr;
    std::array<std::array<std::uint64_t, 3>, 2> other_counts_{};
    std::array<std::array<std::uint32_t, kind_count>, 2> other_kinds_{};
};

/// `raw` as a 64-bit relative number near `expected`: sequence numbers wrap after 4 GiB (RFC 9293 3.4).
std::uint64_t relative_sequence(std::uint32_t raw, std::uint32_t start, std::uint64_t expected) noexcept;

/// What a packet means to the host that sends it: fills in `out` and moves the connection's state.
void judge_entry(flow& connection, event& out, bytes_view bytes);

/// What it means to the host it reaches.
void judge_arrival(flow& connection, event& out, bytes_view bytes);

/// Both hosts have agreed to SACK (RFC 2018 2).
inline bool uses_sack(const flow_half& half) { return half.sack_permitted && half.peer_sack_permitted; }

/// The first segment that ends after `at`.
std::deque<sent_segment>::iterator segment_at(flow_half& half, std::uint64_t at);

}  // namespace aperto::lab
