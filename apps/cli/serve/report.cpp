// SPDX-License-Identifier: MIT
#include "cli/serve/report.hpp"

#include "aperto/error.hpp"
#include "aperto/server.hpp"
#include "cli/options/quantity.hpp"
#include "cli/terminal_text.hpp"
#include "core/display.hpp"
#include "core/sentence.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>

namespace aperto::cli {

bool pace::admit(time_point now) noexcept {
    if (thinning_.load(std::memory_order_relaxed)) return false;
    const std::int64_t now_ns = now.time_since_epoch().count();
    std::int64_t seen = read_at_ns_.load(std::memory_order_relaxed);
    while (true) {
        const std::int64_t from = std::max(seen, now_ns);
        if (from - now_ns >= burst_ * line_ns_) {
            thinning_.store(true, std::memory_order_relaxed);
            return false;
        }
        if (read_at_ns_.compare_exchange_weak(seen, from + line_ns_, std::memory_order_relaxed)) return true;
    }
}

bool pace::settle(std::uint64_t held_back) noexcept {
    if (held_back > static_cast<std::uint64_t>(per_second_)) return false;
    thinning_.store(false, std::memory_order_relaxed);
    return true;
}

std::unique_ptr<report> report::create(const options& settings) {
    return settings.format == log_format::json ? make_json_report(settings) : make_text_report(settings);
}

std::string name_of(const endpoint& who) { return who ? who.to_string() : "unix"; }

tcp_facts facts_of(const connection_view& who) {
    try {
        return who.facts();
    } catch (const error&) {
        return {};
    }
}

namespace {

/// What took the time.
std::string cause_text(message_part of) {
    switch (of) {
    case message_part::queue:
        return _("waiting to be accepted");
    case message_part::handshake:
        return _("the handshake");
    case message_part::client:
        return _("the client's sending");
    case message_part::reordering:
        return _("segments out of order");
    case message_part::machine:
        return _("a process that did not run");
    case message_part::loop:
        return _("waiting behind others");
    case message_part::handler:
        return _("the handler");
    case message_part::journal:
        return _("the journal");
    case message_part::kernel:
        return _("the queue to the wire");
    case message_part::window:
        return _("the client's full window");
    case message_part::buffer:
        return _("the full send buffer");
    case message_part::nagle:
        return _("Nagle's algorithm");
    case message_part::congestion:
        return _("the congestion window");
    case message_part::retransmission:
        return _("loss and sending again");
    case message_part::network:
        return _("the network");
    }
    return "?";
}

}  // namespace

std::string timing_text(const message_record& of) {
    return sentence(_("{} message {} took {}, of which {}: {}"), name_of(of.remote), of.message,
                    duration_text(of.total()), duration_text(of.of(of.blame())), cause_text(of.blame()));
}

namespace {

/// For a file that others move and cut short: each line goes to its end. Never waits, should it be a pipe.
descriptor open_log(const std::string& path) {
    descriptor file(
        ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640));
    if (!file) throw error::from_result(-errno, "open the log " + path);
    return file;
}

}  // namespace

report::report(const options& settings)
    : file_(settings.file),
      descriptor_(settings.file.empty() ? settings.descriptor : -1),
      is_terminal_(::isatty(descriptor_) == 1),
      for_journal_(settings.for_journal && settings.file.empty()),
      level_(settings.level),
      messages_(resolved(settings.messages)) {
    descriptor file;
    if (!file_.empty()) file = open_log(file_);
    writer_ = std::make_unique<log_writer>(log_writer::options{
        .descriptor = descriptor_,
        .dropped_line =
            [this](std::uint64_t lines) { return (for_journal_ ? "<4>" : "") + dropped_line(lines); },
        .failing = [this](int code) { tell_failing(code); },
        .first = settings.first,
        .tick = [this] { tick_due(); },
    });
    if (file) writer_->use(std::move(file));
}

message_detail report::resolved(message_detail asked_for) const noexcept {
    if (asked_for != message_detail::automatic) return asked_for;
    return is_terminal_ ? message_detail::some : message_detail::none;
}

void report::accepted(const connection_view& who) {
    count_accepted();
    if (tells_of_silent() && who.note()) tell_accepted(who);
}

void report::message(const connection_view& who, std::string_view message, std::uint64_t offset) {
    if (who.note()) tell_accepted(who);
    if (messages() != message_detail::none && tells(log_level::info)) tell_message(who, message, offset);
}

