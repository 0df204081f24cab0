// SPDX-License-Identifier: MIT
#pragma once

#include "cli/watch/sample.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace aperto::cli {

/// What a connection did between two looks. Counts are of that time alone; a value past 32 bits is the largest one.
struct moment {
    std::uint32_t span_ms = 0;  ///< how long it was
    std::uint32_t rtt_us = 0;   ///< at its end; 0: not known
    std::uint32_t congestion_window = 0;
    std::uint32_t unread = 0;  ///< bytes that waited for a reader both at its beginning and at its end
    std::uint32_t bytes_in = 0;
    std::uint32_t bytes_out = 0;  ///< acknowledged
    std::uint32_t bytes_sent = 0;
    std::uint32_t bytes_resent = 0;
    std::uint32_t busy_us = 0;
    std::uint32_t window_full_us = 0;
    std::uint32_t buffer_full_us = 0;
};
moment between(const connection_sample& before, const connection_sample& after, std::uint32_t span_ms);

/// The latest moments of one connection, some two minutes of them at a look a second.
class history {
public:
    static constexpr std::size_t size_max = 120;
    void add(const moment& one);
    std::size_t size() const noexcept { return ring_.size(); }
    /// From the oldest, 0.
    const moment& operator[](std::size_t which) const noexcept {
        return ring_[(first_ + which) % ring_.size()];
    }
    /// The last minute in one, or what there is of it.
    struct sums {
        std::uint64_t span_ms = 0;
        std::uint64_t bytes_in = 0;
        std::uint64_t bytes_out = 0;
        std::uint64_t bytes_sent = 0;
        std::uint64_t bytes_resent = 0;
        std::uint64_t busy_us = 0;
        std::uint64_t window_full_us = 0;
        std::uint64_t buffer_full_us = 0;
        std::uint64_t unread_ms = 0;  ///< in which bytes waited for a reader
    };
    const sums& last_minute() const noexcept { return sums_; }

private:
    void count(const moment& one, bool in);

    std::vector<moment> ring_;
    std::size_t first_ = 0;
    std::size_t counted_ = 0;  ///< how many of the latest are in the sums
    sums sums_;
};

/// Who held a connection up in the last minute, seen from this side of it.
enum class culprit : std::uint8_t {
    unknown,        ///< not looked at twice, or the kernel does not tell
    quiet,          ///< nothing was sent, and nothing came
    network,        ///< what was sent was on its way: round trips, the congestion window, losses
    client_window,  ///< the peer takes no more: its window is full
    send_buffer,    ///< this side's send buffer is too small for the path
    reader,         ///< bytes have come, and the program here does not read them
    application,    ///< none of those: the programs had nothing to send
};
/// "network", "client_window": for programs.
const char* to_string(culprit whose) noexcept;

struct blame {
    culprit whose = culprit::unknown;
    double share = 0;    ///< of the time, 0 to 1
    double network = 0;  ///< each part's share
    double client_window = 0;
    double send_buffer = 0;
    double reader = 0;
};
/// `known`: the kernel tells of the times.
blame blame_of(const history::sums& of, bool known);
/// "client's window 97 %: it reads 1.1 MB/s", translated; empty where nothing is known.
std::string blame_text(const blame& of, const history::sums& within);

}  // namespace aperto::cli
