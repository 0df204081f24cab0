// SPDX-License-Identifier: MIT
#include "journal/database.hpp"

namespace aperto::sqlite {
namespace {

class sqlite_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "sqlite"; }
    std::string message(int code) const override { return sqlite3_errstr(code); }
    std::error_condition default_error_condition(int code) const noexcept override {
        constexpr int primary = 0xff;
        switch (code & primary) {
        case SQLITE_FULL:
            return std::errc::no_space_on_device;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return std::errc::device_or_resource_busy;
        case SQLITE_IOERR:
            return std::errc::io_error;
        case SQLITE_READONLY:
            return std::errc::read_only_file_system;
        case SQLITE_NOMEM:
            return std::errc::not_enough_memory;
        default:
            return {code, *this};
        }
    }
};

[[noreturn]] void fail(int code, sqlite3* in) {
    const char* const path = in ? sqlite3_db_filename(in, nullptr) : nullptr;
    throw error({code, category()}, "use the file", path ? path : "");
}

}  // namespace

const std::error_category& category() noexcept {
    static const sqlite_category one;
    return one;
}

database::database(const std::string& path, int flags) {
    sqlite3* open = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &open, flags | SQLITE_OPEN_NOMUTEX, nullptr);
    open_.reset(open);
    if (code != SQLITE_OK) throw error({code, category()}, "open the file", path);
    sqlite3_extended_result_codes(open, 1);
}

void database::run(const char* sql) const {
    if (const int code = sqlite3_exec(open_.get(), sql, nullptr, nullptr, nullptr)) fail(code, open_.get());
}

std::int64_t database::number(std::string_view sql) const {
    statement asked(*this, sql);
    return asked.step() ? asked.number(0) : 0;
}

std::string database::text(std::string_view sql) const {
    statement asked(*this, sql);
    return asked.step() ? std::string(asked.bytes(0)) : std::string();
}

statement::statement(const database& of, std::string_view sql) {
    sqlite3_stmt* made = nullptr;
    const int code = sqlite3_prepare_v2(of.get(), sql.data(), static_cast<int>(sql.size()), &made, nullptr);
    made_.reset(made);
    if (code != SQLITE_OK) fail(code, of.get());
}

void statement::check(int code) const {
    if (code != SQLITE_OK) fail(code, sqlite3_db_handle(made_.get()));
}

void statement::bind(int at, std::int64_t number) { check(sqlite3_bind_int64(made_.get(), at, number)); }

void statement::bind_text(int at, std::string_view text) {
    check(sqlite3_bind_text64(made_.get(), at, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void statement::bind_blob(int at, std::string_view bytes) {
    if (bytes.empty())  // a null pointer would be NULL
        check(sqlite3_bind_zeroblob(made_.get(), at, 0));
    else
        check(sqlite3_bind_blob64(made_.get(), at, bytes.data(), bytes.size(), SQLITE_STATIC));
}

void statement::bind_null(int at) { check(sqlite3_bind_null(made_.get(), at)); }

bool statement::step() {
    const int code = sqlite3_step(made_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    sqlite3_reset(made_.get());
    fail(code, sqlite3_db_handle(made_.get()));
}

std::string_view statement::bytes(int column) const noexcept {
    const void* const at = sqlite3_column_blob(made_.get(), column);
    const int size = sqlite3_column_bytes(made_.get(), column);
    return at ? std::string_view(static_cast<const char*>(at), static_cast<std::size_t>(size))
              : std::string_view();
}

}  // namespace aperto::sqlite
