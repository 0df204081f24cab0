// SPDX-License-Identifier: MIT
#pragma once

#include "cli/watch/blame.hpp"
#include "cli/watch/sample.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

namespace aperto::cli {

/// A connection, as it is now and was until now.
struct watched_connection {
    connection_sample now;
    history past;
    std::string peer;         ///< as it is shown
    std::string local;        ///< likewise
    std::uint64_t since = 0;  ///< look in which it was first seen; 1: it may be older
    std::uint64_t seen = 0;   ///< the latest look in which it was there

    bool times_known() const noexcept { return now.busy.has_value(); }
    blame whose() const { return blame_of(past.last_minute(), times_known()); }
    std::string blame_text() const { return cli::blame_text(whose(), past.last_minute()); }
    /// Bytes a second between the last two looks; empty before the second.
    connection_sample::number rate_in() const;
    connection_sample::number rate_out() const;
};

/// All that are there, by look after look. One thread.
class watched_connections {
public:
    using clock = std::chrono::steady_clock;

    /// What was seen at `when`. A look that failed changes nothing but what is told of it.
    void take(look&& seen, clock::time_point when);

    const std::unordered_map<std::uint64_t, watched_connection>& all() const noexcept { return all_; }
    const watched_connection* find(std::uint64_t key) const;
    const look& latest() const noexcept { return latest_; }
    std::uint64_t looks() const noexcept { return looks_; }
    /// When the latest look that did not fail was.
    clock::time_point when() const noexcept { return when_; }

    // Of the server, over the last minute or what there is of it; empty where it does not tell.
    std::optional<double> messages_a_second() const;
    /// A bound that 99 in 100 answers stayed within, seconds; infinite past the last bound.
    std::optional<double> answer_p99() const;
    /// Bytes a second over all connections between the last two looks.
    struct rates {
        std::uint64_t in = 0;
        std::uint64_t out = 0;
    };
    const rates& traffic() const noexcept { return traffic_; }

private:
    std::unordered_map<std::uint64_t, watched_connection> all_;
    look latest_;
    std::uint64_t looks_ = 0;
    clock::time_point when_{};
    rates traffic_;
    std::deque<std::pair<clock::time_point, server_figures>> server_;
};

}  // namespace aperto::cli
