// SPDX-License-Identifier: MIT
#include "journal/journal_file.hpp"

#include "aperto/descriptor.hpp"
#include "core/i18n.hpp"
#include "journal/pending_entry.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <thread>

namespace aperto {
namespace {

/// How long a commit waits for somebody who has locked the file, before its messages are refused.
constexpr auto lock_patience = std::chrono::seconds(2);
/// How often it looks. SQLite's own wait grows to a tenth of a second: a process that commits one batch after the other,
/// as one does that follows this one, would hold the lock at each look until the patience is over.
constexpr auto lock_pause = std::chrono::milliseconds(1);
/// After a rotation that was not possible, until the next try.
constexpr auto rotation_rest = std::chrono::seconds(1);

constexpr const char* schema =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS journal (first INTEGER NOT NULL, made_us INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS messages ("
    "  seq INTEGER PRIMARY KEY,"   // without a gap
    "  time_us INTEGER NOT NULL,"  // UTC, microseconds since 1970
    "  peer TEXT NOT NULL,"
    "  message BLOB NOT NULL,"
    "  reply BLOB);";  // NULL: no answer was sent

/// Keeps others from opening or putting aside a journal of the same folder meanwhile (flock(2)).
class folder_lock {
public:
    explicit folder_lock(const std::filesystem::path& file)
        : folder_(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
        if (!folder_ || ::flock(folder_.get(), LOCK_EX) < 0)
            throw error::from_result(-errno, "use the folder of", file.string());
    }
    /// What was renamed in it stays so after a power failure.
    void sync() const {
        if (::fsync(folder_.get()) < 0) throw error::from_result(-errno, "sync the folder of a journal");
    }

private:
    descriptor folder_;
};

}  // namespace

void journal_format::check(const sqlite::database& file, const std::string& path) {
    if (file.number("PRAGMA application_id") != application_id)
        throw error(errc::malformed, "use as a journal", path, N_("The file belongs to another program."));
    if (file.number("PRAGMA user_version") != version)
        throw error(errc::malformed, "use as a journal", path,
                    N_("It was written by a newer version of aperto."));
}

journal_file::journal_file(const journal_options& options)
    : path_(std::filesystem::absolute(options.file).string()),
      durability_(options.durability),
      rotate_size_(options.rotate_size),
      rotate_age_(options.rotate_age) {}

void journal_file::open() {
    const folder_lock alone(path_);
    const std::string next = path_ + ".next";
    struct stat there{};
    if (::stat(path_.c_str(), &there) == 0) {
        ::unlink(next.c_str());  // a rotation that was cut off before it began
    } else if (::rename(next.c_str(), path_.c_str()) < 0) {
        // Made here rather than by SQLite, for its mode.
        const descriptor made(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
        if (!made) throw error::from_result(-errno, "make the journal", path_);
    }
    try {
        file_ = sqlite::database(path_, SQLITE_OPEN_READWRITE);
        configure();
    } catch (...) {
        close();
        throw;
    }
    alone.sync();
}

/// For sqlite3_busy_handler: not 0 where it is to be tried again. `looks` counts them, of one lock.
int journal_file::wait_for_lock(void* of, int looks) noexcept {
    auto& since = static_cast<journal_file*>(of)->waits_since_;
    const auto now = std::chrono::steady_clock::now();
    if (looks == 0) since = now;
    if (now - since >= lock_patience) return 0;
    std::this_thread::sleep_for(lock_pause);
    return 1;
}

void journal_file::configure() {
    sqlite3_busy_handler(file_.get(), &journal_file::wait_for_lock, this);
    if (file_.number("SELECT count(*) FROM sqlite_schema") == 0) begin_file();
    journal_format::check(file_, path_);
    if (file_.text("PRAGMA journal_mode=WAL") != "wal")
        throw error(errc::malformed, "use as a journal", path_,
                    N_("SQLite's WAL, which journals need, does not work on this file system."));
    file_.run(durability_ == durability::power ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
    made_us_ = file_.number("SELECT made_us FROM journal");
    insert_ = sqlite::statement(file_, "INSERT INTO messages VALUES (?1, ?2, ?3, ?4, ?5)");
    next_ = sqlite::statement(
        file_, "SELECT coalesce((SELECT max(seq) + 1 FROM messages), (SELECT first FROM journal))");
    struct stat there{};
    if (::stat(path_.c_str(), &there) < 0) throw error::from_result(-errno, "find the journal", path_);
    inode_ = there.st_ino;
}

/// The file is whole or empty, whenever this is ended.
void journal_file::begin_file() {
    file_.run(schema);
    sqlite::statement into(file_, "INSERT INTO journal VALUES (?1, ?2)");
    into.bind(1, first_);
    into.bind(2, now_us());
    static_cast<void>(into.step());
    file_.run(("PRAGMA application_id=" + std::to_string(journal_format::application_id)).c_str());
    file_.run(("PRAGMA user_version=" + std::to_string(journal_format::version)).c_str());
    into.reset();
    file_.run("COMMIT");
}

/// Somebody who removes or renames the file would leave the journal writing what nobody finds.
bool journal_file::is_in_place() const noexcept {
    struct stat there{};
    return ::stat(path_.c_str(), &there) == 0 && there.st_ino == inode_;
}

void journal_file::write(std::span<const pending_entry* const> batch) {
    if (file_ && !is_in_place()) close();
    if (!file_) open();
    try {
        file_.run("BEGIN IMMEDIATE");
        write_all(batch);
        file_.run("COMMIT");
    } catch (...) {
        give_up();
        throw;
    }
}

void journal_file::write_all(std::span<const pending_entry* const> batch) {
    std::int64_t sequence = next_sequence();
    for (const auto& each : batch) {
        insert_.bind(1, sequence++);
        insert_.bind(2, each->time_us);
        insert_.bind_text(3, each->peer);
        insert_.bind_blob(4, each->message);
        if (each->reply)
            insert_.bind_blob(5, *each->reply);
        else
            insert_.bind_null(5);
        static_cast<void>(insert_.step());
        insert_.reset();
    }
    first_ = sequence;
}

std::int64_t journal_file::next_sequence() {
    static_cast<void>(next_.step());
    const std::int64_t next = next_.number(0);
    next_.reset();
    return next;
}

/// After a failure nothing is taken for granted: the next message opens the file anew, and what was left half
/// written is no part of it.
void journal_file::give_up() noexcept {
    insert_.reset();
    if (file_.in_transaction()) sqlite3_exec(file_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    close();
}

void journal_file::close() noexcept {
    insert_ = {};
    next_ = {};
    file_.close();
}

bool journal_file::is_due() const {
    const bool old =
        rotate_age_ > duration{} &&
        now_us() - made_us_ > std::chrono::duration_cast<std::chrono::microseconds>(rotate_age_).count();
    const bool large =
        rotate_size_ > 0 && file_.number("PRAGMA page_count") * file_.number("PRAGMA page_size") >
                                static_cast<std::int64_t>(rotate_size_);
    return (old || large) && file_.number("SELECT EXISTS (SELECT 1 FROM messages)") != 0;
}

std::string journal_file::name_aside(std::int64_t first) const {
    const std::filesystem::path whole(path_);
    constexpr std::size_t digits = 12;
    std::string number = std::to_string(first);
    if (number.size() < digits) number.insert(0, digits - number.size(), '0');
    return (whole.parent_path() / (whole.stem().string() + "-" + number + whole.extension().string()))
        .string();
}

/// The next file is made beside this one, and takes its name in the same moment as nobody can see none: who finds
/// no file finds the next one.
std::optional<std::string> journal_file::rotate_if_due() {
    if (!file_ || std::chrono::steady_clock::now() < rotation_rests_until_ || !is_due()) return {};
    rotation_rests_until_ = std::chrono::steady_clock::now() + rotation_rest;
    const folder_lock alone(path_);
    const std::int64_t next_number = next_sequence();
    std::string aside = name_aside(file_.number("SELECT first FROM journal"));
    // One file, without a WAL beside it that would have to be renamed too. Not while somebody else has it open.
    if (file_.text("PRAGMA journal_mode=DELETE") != "delete")
        throw error(std::make_error_code(std::errc::device_or_resource_busy), "put aside", path_);
    close();
    const std::string next = path_ + ".next";
    ::unlink(next.c_str());
    {
        const descriptor made(::open(next.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
        if (!made) throw error::from_result(-errno, "make the journal", next);
        first_ = next_number;
        file_ = sqlite::database(next, SQLITE_OPEN_READWRITE);
        try {
            begin_file();
        } catch (...) {
            close();  // the journal goes on in the file that it has, opened anew
            throw;
        }
        close();
    }
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, aside.c_str(), RENAME_NOREPLACE) < 0)
        throw error::from_result(-errno, "put aside as", aside);
    if (::rename(next.c_str(), path_.c_str()) < 0)
        throw error::from_result(-errno, "begin the journal", path_);
    alone.sync();
    rotation_rests_until_ = {};
    return aside;
}

}  // namespace aperto
