// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/endpoint.hpp"
#include "core/i18n.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace aperto::cli {

/// What is known of a connection at one moment; what is not known is empty. The names of `struct tcp_info` (linux/tcp.h)
/// stand behind each figure that is from there.
struct connection_sample {
    using microseconds = std::chrono::microseconds;
    using milliseconds = std::chrono::milliseconds;
    using number = std::optional<std::uint64_t>;

    std::uint64_t key = 0;  ///< the socket's cookie (sock_diag), or the server's own number; never another's
    std::string peer;       ///< safe to show; empty: as `remote`
    endpoint remote;
    endpoint local;
    std::string state;                        ///< "ESTABLISHED", or as `connection_state` has it
    std::optional<milliseconds> age;          ///< since it was accepted
    std::optional<milliseconds> idle;         ///< since data came or went
    std::optional<microseconds> rtt;          ///< tcpi_rtt
    std::optional<microseconds> rtt_min;      ///< tcpi_min_rtt
    std::optional<microseconds> rto;          ///< tcpi_rto
    number congestion_window;                 ///< segments, tcpi_snd_cwnd
    number slow_start_threshold;              ///< segments, tcpi_snd_ssthresh; empty while infinite
    number segment_size;                      ///< bytes, tcpi_snd_mss
    number in_flight;                         ///< bytes that were sent and are not acknowledged
    number not_sent;                          ///< bytes that wait behind them, tcpi_notsent_bytes
    number unread;                            ///< bytes that have come and that nobody has read
    number send_window;                       ///< bytes, tcpi_snd_wnd
    number bytes_in;                          ///< tcpi_bytes_received
    number bytes_out;                         ///< acknowledged, tcpi_bytes_acked
    number bytes_sent;                        ///< with what was sent again, tcpi_bytes_sent
    number bytes_resent;                      ///< tcpi_bytes_retrans
    number segments_resent;                   ///< tcpi_total_retrans
    number delivery_rate;                     ///< bytes a second, tcpi_delivery_rate
    number messages;                          ///< that the server took out of what came
    std::optional<microseconds> busy;         ///< tcpi_busy_time; holds the next two
    std::optional<microseconds> window_full;  ///< tcpi_rwnd_limited
    std::optional<microseconds> buffer_full;  ///< tcpi_sndbuf_limited
    std::optional<bool> application_limited;  ///< tcpi_delivery_rate_app_limited
    std::string congestion_control;           ///< "cubic"
};

/// What a server says of itself at /metrics.
struct server_figures {
    std::string version;
    std::optional<double> messages;  ///< in all
    std::optional<double> lag;       ///< the sum of its loops' lateness, seconds
    /// How many answers took at most so many seconds; the last bound is infinite.
    std::vector<std::pair<double, double>> answers;
};

/// Where the time of one message went (/messages), as the server measured it.
struct message_sample {
    std::uint64_t connection = 0;
    std::uint64_t message = 0;
    double total_us = 0;
    std::string blame;
    std::vector<std::pair<std::string, double>> parts_us;
};

/// One look.
struct look {
    std::vector<connection_sample> connections;
    std::optional<server_figures> server;
    std::vector<message_sample> messages;
    std::string trouble;  ///< translated: why there is nothing, or not all; empty: all is well
    bool failed = false;  ///< nothing is known: what was known before is old
};

/// Where connections are told of. A look may take a while: it is begun, and gone on with whenever `descriptor` is ready.
class connection_source {
public:
    connection_source() = default;
    virtual ~connection_source() = default;
    connection_source(const connection_source&) = delete;
    connection_source& operator=(const connection_source&) = delete;

    virtual void begin() = 0;
    /// What the look waits for (poll(2)); -1: nothing, it is over.
    virtual int descriptor() const { return -1; }
    virtual short events() const { return 0; }
    /// Goes on. True: the look is over.
    virtual bool go_on() { return true; }
    virtual look take() = 0;
    /// What is watched, as the first row shows it.
    virtual std::string name() const = 0;
    /// How the figures come: "sock_diag", "admin".
    virtual std::string kind() const = 0;
    /// The messages of one connection are wanted too; 0: none.
    virtual void want_messages(std::uint64_t) {}
};

}  // namespace aperto::cli
