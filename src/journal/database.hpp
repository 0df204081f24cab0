// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/error.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

/// SQLite's C interface as values that own what they hold and errors that are thrown.
namespace aperto::sqlite {

/// Of SQLite's extended result codes. Compare with `std::errc::no_space_on_device`, `device_or_resource_busy`, `io_error`,
/// `read_only_file_system`.
const std::error_category& category() noexcept;

struct closer {
    void operator()(sqlite3* open) const noexcept { sqlite3_close_v2(open); }
    void operator()(sqlite3_stmt* made) const noexcept { sqlite3_finalize(made); }
};

class database;

/// A prepared statement. Its parameters are counted from 1, its columns from 0.
class statement {
public:
    statement() = default;
    statement(const database& of, std::string_view sql);

    void bind(int at, std::int64_t number);
    void bind_text(int at, std::string_view text);  ///< not copied: it stays until `reset`
    void bind_blob(int at, std::string_view bytes);
    void bind_null(int at);
    /// Whether there is a row. Throws `error`.
    bool step();
    /// Ready to be run again. What the last run came to has been told by `step`.
    void reset() noexcept { sqlite3_reset(made_.get()); }

    std::int64_t number(int column) const noexcept { return sqlite3_column_int64(made_.get(), column); }
    bool is_null(int column) const noexcept {
        return sqlite3_column_type(made_.get(), column) == SQLITE_NULL;
    }
    /// Of a text or a blob; good until the next step.
    std::string_view bytes(int column) const noexcept;

private:
    void check(int code) const;
    std::unique_ptr<sqlite3_stmt, closer> made_;
};

/// An open file. One thread.
class database {
public:
    database() = default;
    /// `flags` as sqlite3_open_v2 has them. Throws `error`.
    database(const std::string& path, int flags);

    void run(const char* sql) const;
    /// The first value of the first row; 0 where there is none.
    std::int64_t number(std::string_view sql) const;
    std::string text(std::string_view sql) const;
    bool in_transaction() const noexcept { return open_ && sqlite3_get_autocommit(open_.get()) == 0; }
    void close() noexcept { open_.reset(); }
    explicit operator bool() const noexcept { return open_ != nullptr; }
    sqlite3* get() const noexcept { return open_.get(); }

private:
    std::unique_ptr<sqlite3, closer> open_;
};

}  // namespace aperto::sqlite
