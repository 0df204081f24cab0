// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/descriptor.hpp"
#include "aperto/time.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::cli {

/// Builds one JSON object on one line (RFC 8259), member by member, without a document in between: a busy
/// server writes one for each message.
///
///     json_line line("accepted");
///     line.add("peer", "[::1]:51324").add("rtt_us", 38);
///     log.write(line.finish()); {"event":"accepted","time":"2026-11-22T13:45:02.123Z","peer":…,"rtt_us":38}
///
/// Text may be any bytes: what is not UTF-8 becomes U+FFFD, and what a terminal would obey or a reader cannot
/// see is written as \uXXXX, so that the line is safe to look at.
class json_line {
public:
    /// Begins with the event's name and the time now, UTC.
    explicit json_line(std::string_view event);

    json_line& add(std::string_view key, std::string_view text);
    json_line& add(std::string_view key, const char* text) { return add(key, std::string_view(text)); }
    template <std::integral Number>
    json_line& add(std::string_view key, Number number) {
        if constexpr (std::same_as<Number, bool>)
            return add_raw(key, number ? "true" : "false");
        else
            return add_raw(key, std::to_string(number));
    }
    /// Milliseconds and the like: three decimals.
    json_line& add(std::string_view key, double number);
    /// Nothing at all where there is no value.
    template <class Value>
    json_line& add(std::string_view key, const std::optional<Value>& value) {
        return value ? add(key, *value) : *this;
    }
    /// A list of texts.
    json_line& add(std::string_view key, const std::vector<std::string_view>& texts);
    /// At most `size_max` bytes of `text`, never part of a character.
    json_line& add_cut(std::string_view key, std::string_view text, std::size_t size_max);

    /// The members of an object that is written already.
    json_line& add_members(std::string_view object);

    /// The line with its line feed. Once.
    const std::string& finish();

private:
    json_line& add_raw(std::string_view key, std::string_view value);
    void begin_member(std::string_view key);
    std::string text_;
};

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
        int descriptor = 1;  ///< not owned; -1: none until `use`
        std::size_t queue_max = std::size_t{1024} * 1024;
        /// The line that tells of lines dropped, given how many. None where empty.
        std::function<std::string(std::uint64_t)> dropped_line = {};
        /// Called on the writer's thread, with the errno, where writing begins to fail; not again for a minute, nor before
        /// something could be written.
        std::function<void(int)> failing = {};
        /// Called on the writer's thread before anything else.
        std::function<void()> first = {};
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
    /// Writes there from now on, once what it has in hand is written, and closes it when another one follows or at the end.
    void use(descriptor file);
    /// Asks for one `tick`, a second from now; while one is asked for, asking again changes nothing.
    void tick_later();
    /// Writes what is queued, for at most `limit`, then ends the thread. A reader that stays blocked costs
    /// `limit` and the lines that were left, which `dropped` then counts too. A tick that was asked for comes
    /// first, at once.
    void close(duration limit = std::chrono::seconds(1));

    /// Less than half of what may wait does.
    bool has_room() const;
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
