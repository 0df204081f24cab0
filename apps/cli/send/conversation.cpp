// SPDX-License-Identifier: MIT
#include "cli/send/conversation.hpp"

#include "cli/failure.hpp"
#include "cli/options/quantity.hpp"
#include "cli/send/send.hpp"
#include "client/reply_quiet.hpp"
#include "core/display.hpp"
#include "core/sentence.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace aperto::cli {

namespace {

/// So much is written between two looks at the clock: a server that takes it slowly is not silent.
constexpr std::size_t text_piece = std::size_t{64} * 1024;

bool is_about_a_file(const error& cause) {
    return cause.whom() == "standard input" || cause.whom() == "standard output";
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words)
        text += (&word == &words.front() ? "" : " ") + word;
    return text;
}

}  // namespace

conversation::conversation(const send_request& request, stream peer, standard_input* input,
                           reply_output& output)
    : request_(request), peer_(std::move(peer)), input_(input), output_(output) {}

task<int> conversation::run() {
    task_group both;
    both_ = &both;
    await_more();
    both.spawn(transmit());
    both.spawn(receive());
    auto joined_both = both.join();
    co_await std::move(joined_both);
    loop::current().disarm(silence_);
    loop::current().disarm(quiet_);
    both_ = nullptr;
    output_.finish();
    co_return outcome();
}

task<> conversation::transmit() {
    try {
        auto sending = !input_                               ? transmit_text()
                       : request_.framing == framing::length ? transmit_lines()
                                                             : transmit_input();
        co_await std::move(sending);
        auto half_close = peer_.shutdown_write();
        co_await half_close;
        all_sent_ = true;
        print_step(request_, 3, "send",
                   sentence(_("{} sent, and that nothing more comes (FIN)"), size_text(peer_.bytes_sent())));
        await_more();
        await_quiet();
    } catch (const cancellation&) {
        co_return;
    } catch (const error& cause) {
        // A server that takes no more may still have answered: what it said is read to its end.
        (is_about_a_file(cause) ? local_failure_ : send_failure_) = cause;
        if (local_failure_) both_->cancel();
    }
}

task<> conversation::transmit_text() {
    const std::string text = joined(request_.words);
    sent_any_ = !text.empty() || is_delimited(request_.framing);
    if (is_delimited(request_.framing)) {
        auto writing = peer_.write_message(text);
        co_await std::move(writing);
        co_return;
    }
    for (std::size_t at = 0; at < text.size(); at += text_piece) {
        auto writing = peer_.write(std::string_view(text).substr(at, text_piece));
        co_await writing;
        await_more();
    }
}

task<> conversation::transmit_input() {
    char last = '\n';
    while (true) {
        auto reading = input_->read();
        const std::string piece = co_await std::move(reading);
        if (piece.empty()) break;
        sent_any_ = true;
        last = piece.back();
        auto writing = peer_.write(piece);
        co_await writing;
    }
    if (request_.framing == framing::line && last != '\n') {
        auto writing = peer_.write("\n");
        co_await writing;
    }
}

/// Framing `length`: each line of the input is a message.
task<> conversation::transmit_lines() {
    std::string pending;
    bool ended = false;
    while (!ended) {
        auto reading = input_->read();
        const std::string piece = co_await std::move(reading);
        ended = piece.empty();
        pending += piece;
        auto sending = send_line_messages(pending, ended);
        co_await std::move(sending);
    }
}

task<> conversation::send_line_messages(std::string& pending, bool ended) {
    std::string_view rest = pending;
    while (!rest.empty()) {
        const frame found = find_frame(framing::line, rest, peer_.options().max_message, ended);
        if (found.what == frame::state::incomplete) break;
        if (found.what == frame::state::too_large)
            throw error(errc::message_too_large, "read a line from", "standard input");
        sent_any_ = true;
        auto writing = peer_.write_message(found.message);
        co_await std::move(writing);
        rest.remove_prefix(found.consumed);
    }
    pending.erase(0, pending.size() - rest.size());
}

task<> conversation::receive() {
    try {
        auto receiving = receive_all();
        co_await std::move(receiving);
    } catch (const cancellation&) {  // NOLINT(bugprone-empty-catch)
        // Its other half ended them both.
    } catch (const error& cause) {
        (is_about_a_file(cause) ? local_failure_ : receive_failure_) = cause;
    }
    // Nothing more can come back, so nothing more is worth sending.
    both_->cancel();
}

task<> conversation::receive_all() {
    const bool whole = request_.framing == framing::length;
    while (true) {
        auto reading = whole ? peer_.read_message() : peer_.read_some();
        const std::optional<std::string_view> piece = co_await reading;
        if (!piece) co_return;
        heard(*piece);
        auto printing = print(*piece);
        co_await std::move(printing);
    }
}

/// The time that the reader of our output takes is not the server's.
task<> conversation::print(std::string_view piece) {
    loop& on = loop::current();
    on.disarm(silence_);
    on.disarm(quiet_);
    const time_point begun = on.now();
    printing_ = true;
    auto writing = output_.write(piece);
    co_await std::move(writing);
    printing_ = false;
    if (silence_until_ != time_point::max()) silence_until_ += on.now() - begun;
    last_heard_ = on.now();
    if (is_due() && silence_until_ != time_point::max()) on.arm(silence_, silence_until_);
    await_quiet();
}

