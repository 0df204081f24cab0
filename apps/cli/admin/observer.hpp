// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/events.hpp"
#include "cli/admin/bucket_counts.hpp"
#include "cli/admin/message_times.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace aperto::cli {

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
    void timed(const message_record& what) override;
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
    message_times times;        ///< of those that were picked

private:
    server_events& next_;
};

}  // namespace aperto::cli
