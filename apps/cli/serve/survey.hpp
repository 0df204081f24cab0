// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/background.hpp"
#include "aperto/loop_handle.hpp"
#include "aperto/server.hpp"
#include "cli/serve/report.hpp"

#include <functional>
#include <mutex>
#include <optional>

namespace aperto::cli {

/// What SIGUSR2 asks for: the counters and each open connection, told in the log while the server serves. It goes on from a
/// worker's loop, a few connections a turn, and no faster than the log is written.
class survey {
public:
    explicit survey(report& told) noexcept : told_(told) {}

    /// For `options::background`: keeps the first worker's loop, and goes on with `next`. `this` outlives the server.
    std::function<task<>(background&)> from_workers(std::function<task<>(background&)> next);
    /// Begins one; while one is in progress, asking again changes nothing. `seen`: who counts messages; null: nobody.
    /// Both outlive the server's loops. Any thread.
    void begin(const server& of, const observer* seen);

private:
    void start_if_possible();
    task<> tell_all(const server& of, const observer* seen);
    task<> tell_connections(const server& of);

    report& told_;
    std::mutex mutex_;
    std::optional<loop_handle> home_;  // guarded, as all that follows
    const server* of_ = nullptr;       ///< whom a survey is wanted of; null: none is
    const observer* seen_ = nullptr;
    bool in_progress_ = false;
};

}  // namespace aperto::cli
