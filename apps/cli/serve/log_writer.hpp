// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/time.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace aperto::cli {

/// Lines for a descriptor, written by a thread of its own: whoever logs never waits for whoever reads.
///
///     log_writer log({.descriptor = STDOUT_FILENO});
///     log.write("a line\n");
///
/// A line is written as soon as the thread gets to it; nothing is held back for company. What comes while the
/// reader is blocked waits in a queue of at most `queue_max` bytes; past that, and where the system refuses
/// to write (no space, no reader), lines are dropped whole, counted, and told of once there is room again.
/// What a file took of a line that it then had no room for is taken back; in a pipe, which cannot, a line
/// feed ends it. All members may be called from any thread; `close` once.
class log_writer {
public:
    struct options {
        int descriptor = 1;  ///< not owned
        std::size_t queue_max = std::size_t{1024} * 1024;
        /// The line that tells of lines dropped, given how many. None where empty.
        std::function<std::string(std::uint64_t)> dropped_line = {};
        /// Called on the writer's thread a second after `tick_later`.
        std::function<void()> tick = {};
    };

    /// Starts the thread.
    explicit log_writer(options settings);
    /// `close()`, unless that was called.
    ~log_writer();
    log_writer(const log_writer&) = delete;
    log_writer& operator=(const log_writer&) = delete;

    /// Queues `lines`, whole lines each with its line feed. False where they were dropped.
    bool write(std::string_view lines);
    /// Asks for one `tick`, a second from now; while one is asked for, asking again changes nothing.
    void tick_later();
    /// Writes what is queued, for at most `limit`, then ends the thread. A reader that stays blocked costs
    /// `limit` and the lines that were left, which `dropped` then counts too. A tick that was asked for comes
    /// first, at once.
    void close(duration limit = std::chrono::seconds(1));

    /// Lines dropped so far.
    std::uint64_t dropped() const noexcept;
    /// The errno of the last write that failed, 0 while none has.
    int last_error() const noexcept;

private:
    struct state;
    /// Shared with the thread, which may outlive this object when its reader is blocked for good.
    std::shared_ptr<state> state_;
};

}  // namespace aperto::cli
