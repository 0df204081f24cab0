// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/error.hpp"
#include "aperto/events.hpp"
#include "aperto/journal.hpp"
#include "aperto/limits.hpp"
#include "aperto/open_connections.hpp"
#include "aperto/time.hpp"
#include "cli/options/said.hpp"
#include "cli/serve/log.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace aperto {
class server;
}

namespace aperto::cli {

/// Tells when lines come faster than their reader follows: they pass one by one at first; past `burst` lines
/// ahead of `per_second`, none passes until `settle` has seen a calm second. Any thread; a refusal costs one
/// atomic read.
class pace {
public:
    /// Ten lines a second is about what the eye follows; a screenful may come at once.
    static constexpr std::int64_t per_second = 10;
    static constexpr std::int64_t burst = 24;
    /// What a program that reads a log, and the disk under it, take without harm: 300 kB a second.
    static constexpr std::int64_t per_second_of_program = 1000;
    static constexpr std::int64_t burst_of_program = 10'000;

    explicit pace(std::int64_t lines_per_second = per_second, std::int64_t lines_at_once = burst) noexcept
        : line_ns_(1'000'000'000 / lines_per_second), per_second_(lines_per_second), burst_(lines_at_once) {}

    /// True where the line is to be shown. False: count it, and call `settle` a second later.
    bool admit(time_point now) noexcept;
    /// True while no line passes: then nobody need ask for the time.
    bool thinning() const noexcept { return thinning_.load(std::memory_order_relaxed); }
    /// Once a second while lines were held back: `held_back` in that second. True where lines are shown
    /// again.
    bool settle(std::uint64_t held_back) noexcept;

private:
    const std::int64_t line_ns_;
    const std::int64_t per_second_;
    const std::int64_t burst_;
    std::atomic<bool> thinning_ = false;
    /// When the lines admitted so far would have been read, nanoseconds (a leaky bucket as one number).
    std::atomic<std::int64_t> read_at_ns_ = 0;
};

enum class log_format : std::uint8_t { text, json };
/// How much a line matters, in the order and by the numbers of syslog(3).
enum class log_level : std::uint8_t {
    error = 3,
    warning = 4,  ///< a limit struck, lines were lost
    notice = 5,   ///< the server's own life
    info = 6,     ///< its clients, and what they say
    debug = 7,
};
/// Which messages are shown, with what they say: `some` gives way to a summary a second when they come too fast to read;
/// `automatic` is that on a terminal and none elsewhere, since a log is kept and read by others.
enum class message_detail : std::uint8_t { automatic, some, all, none };

/// A server follows another on its sockets.
struct handover_news {
    enum class kind : std::uint8_t {
        follows,       ///< this one has taken over from `process`
        followed,      ///< `process` has taken over from this one
        not_followed,  ///< `process` asked to, and did not come to serve
    };
    kind what = kind::follows;
    int process = 0;
};
/// That one did not come is for somebody to look at.
inline log_level level_of(const handover_news& news) noexcept {
    return news.what == handover_news::kind::not_followed ? log_level::warning : log_level::notice;
}

/// What happened since the last summary.
struct tally {
    std::uint64_t messages = 0;
    std::uint64_t message_bytes = 0;
    std::uint64_t accepted = 0;
    std::uint64_t closed = 0;
    std::uint64_t limits = 0;
    std::uint64_t timed = 0;    ///< not told of in a summary: they are a sample
    std::uint64_t invalid = 0;  ///< connections whose first byte that is not UTF-8 was not told of
    std::uint64_t of_clients() const noexcept { return accepted + closed + invalid; }
    std::uint64_t total() const noexcept { return messages + limits + of_clients(); }
};

class observer;

/// Tells what a server does, line by line, through a `log_writer`, in one of two formats. Thread safe, never
/// blocks.
class report : public server_events {
public:
    struct options {
        log_format format = log_format::text;
        message_detail messages = message_detail::automatic;
        log_level level = log_level::info;
        int descriptor = 1;
        std::string file = {};  ///< in place of the descriptor, where it is not empty
        bool for_journal =
            false;  ///< systemd's journal reads it: it is told how much a line matters, and has its own clock
        /// Text only: what each line begins with, and whether the time of day follows it.
        std::string prefix = {};
        bool times = true;
        /// Text only: the lecture's eight steps of a server, each as it happens (`--once`).
        bool steps = false;
        /// Called on the thread that writes the lines, before anything else.
        std::function<void()> first = {};
    };
    /// Throws `error` where its file cannot be opened.
    static std::unique_ptr<report> create(const options& settings);

