// SPDX-License-Identifier: MIT
#include "aperto/journal.hpp"

#include "journal/committer.hpp"

#include <chrono>
#include <utility>

namespace aperto {

struct journal::state {
    explicit state(journal_options options) : writing(std::move(options)) {}
    committer writing;
};

namespace {

void check(const journal_options& options) {
    if (options.file.empty()) throw error(errc::malformed, "use as a journal", "a file without a name");
    if (options.max_waiting == 0)
        throw error(errc::malformed, "use max_waiting 0", {}, "It takes at least 1 byte.");
    if (options.rotate_age < duration{})
        throw error(errc::malformed, "use a negative rotate_age", {}, "It takes 0 (never) or a time.");
}

[[noreturn]] void refuse(const std::error_code& why, const std::string& file) {
    throw error(why, "record the message in", file);
}

task<> wait_until_recorded(std::shared_ptr<pending_entry> one, std::string file) {
    event::waiter recorded = one->done.wait();
    co_await recorded;
    if (one->refused) refuse(one->refused, file);
}

/// `what` lives as long as the handler that it is part of.
task<> answer_and_record(journal& book, const handler& what, std::string_view message, exchange& with) {
    const std::size_t begin = with.out().size();
    if (what.on_message()) {
        what.on_message()(message, with);
    } else {
        task<> answering = what.on_answer()(message, with);
        co_await answering;
    }
    std::optional<std::string_view> reply;
    if (with.is_answered()) reply = std::string_view(with.out()).substr(begin);
    const std::string peer = with.remote().to_string();
    const time_point since = with.recording() ? clock::now() : time_point{};
    task<> recorded = book.append(peer, message, reply);
    co_await recorded;
    if (with.recording()) *with.recording() += clock::now() - since;
}

}  // namespace

journal::journal(journal_options options) {
    check(options);
    state_ = std::make_shared<state>(std::move(options));
}

journal::~journal() = default;

task<> journal::append(std::string_view peer, std::string_view message,
                       std::optional<std::string_view> reply) {
    auto one = std::make_shared<pending_entry>(loop::current());
    one->time_us = now_us();
    one->peer = peer;
    one->message = message;
    if (reply) one->reply = *reply;
    if (!state_->writing.hand_over(one)) {
        state_->writing.count_refused();
        refuse(std::make_error_code(std::errc::no_buffer_space), state_->writing.path());
    }
    return wait_until_recorded(std::move(one), state_->writing.path());
}

handler journal::record(handler what) {
    if (what.on_session())
        throw error(errc::misuse, "record a handler that owns its conversation", {},
                    "Such a handler calls journal::append itself.");
    return [this, what = std::move(what)](std::string_view message, exchange& with) {
        return answer_and_record(*this, what, message, with);
    };
}

journal_counters journal::counters() const noexcept { return state_->writing.counters(); }

}  // namespace aperto
