// SPDX-License-Identifier: MIT
#include "aperto/server.hpp"
#include "aperto/version.hpp"
#include "cli/admin/observer.hpp"
#include "cli/failure.hpp"
#include "cli/options/quantity.hpp"
#include "cli/serve/report.hpp"
#include "cli/terminal_text.hpp"
#include "core/display.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <string>

namespace aperto::cli {

namespace {

/// Where a message's size stands, columns from the line's beginning; a longer message pushes it on.
constexpr std::size_t size_column = 70;
/// What `time_of_day` takes.
constexpr std::size_t time_columns = 14;
constexpr std::size_t size_width = 9;
constexpr std::size_t columns_unknown = 80;
/// Of a message, on a terminal that is too narrow for a row of everything.
constexpr std::size_t text_least = 8;

std::string ending_phrase(close_reason reason) {
    switch (reason) {
    case close_reason::client:
        return _("closed by the client");
    case close_reason::server:
        return _("closed by the server");
    case close_reason::reset:
        return _("broken off by the client (reset)");
    case close_reason::lost:
        return _("lost: its machine, or the network between, is gone");
    case close_reason::deadline:
        return _("closed: a deadline passed");
    case close_reason::too_large:
        return _("closed: its message is over the limit (--max-message)");
    case close_reason::malformed:
        return _("closed: what it sent is not of the protocol");
    case close_reason::cut_short:
        return _("ended in the middle of a message");
    case close_reason::limit:
        return _("turned away: too many connections (--max-connections)");
    case close_reason::drain:
        return _("closed: the server is stopping");
    case close_reason::failure:
        return _("closed: something failed here");
    }
    return {};
}

std::string why_ended(const closing& how) {
    if (how.reason == close_reason::reset) return {};  // as the phrase says
    if (how.tried == "receive") return sentence(_("could not receive: {}"), how.error.message());
    if (how.tried == "send") return sentence(_("could not send: {}"), how.error.message());
    if (!how.thrown.empty()) return std::string(how.thrown);
    return how.error ? how.error.message() : std::string();
}

std::string state_text(connection_state state) {
    switch (state) {
    case connection_state::opening:
        return _("has said nothing yet");
    case connection_state::idle:
        return _("idle");
    case connection_state::receiving:
        return _("in the middle of a message");
    case connection_state::answering:
        return _("being answered");
    case connection_state::sending:
        return _("does not take its replies");
    case connection_state::closing:
        return _("ending");
    }
    return {};
}

/// Why that engine serves. Where workers differ, each with its reason, it stays in English.
std::string why_text(const std::string& why) {
    const std::string fallback = "epoll: ";
    return why.starts_with(fallback) ? fallback + _(why.substr(fallback.size()).c_str()) : why;
}

std::string time_of_day() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
    const auto seconds = static_cast<std::time_t>(ms / 1000);
    std::tm local{};
    ::localtime_r(&seconds, &local);
    return fmt::format("{:02}:{:02}:{:02}.{:03}  ", local.tm_hour, local.tm_min, local.tm_sec, ms % 1000);
}

/// Sentences for a person who watches. Everything about single connections and messages gives way to a
/// summary a second when it comes too fast to read.
class text_report final : public report {
public:
    explicit text_report(const options& settings)
        : report(settings),
          prefix_(settings.prefix),
          times_(settings.times && !(settings.for_journal && settings.file.empty())),
          steps_(settings.steps) {}

    void tell_started(const server& which) override {
        for (const endpoint& where : which.endpoints()) {
            const std::string place =
                where.family() == AF_UNIX ? where.to_string()
                : where.is_any() ? sentence(_("every address, port {}"), std::to_string(where.port()))
                                 : sentence(_("{}, port {}"), where.address(), std::to_string(where.port()));
            std::string text = sentence(_("listening on {} · {} · {}"), place, why_text(which.why()),
                                        counted("{} worker", "{} workers", which.workers()));
            if (!left_open_.empty()) text += " · " + sentence(_("not confined: {}"), left_open_);
            if (prefix_.empty())
                text += " · " + sentence(_("aperto {}, log level {}, process {}"), version,
                                         to_string(level()), std::to_string(::getpid()));
            if (steps_) {
                step(log_level::notice, 1, "socket", _("a TCP socket was made"));
                step(log_level::notice, 2, "bind", place);
            }
            step(log_level::notice, 3, "listen", text);
        }
        if (steps_) step(log_level::notice, 4, "accept", _("waits for a client"));
    }