    /// Called by the program, around the server's own events.
    void started(const server& which);
    /// Who says nothing and goes again, as a health check does, is told of at level debug and on a terminal only: so a
    /// connection is told of once there are bytes of it, or once it ends otherwise.
    void accepted(const connection_view& who) final;
    void message(const connection_view& who, std::string_view message, std::uint64_t offset) final;
    void closed(const connection_view& who, const closing& how) final;
    /// Before `started`, whose lines say it: what the server may still do though it was to be confined.
    void leaves_open(std::string what) { left_open_ = std::move(what); }
    virtual void invalid_utf8(const connection_view& who, std::uint64_t offset) = 0;
    /// Adds to the bytes that were not UTF-8, told of at the end.
    void count_invalid(std::uint64_t bytes) noexcept {
        invalid_bytes_.fetch_add(bytes, std::memory_order_relaxed);
    }
    /// TLS: the certificate was read, or read again.
    virtual void certificate_read(std::chrono::system_clock::time_point expires) = 0;
    /// It could not be read again, and the one before stays.
    virtual void certificate_refused(const error& why) = 0;
    /// The configuration was read again: what has changed, and what only a restart changes.
    virtual void reloaded(const said::differences& found) = 0;
    /// It could not be, and what holds stays.
    virtual void reload_refused(const std::string& why) = 0;
    /// How often everything was read again, and was right or not. Any thread.
    void count_reload(bool was_right) noexcept { ++(was_right ? reloads_taken_ : reloads_refused_); }
    std::uint64_t reloads_taken() const noexcept { return reloads_taken_; }
    std::uint64_t reloads_refused() const noexcept { return reloads_refused_; }
    /// Changes what is shown. Any thread.
    void show(message_detail messages, log_level level) noexcept {
        messages_ = resolved(messages);
        level_ = level;
    }
    bool has_file() const noexcept { return !file_.empty(); }
    /// Opens its file again, which somebody has moved; where that fails, the one that is open stays. It says so. Any
    /// thread.
    void reopen();
    /// Lines that were lost so far. Any thread.
    std::uint64_t lines_lost() const noexcept { return writer_->dropped(); }
    /// Once a second at most for messages refused; each conversation that they ended has its own line too.
    virtual void journal(const journal_news& news) = 0;
    /// The admin endpoint listens there.
    virtual void watched_at(const endpoint& where) = 0;
    virtual void handover(const handover_news& news) = 0;
    /// What somebody asked for: all counters, by `seen` too where it is not null; each open connection; and that these were
    /// all, or not.
    virtual void counters(const server_counters& counted, std::size_t open, const observer* seen) = 0;
    virtual void found(const open_connection& each) = 0;
    virtual void found_all(std::size_t count, bool is_whole) = 0;
    /// Lines are not written much slower than they come. Any thread.
    bool has_room() const { return writer_->has_room(); }
    /// A signal has come that does nothing.
    virtual void noted(int signal) = 0;
    virtual void stopped() = 0;
    /// Counts a connection that somebody else tells of.
    void count_accepted() { connections_.fetch_add(1, std::memory_order_relaxed); }
    /// A line of the program's own; on a terminal too narrow for it, the rest stands behind `indent` blanks.
    void plain(const std::string& line, std::size_t indent = 0) { plain(log_level::notice, line, indent); }

    /// Writes what is left. Lines that could not be written are told of on standard error. Once; later calls
    /// do nothing. Before the report goes: the writer's thread calls it.
    void close();
    /// Closes at the end of a scope, however that is left.
    class closer {
    public:
        explicit closer(report& of) noexcept : of_(of) {}
        ~closer() { of_.close(); }
        closer(const closer&) = delete;
        closer& operator=(const closer&) = delete;

