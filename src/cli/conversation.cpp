// SPDX-License-Identifier: MIT
#include "cli/conversation.hpp"

#include "cli/client_connection.hpp"
#include "cli/failure.hpp"
#include "cli/quantity.hpp"
#include "cli/sentence.hpp"

#include <algorithm>

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
    rearm();
    both.spawn(transmit());
    both.spawn(receive());
    auto joined_both = both.join();
    co_await std::move(joined_both);
    loop::current().disarm(silence_);
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
        rearm();
    } catch (const error& cause) {
        if (cause.code() == errc::cancelled) co_return;
        // A server that takes no more may still have answered: what it said is read to its end.
        (is_about_a_file(cause) ? local_failure_ : send_failure_) = cause;
        if (local_failure_) both_->cancel();
    }
}

task<> conversation::transmit_text() {
    const std::string text = joined(request_.words);
    if (is_delimited(request_.framing)) {
        auto writing = peer_.write_message(text);
        co_await std::move(writing);
        co_return;
    }
    for (std::size_t at = 0; at < text.size(); at += text_piece) {
        auto writing = peer_.write(std::string_view(text).substr(at, text_piece));
        co_await writing;
        rearm();
    }
}

task<> conversation::transmit_input() {
    char last = '\n';
    while (true) {
        auto reading = input_->read();
        const std::string piece = co_await std::move(reading);
        if (piece.empty()) break;
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
        peer_ended_ = true;
    } catch (const error& cause) {
        if (cause.code() != errc::cancelled)
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
        heard();
        auto writing = output_.write(*piece);
        co_await std::move(writing);
    }
}

void conversation::heard() {
    replied_ = true;
    rearm();
}

/// Sets how long nothing may happen from now on.
void conversation::rearm() {
    loop& on = loop::current();
    on.disarm(silence_);
    duration limit = request_.timeout;
    if (!input_ && all_sent_ && replied_) limit = std::min(limit, quiet);
    // As long as the input is open, a silence may be its own.
    const bool due = !input_ || all_sent_;
    if (due && limit != forever) on.arm(silence_, on.now() + limit);
}

void conversation::on_silence(timer& passed) {
    conversation& self = *static_cast<silence_timer&>(passed).owner;
    self.silent_ = true;
    if (self.both_) self.both_->cancel();
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
    if (receive_failure_) return tell(explain_broken(*receive_failure_));
    if (silent_) return outcome_of_silence();
    const bool left_over = input_ && !all_sent_ && input_->has_more();
    if (send_failure_ || left_over || (!input_ && !all_sent_))
        return tell(
            {exit_cut_short, _("the server closed before it had taken everything"),
             _("What it answered until then is printed. A server that reads once sees only the beginning.")});
    return exit_done;
}

int conversation::outcome_of_silence() const {
    const std::string limit = duration_text(request_.timeout);
    if (!input_ && all_sent_ && replied_) return exit_done;
    if (!replied_)
        return tell({exit_cut_short, sentence(_("no answer in {}"), limit),
                     _("The server took the connection but said nothing. To wait longer: --timeout 30s")});
    return tell({exit_cut_short, sentence(_("the server fell silent for {} without ending its reply"), limit),
                 _("What came is printed. To wait longer: --timeout 30s")});
}

}  // namespace aperto::cli
