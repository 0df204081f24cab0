// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/cxx20.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace aperto {

/// What one side announced in its SYN or SYN/ACK (RFC 9293 3.7.1, RFC 7323, RFC 2018).
struct syn_facts {
    std::uint16_t window = 0;                  ///< bytes it can take for now, never scaled (RFC 7323 2.2)
    std::optional<std::uint16_t> mss;          ///< largest segment payload it takes, bytes
    std::optional<std::uint8_t> window_scale;  ///< later windows are shifted left by so many bits
    bool sack_permitted = false;               ///< it takes selective acknowledgements (RFC 2018)
    bool timestamps = false;                   ///< it offers the option (RFC 7323)
};

/// Who is at the other end of a Unix socket, as it connected: SO_PEERCRED, unix(7). Of a client's, who listens.
struct peer_process {
    std::int32_t process = 0;  ///< 0 where it is of another PID namespace
    std::uint32_t user = 0;    ///< its effective user
    std::uint32_t group = 0;   ///< and group
};

/// What the kernel knows of a connection at one moment: TCP_INFO and the saved SYN (tcp(7), linux/tcp.h).
///
/// Each figure is empty where this kernel, or this side of the connection, does not tell it; none is made up.
/// The comment on each names its unit and the field of `struct tcp_info` it comes from.
struct tcp_facts {
    using microseconds = std::chrono::microseconds;  ///< of each time below

    std::string state;                            ///< "ESTABLISHED" …, tcpi_state
    std::optional<syn_facts> client_syn;          ///< server side only: TCP_SAVED_SYN
    std::optional<std::uint32_t> send_mss;        ///< bytes of data a segment of ours carries, tcpi_snd_mss
    std::optional<std::uint32_t> receive_mss;     ///< bytes, estimate of what the peer sends, tcpi_rcv_mss
    std::optional<std::uint32_t> advertised_mss;  ///< bytes, the MSS of our SYN or SYN/ACK, from tcpi_advmss
    std::optional<std::uint32_t> path_mtu;        ///< bytes, tcpi_pmtu
    std::optional<std::uint8_t> send_window_scale;  ///< bits, the peer's, tcpi_snd_wscale (TCPI_OPT_WSCALE)
    std::optional<std::uint8_t> receive_window_scale;   ///< bits, ours, tcpi_rcv_wscale
    bool timestamps = false;                            ///< TCPI_OPT_TIMESTAMPS
    bool sack = false;                                  ///< TCPI_OPT_SACK
    bool ecn = false;                                   ///< TCPI_OPT_ECN
    std::optional<std::uint32_t> send_window;           ///< bytes the peer can take now, tcpi_snd_wnd
    std::optional<std::uint32_t> receive_window;        ///< bytes we can take now, tcpi_rcv_wnd
    std::optional<std::uint32_t> receive_space;         ///< bytes, auto-tuned receive buffer, tcpi_rcv_space
    std::string congestion_control;                     ///< "cubic", "bbr": TCP_CONGESTION
    std::optional<std::uint32_t> congestion_window;     ///< segments, tcpi_snd_cwnd
    std::optional<std::uint32_t> slow_start_threshold;  ///< segments, tcpi_snd_ssthresh; empty while infinite
    std::optional<microseconds> rtt;                    ///< smoothed, RFC 6298, tcpi_rtt
    std::optional<microseconds> rtt_variance;           ///< tcpi_rttvar
    std::optional<microseconds> rtt_min;                ///< tcpi_min_rtt
    std::optional<microseconds> receive_rtt;            ///< as a receiver sees it, tcpi_rcv_rtt
    std::optional<microseconds> rto;                    ///< retransmission timeout, tcpi_rto
    std::optional<std::uint64_t> bytes_sent;            ///< with what was sent again, tcpi_bytes_sent
    std::optional<std::uint64_t> bytes_acknowledged;    ///< tcpi_bytes_acked
    std::optional<std::uint64_t> bytes_received;        ///< tcpi_bytes_received
    std::optional<std::uint64_t> bytes_retransmitted;   ///< tcpi_bytes_retrans
    std::optional<std::uint32_t> bytes_not_sent;        ///< waiting in the send queue, tcpi_notsent_bytes
    std::optional<std::uint32_t> segments_out;          ///< tcpi_segs_out
    std::optional<std::uint32_t> segments_in;           ///< tcpi_segs_in
    std::optional<std::uint32_t> data_segments_out;     ///< tcpi_data_segs_out
    std::optional<std::uint32_t> data_segments_in;      ///< tcpi_data_segs_in
    std::optional<std::uint32_t> retransmissions;       ///< segments sent again in all, tcpi_total_retrans
    std::optional<std::uint32_t> lost;                  ///< segments thought lost now, tcpi_lost
    std::optional<std::uint32_t> unacknowledged;        ///< segments in flight, tcpi_unacked
    std::optional<std::uint32_t>
        reordering;  ///< segments, how far they may come out of order, tcpi_reordering
    std::optional<std::uint32_t> reorder_seen;      ///< reordering events, tcpi_reord_seen
    std::optional<std::uint32_t> dsack_duplicates;  ///< segments the peer had twice, tcpi_dsack_dups
    std::optional<std::uint64_t> delivery_rate;     ///< bytes a second, latest, tcpi_delivery_rate
    std::optional<std::uint64_t> pacing_rate;  ///< bytes a second, tcpi_pacing_rate; empty while unlimited
    std::optional<microseconds> busy_time;     ///< time with data to send, tcpi_busy_time
    std::optional<microseconds> limited_by_receive_window;  ///< tcpi_rwnd_limited
    std::optional<microseconds> limited_by_send_buffer;     ///< tcpi_sndbuf_limited
    std::optional<peer_process> process;  ///< of a Unix socket, of which nothing else is known
};

/// The facts of a connected socket. Throws `error` when the kernel refuses; a figure it does not know is
/// empty.
tcp_facts read_tcp_facts(int descriptor);

/// What a raw IPv4 or IPv6 packet with a TCP SYN announces, as TCP_SAVED_SYN gives it. Empty where the bytes
/// are not one. Takes any bytes: it is fuzzed.
std::optional<syn_facts> decode_syn(const void* packet, std::size_t size) noexcept;

}  // namespace aperto
