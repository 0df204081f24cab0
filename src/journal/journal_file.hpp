// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/journal.hpp"
#include "journal/database.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace aperto {

/// A message that is handed over, and who waits for it.
struct pending_entry;

/// The format of a journal's files.
namespace journal_format {
inline constexpr int application_id = 0x61707274;  // "aprt": PRAGMA application_id
inline constexpr int version = 1;                  // PRAGMA user_version
/// Throws `error` where the file is another program's, or of another version.
void check(const sqlite::database& file, const std::string& path);
}  // namespace journal_format

/// The file that a journal writes. Its thread's.
class journal_file {
public:
    /// Throws nothing: the file is opened by `open`, or by the next `write`.
    explicit journal_file(const journal_options& options);

    /// Throws `error`.
    void open();
    /// Records all, or throws `error` and has recorded none, as far as is known.
    void write(std::span<const pending_entry* const> batch);
    /// Puts the file aside where it has become too large or too old. The name that it then has; none where it goes
    /// on. Throws `error` where it should be put aside and cannot be now.
    std::optional<std::string> rotate_if_due();

private:
    void begin_file();
    void configure();
    static int wait_for_lock(void* of, int looks) noexcept;
    bool is_in_place() const noexcept;
    bool is_due() const;
    std::string name_aside(std::int64_t first) const;
    std::int64_t next_sequence();
    void write_all(std::span<const pending_entry* const> batch);
    void give_up() noexcept;
    void close() noexcept;

    const std::string path_;
    const durability durability_;
    const std::size_t rotate_size_;
    const duration rotate_age_;
    sqlite::database file_;
    sqlite::statement insert_;
    sqlite::statement next_;
    std::uint64_t inode_ = 0;
    std::int64_t made_us_ = 0;  ///< when the file was made
    std::int64_t first_ = 1;    ///< of the next file that is made
    std::chrono::steady_clock::time_point rotation_rests_until_{};
    std::chrono::steady_clock::time_point waits_since_{};  ///< for somebody who has locked the file
};

}  // namespace aperto