void conversation::heard(std::string_view piece) {
    if (received_ == 0) quiet_time_ = request_.quiet_time.value_or(measured_quiet());
    received_ += piece.size() + (request_.framing == framing::length ? length_header_size : 0);
    if (!piece.empty()) last_ = piece.back();
    print_step(request_, 4, "recv", sentence(_("{} received"), size_text(piece.size())));
    if (has_progressed()) await_more();
}

/// It leaves a silence of the timeout, which is a failure, the later of the two.
duration conversation::measured_quiet() const {
    return std::min(client::reply_quiet(peer_.facts()), request_.timeout / 2);
}

bool conversation::has_progressed() const {
    const std::uint64_t now = peer_.bytes_received();
    return now - counted_ >= progress_min || (counted_ == 0 && now != 0);
}

/// Sets how long nothing may come, or be taken, from now on.
void conversation::await_more() {
    loop& on = loop::current();
    on.disarm(silence_);
    counted_ = peer_.bytes_received();
    silence_until_ = request_.timeout == forever ? time_point::max() : on.now() + request_.timeout;
    // As long as the input is open, a silence may be its own.
    if (!printing_ && is_due() && silence_until_ != time_point::max()) on.arm(silence_, silence_until_);
}

void conversation::await_quiet() {
    loop& on = loop::current();
    on.disarm(quiet_);
    if (printing_ || input_ || !all_sent_ || received_ == 0 || quiet_time_ == forever) return;
    on.arm(quiet_, last_heard_ + quiet_time_);
}

void conversation::on_silence() {
    if (has_progressed())
        await_more();
    else
        end_by(ending::silence);
}

void conversation::on_quiet() {
    // Where the framing tells that a message is on its way, its rest is waited for.
    if (!is_delimited(request_.framing) || is_whole()) end_by(ending::quiet);
}

void conversation::end_by(ending why) {
    ended_by_ = why;
    if (both_) both_->cancel();
}

/// Whether what has come are whole messages, as far as the framing tells.
bool conversation::is_whole() const noexcept {
    if (request_.framing == framing::line) return last_ == '\n';
    return request_.framing != framing::length || received_ == peer_.bytes_received();
}

int conversation::outcome() const {
    if (local_failure_) {
        // The reader of our output has left: as usual in a pipeline, no words about it.
        if (local_failure_->code() == std::errc::broken_pipe) return exit_failed;
        if (local_failure_->code() == errc::message_too_large)
            return tell({exit_failed, _("a line of standard input is too long for one message"), {}});
        const bool input = local_failure_->whom() == "standard input";
        return tell(
            {exit_failed,
             sentence(input ? _("could not read standard input: {}") : _("could not write the reply: {}"),
                      system_reason(local_failure_->code())),
             {}});
    }
    if (ended_by_ == ending::silence) return outcome_of_silence();
    if (const std::optional<failure> missing = what_is_missing()) return tell(*missing);
    const bool left_over = input_ && !all_sent_ && input_->has_more();
    if (send_failure_ || left_over || (!input_ && !all_sent_))
        return tell(
            {exit_cut_short, _("the server closed before it had taken everything"),
             _("What it answered until then is printed. A server that reads once sees only the beginning.")});
    if (ended_by_ == ending::quiet && !is_delimited(request_.framing)) tell_of_quiet();
    return exit_done;
}

std::optional<failure> conversation::what_is_missing() const {
    const bool broke_off = receive_failure_ && (receive_failure_->code() == std::errc::connection_reset ||
                                                receive_failure_->code() == std::errc::broken_pipe);
    if (peer_.bytes_received() == 0 && (broke_off || (!receive_failure_ && sent_any_)))
        return failure{exit_cut_short,
                       broke_off ? _("the server closed without an answer (reset)")
                                 : _("the server closed without an answer"),
                       _("It may not take this machine as a client (--deny, --allow, a limit), or it answers "
                         "nothing to anyone.")};
    if (receive_failure_) return explain_broken(*receive_failure_);
    if (!is_whole()) return last_line_cut_short();
    return std::nullopt;
}

void conversation::tell_of_quiet() const {
    const std::string note =
        sentence(_("note: the server keeps the connection open; quiet for {}, its reply is taken for whole "
                   "(--quiet-time, --until-close)"),
                 duration_text(quiet_time_));
    std::fputs(wrap(note + "\n", terminal_columns(STDERR_FILENO), 2).c_str(), stderr);
}

int conversation::outcome_of_silence() const {
    const std::string limit = duration_text(request_.timeout);
    if (peer_.bytes_received() == 0)
        return tell({exit_cut_short, sentence(_("no answer in {}"), limit),
                     _("The server took the connection but said nothing. To wait longer: --timeout 30s")});
    if (peer_.bytes_received() != counted_)
        return tell({exit_cut_short,
                     sentence(_("the reply does not end: less than {} came in {}"),
                              size_option_text(progress_min), limit),
                     _("What came is printed. To wait longer: --timeout 30s")});
    return tell({exit_cut_short, sentence(_("the server fell silent for {} without ending its reply"), limit),
                 _("What came is printed. To wait longer: --timeout 30s")});
}

}  // namespace aperto::cli
