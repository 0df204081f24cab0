// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/events.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace aperto::cli {

/// How often a value fell below each of some bounds, as Prometheus counts it. Any thread.
class bucket_counts {
public:
    /// Seconds. From a machine's own network to a satellite's, from a question to a day.
    static constexpr std::array bounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,  0.01,
                                       0.025,  0.05,    0.1,    0.25,  0.5,    1.0,    2.5,
                                       5.0,    10.0,    60.0,   600.0, 3600.0, 86400.0};
    void add(double seconds, std::uint64_t times = 1) noexcept;
    /// Values at most `bounds[which]`, or all of them past the last.
    std::uint64_t up_to(std::size_t which) const noexcept;
    double sum() const noexcept { return sum_.load(std::memory_order_relaxed); }

private:
    std::array<std::atomic<std::uint64_t>, bounds.size() + 1> counts_{};
    std::atomic<double> sum_ = 0;
};

/// Counts what happens in a server, and passes it on. Any thread.
class observer final : public server_events {
public:
    static constexpr std::size_t reason_count = static_cast<std::size_t>(close_reason::failure) + 1;
    using counter = std::atomic<std::uint64_t>;

    explicit observer(server_events& next) noexcept : next_(next) {}

    void listening(const endpoint& where) override { next_.listening(where); }
    void accepted(const connection_view& who) override { next_.accepted(who); }
    void message(const connection_view& who, std::string_view message, std::uint64_t offset) override;
    void replied(const connection_view& who, std::string_view reply) override;
    bool times_answers() const noexcept override { return true; }
    void answered(duration took, std::size_t messages) override;
    void closed(const connection_view& who, const closing& how) override;
    /// A worker's loop came so much too late to what was due: by a timer that is set for that, ten times a second.
    void lagged(duration by) noexcept;
    void limit(std::string_view name, const endpoint& whom, const std::error_code& why) override {
        next_.limit(name, whom, why);
    }
    void stopping() override { next_.stopping(); }

    counter messages = 0;
    counter message_bytes = 0;
    counter replies = 0;
    counter reply_bytes = 0;
    counter bytes_received = 0;   ///< of connections that have ended
    counter bytes_sent = 0;       ///< likewise
    counter retransmissions = 0;  ///< likewise
    std::array<counter, reason_count> ends{};
    bucket_counts answers;  ///< from a message being whole to its answer being offered to the kernel
    bucket_counts lags;     ///< of the workers' loops
    bucket_counts lifetimes;
    bucket_counts round_trips;  ///< the kernel's smoothed RTT as each connection ended

private:
    server_events& next_;
};

}  // namespace aperto::cli