    void tell_accepted(const connection_view& who) override {
        if (!shown(held_accepted_)) return;
        const std::string summary = handshake_summary(facts_of(who));
        const std::string name = name_of(who.remote());
        step(log_level::info, 4, "accept",
             summary.empty() ? sentence(_("{} connected"), name)
                             : sentence(_("{} connected · {}"), name, summary));
    }

    void tell_message(const connection_view& who, std::string_view message,
                      std::uint64_t /*offset*/) override {
        if (messages() == message_detail::some && !admit()) {
            held_message_bytes_.fetch_add(message.size(), std::memory_order_relaxed);
            hold(held_messages_);
            return;
        }
        if (steps_) {
            step(log_level::info, 5, "recv",
                 sentence(_("{} from {}"), size_text(message.size()), name_of(who.remote())));
            return step_text(6, "print", message);
        }
        std::string text = beginning() + sentence(_("{} says  {}"), name_of(who.remote()), "");
        const std::size_t columns = row_columns();
        text += message_text(message, display_width(text), columns);
        const std::size_t width = display_width(text);
        const std::size_t place = columns == 0 ? size_column : std::min(size_column, columns - size_width);
        text.append(width < place ? place - width : 2, ' ');
        text += fmt::format("{:>{}}", size_text(message.size()), size_width);
        put(log_level::info, text);
    }

    void replied(const connection_view& /*who*/, std::string_view reply) override {
        if (steps_ && messages() != message_detail::none) step_text(6, "send", reply);
    }

    void timed(const message_record& what) override {
        if (!tells(log_level::info)) return;
        if (!admit()) return hold(held_timed_);
        line(log_level::info, timing_text(what));
    }

    void tell_closed(const connection_view& who, const closing& how) override {
        const log_level level = level_of(how);
        if (!shown(held_closed_, level)) return;
        std::string text = fmt::format("{} {}", name_of(who.remote()), ending_phrase(how.reason));
        if (const std::string why = why_ended(how); !why.empty()) text += fmt::format(" ({})", log_safe(why));
        text +=
            sentence(_(" · {} in · {} out"), size_text(who.bytes_received()), size_text(who.bytes_sent()));
        if (const std::string again = retransmissions_text(facts_of(who)); !again.empty())
            text += " · " + again;
        step(level, 7, "close", text);
        if (steps_) step(level, 8, _("back to 4"), _("waits for the next client"));
    }

    void limit(std::string_view name, const endpoint& who, const std::error_code& why) override {
        if (!tells(log_level::warning)) return;
        if (!admit()) {
            hold(held_limits_);
            return;
        }
        std::string text = sentence(_("limit reached: {}"), name);
        if (who) text += " · " + who.to_string();
        if (why) text += " · " + why.message();
        line(log_level::warning, text);
    }

    void invalid_utf8(const connection_view& who, std::uint64_t offset) override {
        if (!shown(held_invalid_)) return;
        line(log_level::info,
             sentence(_("{} sends bytes that are not UTF-8, the first at offset {}: passed on unchanged"),
                      name_of(who.remote()), grouped(offset)));
    }

    void tell_stopping() override {
        line(log_level::notice, _("stopping: conversations in progress may end"));
    }

    void tell_reopened(const std::error_code& failed) override {
        if (!failed) return line(log_level::notice, _("the log was opened again"));
        line(log_level::error,
             sentence(_("the log could not be opened again, what is open stays: {}"), system_reason(failed)));
    }

