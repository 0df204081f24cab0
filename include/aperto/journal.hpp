// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/error.hpp"
#include "aperto/server.hpp"
#include "aperto/task.hpp"
#include "aperto/time.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// A target of its own, aperto::journal: who does not link it needs no SQLite.

namespace aperto {

/// What an acknowledged message survives.
enum class durability : std::uint8_t {
    /// The end of this process, whatever ended it: SIGKILL, a crash. What the last moments before a power failure or
    /// a crash of the system recorded may be missing after it; the file is whole in any case.
    process,
    /// The end of the machine too: each commit is synced to the disk before its replies are sent (fdatasync(2)). It
    /// is as true as the disk, which must have written what it says that it has.
    power,
};

/// What an operator should know of a journal.
struct journal_news {
    /// `not_put_aside`: it was due, and goes on as it is.
    enum class kind : std::uint8_t { refused, put_aside, not_put_aside };
    kind what = kind::refused;   ///< which of them
    std::uint64_t messages = 0;  ///< that were refused
    std::string file{};          ///< the name of what was put aside
    std::error_code why{};       ///< what failed
};

/// Where messages are recorded, and how.
struct journal_options {
    /// Made where it is not there, for its owner alone (0600). A local file system: SQLite's WAL shares memory.
    std::string file{};
    /// Synced or not: what the acknowledged survives.
    aperto::durability durability = aperto::durability::power;
    /// Bytes past which the file is put aside as "NAME-000000000001.db", by its first message, and a new one goes on
    /// with the numbers. 0: never.
    std::size_t rotate_size = 0;
    /// The same by the age of the file. 0: never.
    duration rotate_age{};
    /// Bytes handed over and not yet committed, past which messages are refused: the disk is slower than the
    /// clients. One message alone may be larger.
    std::size_t max_waiting = std::size_t{64} * 1024 * 1024;
    /// Told of messages refused, once a second at most, and of a file put aside or not. On the journal's thread; must not
    /// throw.
    std::function<void(const journal_news& news)> note{};
    /// Called on the journal's thread before anything else; must not throw.
    std::function<void()> first{};
};

/// What a journal has done so far.
struct journal_counters {
    std::uint64_t recorded = 0;   ///< messages
    std::uint64_t refused = 0;    ///< messages that could not be recorded
    std::uint64_t commits = 0;    ///< transactions, each with the messages of many clients
    std::uint64_t rotations = 0;  ///< files put aside
};

/// Acknowledged means recorded: every message is in a SQLite file, with its time, its peer and its reply, before its
/// reply is sent.
///
///     aperto::journal book({.file = "book.db"});
///     return aperto::serve({.port = 9999}, book.record(handler));
///
/// One thread commits: everything handed over while the last commit ran is the next one, so that many clients share
/// one sync. A message that cannot be recorded (a full disk, an error of the disk, a file that somebody keeps locked for
/// more than two seconds) is refused: its conversation ends in order, without the reply, and says why. Later messages
/// are tried anew. Outlives the servers that use it. Any thread; not in a simulation, whose time a disk knows nothing of.
class journal {
public:
    /// Opens the file, and makes it where there is none. Throws `error` where that fails, and where it is no journal.
    explicit journal(journal_options options);
    /// Commits what has been handed over, and closes the file.
    ~journal();
    journal(const journal&) = delete;
    journal& operator=(const journal&) = delete;

    /// The same handler, its replies held back until they are recorded. With `options::max_in_flight`, messages that a
    /// client sends without waiting share a commit too. Throws `errc::misuse` for a handler that owns its
    /// conversation: it calls `append` itself.
    handler record(handler what);

    /// Hands a message over at once, with copies of all. co_await it, on the loop where it was called: goes on when the
    /// message is recorded. Throws `error` where it could not be, and `cancellation`; who goes on without waiting
    /// acknowledges what may be lost. `reply`: none where no answer is sent.
    task<> append(std::string_view peer, std::string_view message, std::optional<std::string_view> reply);

    /// Any thread.
    journal_counters counters() const noexcept;

private:
    struct state;
    std::shared_ptr<state> state_;
};

/// A message in a journal.
struct journal_entry {
    std::uint64_t sequence = 0;                    ///< from 1, without a gap, over all files of a journal
    std::chrono::system_clock::time_point time{};  ///< when it was handed over
    std::string peer{};                            ///< as `endpoint::to_string` gives it
    std::string message{};                         ///< the bytes
    std::optional<std::string> reply{};            ///< the bytes; none where no answer was sent
};

/// What a verification found.
struct journal_verdict {
    std::uint64_t messages = 0;           ///< in the file
    std::uint64_t first = 0;              ///< the number of the first message, or that it will have
    std::uint64_t last = 0;               ///< the number of the last one; `first` - 1 where there is none
    std::vector<std::string> problems{};  ///< in English; none: it is whole
};

/// Reads a journal, also while a server writes it. One thread.
class journal_reader {
public:
    /// Throws `error` where it cannot be read, and where it is no journal.
    explicit journal_reader(const std::string& file);
    ~journal_reader();
    journal_reader(const journal_reader&) = delete;
    journal_reader& operator=(const journal_reader&) = delete;

    /// Which way through the file.
    enum class order : std::uint8_t { oldest_first, newest_first };
    /// Gives each message from `since` until before `until`, as long as `take` returns true. Throws `error`.
    void read(std::chrono::system_clock::time_point since, std::chrono::system_clock::time_point until,
              order which, const std::function<bool(const journal_entry&)>& take) const;
    /// The number of its first message, or that it will have.
    std::uint64_t first() const;
    /// Asks SQLite whether the file is sound (PRAGMA integrity_check), and looks for gaps in the sequence. Throws
    /// `error` where it cannot be read.
    journal_verdict verify() const;

private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace aperto