    private:
        report& of_;
    };

    /// Told once, and only of a server that had started.
    void stopping() final;

protected:
    explicit report(const options& settings);

    bool tells(log_level level) const noexcept { return level <= level_.load(std::memory_order_relaxed); }
    /// True where a line on one connection or message is to be shown now; the line is counted otherwise by
    /// adding to `held`, and `summary` tells of it.
    bool admit();
    /// As `admit`, for a line on a client in a log that programs read: at their pace, and each one where all
    /// messages are asked for.
    bool admit_for_program();
    void hold(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1);
    virtual void tell_started(const server& which) = 0;
    virtual void tell_accepted(const connection_view& who) = 0;
    virtual void tell_message(const connection_view& who, std::string_view message, std::uint64_t offset) = 0;
    virtual void tell_closed(const connection_view& who, const closing& how) = 0;
    virtual void tell_stopping() = 0;
    virtual void tell_reopened(const std::error_code& failed) = 0;
    virtual void summary(const tally& held_back, bool calm) = 0;
    virtual std::string dropped_line(std::uint64_t lines) const = 0;
    /// Whole lines; nothing where they matter less than what is shown.
    void write(log_level level, std::string_view line);
    /// Broken between words for a terminal; as it is for a file or a pipe.
    void plain(log_level level, const std::string& line, std::size_t indent);
    /// -1 where it is a file.
    int output() const noexcept { return descriptor_; }

    message_detail messages() const noexcept { return messages_.load(std::memory_order_relaxed); }
    log_level level() const noexcept { return level_.load(std::memory_order_relaxed); }

    std::string left_open_;
    std::atomic<std::uint64_t> held_messages_ = 0;
    std::atomic<std::uint64_t> held_message_bytes_ = 0;
    std::atomic<std::uint64_t> held_accepted_ = 0;
    std::atomic<std::uint64_t> held_closed_ = 0;
    std::atomic<std::uint64_t> held_limits_ = 0;
    std::atomic<std::uint64_t> held_invalid_ = 0;
    std::atomic<std::uint64_t> held_timed_ = 0;
    std::atomic<std::uint64_t> connections_ = 0;
    std::atomic<std::uint64_t> invalid_bytes_ = 0;

private:
    std::atomic<std::uint64_t> reloads_taken_ = 0;
    std::atomic<std::uint64_t> reloads_refused_ = 0;
    void tick_due();
    message_detail resolved(message_detail asked_for) const noexcept;
    bool tells_of_silent() const noexcept { return is_terminal_ || tells(log_level::debug); }
    void tell_failing(int code) const;
    const std::string file_;
    const int descriptor_;
    const bool is_terminal_;
    const bool for_journal_;
    std::atomic<log_level> level_;
    std::atomic<message_detail> messages_;
    pace pace_;
    pace program_pace_{pace::per_second_of_program, pace::burst_of_program};
    std::atomic<bool> summary_due_ = false;
    std::atomic<bool> serving_ = false;
    bool closed_ = false;
    std::unique_ptr<log_writer> writer_;
};

/// "debug".
std::string_view to_string(log_level level) noexcept;
/// How much it matters how a conversation ended.
log_level level_of(const closing& how) noexcept;
/// Two weeks to renew a certificate in.
inline constexpr long days_to_warn = 14;
/// How many whole days are left until then.
long days_until(std::chrono::system_clock::time_point when);
/// "2026-11-27T05:30:00Z".
std::string utc_text(std::chrono::system_clock::time_point when);
/// "SIGHUP".
std::string signal_name(int signal);
/// A client as the log calls it: those of a Unix socket have no address.
std::string name_of(const endpoint& who);
/// Where the time of a message went, in a sentence.
std::string timing_text(const message_record& of);
/// What the kernel knows of a connection; nothing where it is gone.
tcp_facts facts_of(const connection_view& who);

std::unique_ptr<report> make_text_report(const report::options& settings);
std::unique_ptr<report> make_json_report(const report::options& settings);

}  // namespace aperto::cli