    void certificate_read(std::chrono::system_clock::time_point expires) override {
        const long days = days_until(expires);
        const std::string when = utc_text(expires);
        const auto left = static_cast<std::uint64_t>(std::max(days, 0L));
        line(days < days_to_warn ? log_level::warning : log_level::notice,
             days < days_to_warn
                 ? counted("TLS · the certificate expires in {} day, on {}: renew it, then send SIGHUP",
                           "TLS · the certificate expires in {} days, on {}: renew it, then send SIGHUP",
                           left, when)
                 : sentence(_("TLS · the certificate is good until {}"), when));
    }

    void certificate_refused(const error& why) override {
        line(log_level::error, sentence(_("TLS · the new certificate was not taken, the old one stays: {}"),
                                        log_safe(std::string(why.what()) + ". " + why.advice())));
    }

    void reloaded(const said::differences& found) override {
        std::string text = _("the configuration was read again");
        if (found.taken.empty() && found.left.empty()) text += _(" · nothing has changed");
        if (!found.taken.empty())
            text += sentence(_(" · changed: {}"), fmt::format("{}", fmt::join(found.taken, ", ")));
        if (!found.left.empty())
            text +=
                sentence(_(" · left until a restart: {}"), fmt::format("{}", fmt::join(found.left, ", ")));
        line(log_level::notice, text);
    }

    void reload_refused(const std::string& why) override {
        line(log_level::error,
             sentence(_("the configuration was not taken, what holds stays: {}"), log_safe(why)));
    }

    void journal(const journal_news& news) override {
        switch (news.what) {
        case journal_news::kind::refused:
            return line(log_level::error,
                        counted("the journal refused {} message: {}", "the journal refused {} messages: {}",
                                news.messages, news.why.message()));
        case journal_news::kind::put_aside:
            return line(log_level::notice,
                        sentence(_("the journal so far is {} now; a new file goes on"), log_safe(news.file)));
        case journal_news::kind::not_put_aside:
            return line(log_level::warning, sentence(_("the journal could not be put aside, and goes on: {}"),
                                                     news.why.message()));
        }
    }

    void watched_at(const endpoint& where) override {
        line(log_level::notice, sentence(_("metrics and health at {}"), where.to_string()));
    }

    void handover(const handover_news& news) override {
        const char* const text = news.what == handover_news::kind::follows ? _("took over from process {}")
                                 : news.what == handover_news::kind::followed
                                     ? _("process {} has taken over")
                                     : _("process {} asked to take over, and did not");
        line(level_of(news), sentence(text, std::to_string(news.process)));
    }

    void counters(const server_counters& counted, std::size_t open, const observer* seen) override {
        std::string text = sentence(_("counters · open: {} · accepted: {} · closed: {}"), grouped(open),
                                    grouped(counted.accepted), grouped(counted.closed));
        for (std::size_t i = 0; i < limit_count; ++i)
            if (counted.strikes[i] != 0)
                text += sentence(_(" · limit {}: {}"), to_string(static_cast<aperto::limit>(i)),
                                 grouped(counted.strikes[i]));
        if (seen)
            text += sentence(_(" · messages: {}, {} · replies: {}, {}"), grouped(seen->messages),
                             size_text(seen->message_bytes), grouped(seen->replies),
                             size_text(seen->reply_bytes));
        if (lines_lost() != 0) text += sentence(_(" · log lines lost: {}"), grouped(lines_lost()));
        line(log_level::notice, text);
    }

    void found(const open_connection& each) override {
        std::string text = sentence(_("{} · {} · connected for {} · nothing done for {} · {} in · {} out"),
                                    name_of(each.remote), state_text(each.state), duration_text(each.age),
                                    duration_text(each.without_progress), size_text(each.bytes_received),
                                    size_text(each.bytes_sent));
        const tcp_facts facts = each.facts.value_or(tcp_facts{});
        if (facts.rtt) text += sentence(_(" · RTT {}"), duration_text(*facts.rtt));
        if (facts.congestion_window)
            text += counted(" · congestion window {} segment", " · congestion window {} segments",
                            *facts.congestion_window);
        if (const std::string again = retransmissions_text(facts); !again.empty()) text += " · " + again;
        line(log_level::notice, text);
    }

