// SPDX-License-Identifier: MIT
#include "aperto/journal.hpp"
#include "journal/database.hpp"
#include "journal/journal_file.hpp"

#include <algorithm>
#include <filesystem>

namespace aperto {
namespace {

/// A reader waits for a commit or a checkpoint in progress.
constexpr int patience_ms = 2000;

std::int64_t microseconds(std::chrono::system_clock::time_point time) {
    return std::chrono::floor<std::chrono::microseconds>(time.time_since_epoch()).count();
}

void read_row(const sqlite::statement& row, journal_entry& into) {
    into.sequence = static_cast<std::uint64_t>(row.number(0));
    into.time = std::chrono::system_clock::time_point(std::chrono::microseconds(row.number(1)));
    into.peer = row.bytes(2);
    into.message = row.bytes(3);
    into.reply.reset();
    if (!row.is_null(4)) into.reply = row.bytes(4);
}

}  // namespace

struct journal_reader::state {
    // Read only, so that this is never the connection that moves a server's WAL.
    explicit state(const std::string& path)
        : file(std::filesystem::absolute(path).string(), SQLITE_OPEN_READONLY) {
        sqlite3_busy_timeout(file.get(), patience_ms);
        journal_format::check(file, path);
    }
    sqlite::database file;
};

journal_reader::journal_reader(const std::string& file) : state_(std::make_unique<state>(file)) {}
journal_reader::~journal_reader() = default;

void journal_reader::read(std::chrono::system_clock::time_point since,
                          std::chrono::system_clock::time_point until, order which,
                          const std::function<bool(const journal_entry&)>& take) const {
    std::string sql =
        "SELECT seq, time_us, peer, message, reply FROM messages WHERE time_us >= ?1 AND time_us < ?2"
        " ORDER BY seq";
    if (which == order::newest_first) sql += " DESC";
    sqlite::statement rows(state_->file, sql);
    rows.bind(1, microseconds(since));
    rows.bind(2, microseconds(until));
    journal_entry one;
    while (rows.step()) {
        read_row(rows, one);
        if (!take(one)) return;
    }
}

std::uint64_t journal_reader::first() const {
    return static_cast<std::uint64_t>(state_->file.number("SELECT first FROM journal"));
}

journal_verdict journal_reader::verify() const {
    journal_verdict found;
    const sqlite::database& file = state_->file;
    file.run("BEGIN");  // one moment, whatever is written meanwhile
    sqlite::statement rows(file, "PRAGMA integrity_check");
    while (rows.step())
        if (rows.bytes(0) != "ok") found.problems.emplace_back(rows.bytes(0));
    found.messages = static_cast<std::uint64_t>(file.number("SELECT count(*) FROM messages"));
    found.first = first();
    const auto last = file.number("SELECT max(seq) FROM messages");
    found.last = found.messages > 0 ? static_cast<std::uint64_t>(last) : found.first - 1;
    const char* const gaps =
        "SELECT seq, before FROM (SELECT seq, lag(seq, 1, (SELECT first - 1 FROM journal)) OVER (ORDER BY "
        "seq) AS"
        " before FROM messages) WHERE seq != before + 1";
    sqlite::statement missing(file, gaps);
    while (missing.step())
        found.problems.push_back("message " + std::to_string(missing.number(0)) +
                                 " does not follow on message " + std::to_string(missing.number(1)));
    file.run("COMMIT");
    return found;
}

}  // namespace aperto