void report::closed(const connection_view& who, const closing& how) {
    const bool went_by_itself = how.reason == close_reason::client || how.reason == close_reason::reset;
    const bool said_nothing = who.bytes_received() == 0 && who.bytes_sent() == 0;
    if (went_by_itself && said_nothing && !tells_of_silent()) return;
    if (who.note()) tell_accepted(who);
    tell_closed(who, how);
}

void report::write(log_level level, std::string_view line) {
    if (!tells(level)) return;
    if (!for_journal_) {
        writer_->write(line);
        return;
    }
    // sd-daemon(3).
    writer_->write(fmt::format("<{}>{}", static_cast<int>(level), line));
}

void report::plain(log_level level, const std::string& line, std::size_t indent) {
    write(level, wrap(line, terminal_columns(descriptor_), indent) + "\n");
}

void report::reopen() {
    try {
        writer_->use(open_log(file_));
        tell_reopened({});
    } catch (const error& failed) {
        tell_reopened(failed.code());
    }
}

/// Where the log cannot say it: once, and only where nobody has to be waited for.
void report::tell_failing(int code) const {
    pollfd room{STDERR_FILENO, POLLOUT, 0};
    if (code == EPIPE || ::poll(&room, 1, 0) != 1) return;
    const std::string text =
        sentence(_("warning: the log cannot be written, serving goes on: {}"), std::strerror(code));
    std::fprintf(stderr, "%s\n", text.c_str());
}

void report::started(const server& which) {
    serving_ = true;
    tell_started(which);
}

void report::stopping() {
    if (serving_.exchange(false)) tell_stopping();
}

std::string signal_name(int signal) {
    const char* const name = ::sigabbrev_np(signal);
    return name ? std::string("SIG") + name : std::to_string(signal);
}

bool report::admit_for_program() {
    if (messages() == message_detail::all) return true;
    return !program_pace_.thinning() && program_pace_.admit(clock::now());
}

bool report::admit() { return !pace_.thinning() && pace_.admit(clock::now()); }

void report::hold(std::atomic<std::uint64_t>& counter, std::uint64_t by) {
    counter.fetch_add(by, std::memory_order_relaxed);
    // The writer's lock is taken by the first line held back in a second, not by each.
    if (!summary_due_.load(std::memory_order_relaxed) && !summary_due_.exchange(true)) writer_->tick_later();
}

void report::tick_due() {
    summary_due_ = false;
    const tally held{.messages = held_messages_.exchange(0),
                     .message_bytes = held_message_bytes_.exchange(0),
                     .accepted = held_accepted_.exchange(0),
                     .closed = held_closed_.exchange(0),
                     .limits = held_limits_.exchange(0),
                     .timed = held_timed_.exchange(0),
                     .invalid = held_invalid_.exchange(0)};
    const bool clients_calm = program_pace_.settle(held.of_clients() + held.timed);
    const bool calm = pace_.settle(held.total() + held.timed) && clients_calm;
    if (held.total() != 0) summary(held, calm);
    // Calm is only known a second after the last line held back.
    if (!calm && !summary_due_.exchange(true)) writer_->tick_later();
}

void report::close() {
    if (std::exchange(closed_, true)) return;
    writer_->close();
    const std::uint64_t lost = writer_->dropped();
    if (lost == 0) return;
    std::string text = counted("warning: {} log line was lost", "warning: {} log lines were lost", lost);
    if (const int code = writer_->last_error()) text += std::string(": ") + std::strerror(code);
    std::fprintf(stderr, "%s\n", text.c_str());
}

std::string_view to_string(log_level level) noexcept {
    switch (level) {
    case log_level::error:
        return "error";
    case log_level::warning:
        return "warning";
    case log_level::notice:
        return "notice";
    case log_level::info:
        return "info";
    case log_level::debug:
        break;
    }
    return "debug";
}

log_level level_of(const closing& how) noexcept {
    return how.reason == close_reason::failure ? log_level::warning : log_level::info;
}

long days_until(std::chrono::system_clock::time_point when) {
    return std::chrono::floor<std::chrono::hours>(when - std::chrono::system_clock::now()).count() / 24;
}

std::string utc_text(std::chrono::system_clock::time_point when) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                       parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace aperto::cli