    void found_all(std::size_t count, bool is_whole) override {
        std::string text = counted("that was {} connection", "those were {} connections", count);
        if (!is_whole) text += _(", and not all: a worker did not answer, or nobody reads the log");
        line(is_whole ? log_level::notice : log_level::warning, text);
    }

    void noted(int signal) override {
        line(log_level::notice, sentence(_("{} came: it does nothing yet"), signal_name(signal)));
    }

    void stopped() override {
        const std::uint64_t served = connections_;
        std::string text =
            counted("stopped · served {} connection", "stopped · served {} connections", served);
        if (const std::uint64_t bytes = invalid_bytes_)
            text += counted(" · {} byte was not UTF-8", " · {} bytes were not UTF-8", bytes);
        line(log_level::notice, text);
    }

protected:
    void summary(const tally& held_back, bool calm) override {
        std::string text = counted("{} message in a second, {}", "{} messages in a second, {}",
                                   held_back.messages, size_text(held_back.message_bytes));
        text += counted(" · {} connected", " · {} connected", held_back.accepted);
        text += counted(", {} closed", ", {} closed", held_back.closed);
        if (held_back.limits != 0)
            text += counted(" · a limit reached {} time", " · limits reached {} times", held_back.limits);
        if (held_back.invalid != 0)
            text += counted(" · {} client sent bytes that are not UTF-8",
                            " · {} clients sent bytes that are not UTF-8", held_back.invalid);
        if (!calm && !explained_) {
            explained_ = true;
            text += _("   (too fast to read one by one; --messages all shows each)");
        }
        line(held_back.limits != 0 ? log_level::warning : log_level::info, "… " + text);
    }

    std::string dropped_line(std::uint64_t lines) const override {
        return beginning() + counted("{} log line was lost here", "{} log lines were lost here", lines) +
               "\n";
    }

private:
    /// A line on a connection: thinned with the messages, all shown where all messages are.
    bool shown(std::atomic<std::uint64_t>& counter, log_level level = log_level::info) {
        if (!tells(level)) return false;
        if (messages() == message_detail::all || admit()) return true;
        hold(counter);
        return false;
    }

    /// How wide a terminal's row is; 0 for a file or a pipe.
    std::size_t row_columns() const {
        if (::isatty(output()) != 1) return 0;
        const std::size_t known = terminal_columns(output());
        return known != 0 ? std::max(known, size_width + text_least) : columns_unknown;
    }

    /// A person's terminal shows one row a message; a file has more room.
    static std::string message_text(std::string_view message, std::size_t before, std::size_t columns) {
        if (columns == 0) return log_safe(message);
        const std::size_t taken = before + size_width + 2;
        return one_row(message, columns > taken ? std::max(columns - taken, text_least) : text_least);
    }

    /// A line that, where steps are shown, begins with the step's number and its call.
    void step(log_level level, int number, const char* call, const std::string& text) {
        line(level, steps_ ? fmt::format("{} {:<10} {}", number, call, text) : text);
    }
    void step_text(int number, const char* call, std::string_view text) {
        const std::string head = beginning() + fmt::format("{} {:<10} ", number, call);
        put(log_level::info, head + message_text(text, display_width(head), row_columns()));
    }

    std::string beginning() const { return times_ ? prefix_ + time_of_day() : prefix_; }
    void line(log_level level, std::string_view text) { put(level, fmt::format("{}{}", beginning(), text)); }
    void put(log_level level, const std::string& text) {
        plain(level, text, display_width(prefix_) + (times_ ? time_columns : 2));
    }

    const std::string prefix_;
    const bool times_;
    const bool steps_;
    bool explained_ = false;  // the writer's thread alone
};

}  // namespace

std::unique_ptr<report> make_text_report(const report::options& settings) {
    return std::make_unique<text_report>(settings);
}

}  // namespace aperto::cli
