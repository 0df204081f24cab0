// SPDX-License-Identifier: MIT
#pragma once

#include "load/histogram.hpp"
#include "load/reply_reader.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace aperto::load {

/// Why a run ended before its plan did.
struct early_end {
    enum class cause : std::uint8_t {
        connections_lost,  ///< one connection after the other broke, or could not be opened again
        no_port_left,      ///< for as long as `patience`, no source port was free
    };
    cause why = cause::connections_lost;
    int error = 0;  ///< errno of the last that failed; ECONNRESET where the server only ended it
};

/// What a run saw. Durations in nanoseconds. Every request is in one figure:
///
///     sent_in_all = answered_in_all + unanswered + in_flight_at_end
///     requests that were due, and those begun as replies came = sent_in_all + unsent
struct outcome {
    std::string target;           ///< "127.0.0.1:9999"
    std::size_t sources = 1;      ///< source addresses used
    std::int64_t elapsed_ns = 0;  ///< the measured window

    std::uint64_t answered = 0;    ///< requests whose whole reply came within the window
    std::uint64_t late = 0;        ///< due or sent within the window, answered after it; their latency counts
    std::uint64_t unanswered = 0;  ///< sent and never answered, or lost with their connection
    std::uint64_t unsent = 0;      ///< due, or begun, and not handed to the kernel to the last byte
    std::uint64_t in_flight_at_end = 0;  ///< sent, and the run ended early, before an answer had to be there
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t sent_in_all = 0;      ///< to their last byte; with those of the warm-up
    std::uint64_t answered_in_all = 0;  ///< with those of the warm-up and late ones

    histogram latency;    ///< from the moment the request was sent
    histogram corrected;  ///< open loop: from the moment it was due
    histogram connect;    ///< from connect(2) until it is known to be connected

    std::uint64_t connected = 0;
    std::uint64_t idle_lost = 0;            ///< idle connections that the server ended
    std::uint64_t closed_by_server = 0;     ///< connections that the server ended while they asked
    std::uint64_t waits_for_port = 0;       ///< times that every source port was in use
    std::map<int, std::uint64_t> failures;  ///< connections lost, by errno
    std::optional<difference> wrong;        ///< the reply that ended the run
    std::size_t wrong_connection = 0;
    bool interrupted = false;
    std::optional<early_end> ended;

    std::int64_t own_cpu_ns = 0;
    std::int64_t own_waited_ns = 0;  ///< could have run and did not, for want of a free core

    std::int64_t server_cpu_ns = -1;  ///< in the window; -1 where not known
    std::uint64_t server_memory_before =
        0;                                 ///< resident bytes before the first connection; 0 where not known
    std::uint64_t server_memory_idle = 0;  ///< with the idle connections open
    std::uint64_t server_memory_connected = 0;  ///< with all connections open, before the first request
    std::uint64_t server_memory_after = 0;      ///< at the window's end, all connections still open
    std::uint64_t server_memory_most = 0;

    /// Whether every request that was due was sent, and every reply that had to come came and was right; a
    /// run without replies is not.
    bool clean() const noexcept {
        return !wrong && !ended && answered_in_all > 0 && unanswered == 0 && unsent == 0 &&
               closed_by_server == 0 && idle_lost == 0 && failures.empty();
    }
    /// The share of a core that the generator wanted: near 1, it set the pace and not the server.
    double own_share() const noexcept {
        if (elapsed_ns == 0) return 0.0;
        return static_cast<double>(own_cpu_ns + own_waited_ns) / static_cast<double>(elapsed_ns);
    }
    bool generator_was_the_limit() const noexcept { return own_share() > 0.9; }
};

/// What a run is doing, told twice a second.
struct progress {
    enum class phase : std::uint8_t { connecting, warming_up, measuring, waiting_for_replies };
    phase now = phase::connecting;
    std::int64_t elapsed_ns = 0;  ///< of the window
    std::size_t connected = 0;    ///< open now
    double answers_a_second = 0;  ///< since the last time
    std::int64_t p50_ns = 0;      ///< of the window so far
    std::int64_t p99_ns = 0;
    std::uint64_t failures = 0;
};

}  // namespace aperto::load
