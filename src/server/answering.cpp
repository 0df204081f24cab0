// SPDX-License-Identifier: MIT
#include "server/answering.hpp"

#include "io/memory_account.hpp"
#include "net/connection.hpp"
#include "server/worker.hpp"

#include <utility>

namespace aperto {

/// A message and the answer to it. Charged to the worker's memory while it waits beside the connection.
struct answering::job {
    job(answering& of, std::string_view text)
        : whole(of.connection_.on().now()),
          offset(of.connection_.message_offset()),
          carriage_return(of.connection_.line_had_carriage_return()),
          account(of.peer_.options().account.get()),
          on(of.connection_.on()),
          message(text),
          begin(begin_frame(of.connection_.written_framing(), out)),
          payload(out.size()),
          with(of.who_, of.state_, out, offset) {
        recount();
    }
    job(const job&) = delete;
    job& operator=(const job&) = delete;
    ~job() {
        if (account) account->change(charged, 0, on);
    }
    void recount() noexcept {
        const std::size_t holds = message.capacity() + out.capacity();
        if (account) account->change(std::exchange(charged, holds), holds, on);
    }

    time_point whole;
    std::uint64_t offset;
    bool carriage_return;
    memory_account* account;
    loop& on;
    std::string message;
    std::string out;
    std::size_t begin;
    std::size_t payload;
    exchange with;
    std::size_t charged = 0;
    std::exception_ptr thrown;
    bool done = false;
    bool is_timed = false;  ///< it is the one that was picked
};

answering::answering(worker& at, connection& of, const connection_view& who, stream peer)
    : worker_(at), connection_(of), who_(who), peer_(std::move(peer)) {}

answering::~answering() = default;

task<> answering::serve(worker& at, connection& of, connection_view who, stream peer, bool& ended_by_us) {
    answering messages(at, of, who, std::move(peer));
    task<> running = messages.run();
    co_await running;
    ended_by_us = messages.ended_by_us_;
}

task<> answering::run() {
    group_.spawn(read());
    std::exception_ptr thrown;
    try {
        task<> writing = write();
        co_await writing;
    } catch (...) {
        thrown = std::current_exception();
    }
    group_.cancel();  // who ends the conversation reads no further, and nobody waits for what is in hand
    task<> joining = group_.join();
    co_await joining;
    if (thrown) std::rethrow_exception(thrown);
}

/// Takes in as many as may be in hand, and has each answered.
task<> answering::read() {
    const std::size_t most = worker_.shared().options.max_in_flight;
    try {
        for (;;) {
            while (jobs_.size() >= most) {
                changed_.reset();
                co_await changed_.wait();
            }
            if (worker_.sampler()) worker_.sampler()->before_wait(connection_, who_.id());
            const auto message = co_await peer_.read_message();
            if (!message) break;
            jobs_.push_back(std::make_unique<job>(*this, *message));
            if (connection_.is_timed) begin_timing(*jobs_.back());
            connection_.set_answering(true);
            worker_.shared().events.message(who_, *message, jobs_.back()->offset);
            group_.spawn(answer_one(*jobs_.back()));
        }
    } catch (...) {
        read_failure_ = std::current_exception();  // what came before it is answered all the same
    }
    read_all_ = true;
    changed_.set();
}

void answering::begin_timing(job& each) noexcept {
    message_timing* const timing = worker_.sampler()->begin(connection_, each.message, each.offset);
    each.is_timed = timing != nullptr;
    if (timing) each.with.recording_ = &timing->recording();
}

message_timing* answering::timing_of(const job& each) const noexcept {
    return each.is_timed && connection_.is_timed ? &worker_.sampler()->of(connection_) : nullptr;
}

task<> answering::answer_one(job& each) {
    task<> calling = call(each);
    co_await calling;
    if (message_timing* const timing = timing_of(each)) timing->handled();
    each.recount();
    each.done = true;
    changed_.set();
}

/// What a handler throws is kept until it is its message's turn. What cancels it is no answer.
task<> answering::call(job& each) {
    try {
        task<> handling = worker_.shared().what.on_answer()(each.message, each.with);
        co_await handling;
    } catch (...) {
        each.thrown = std::current_exception();
    }
}

task<> answering::write() {
    while (!ended_by_us_) {
        while (jobs_.empty() ? !read_all_ : !jobs_.front()->done) {
            changed_.reset();
            co_await changed_.wait();
        }
        if (jobs_.empty()) {
            if (read_failure_) std::rethrow_exception(read_failure_);
            co_return;
        }
        job& next = *jobs_.front();
        if (next.thrown) std::rethrow_exception(next.thrown);
        ended_by_us_ = next.with.close_ || worker_.shared().options.once;
        message_timing* const timing = timing_of(next);
        if (next.with.silent_) {
            if (timing) timing->finish_without_answer();
        } else {
            worker_.shared().events.replied(who_, std::string_view(next.out).substr(next.payload));
            end_frame(connection_.written_framing(), next.begin, next.out, next.carriage_return);
            if (timing) timing->answered(next.out.size(), next.out.size());
            co_await peer_.write(next.out);
            if (connection_.is_timed) worker_.sampler()->of(connection_).look_at_turn_end();
            if (worker_.times_answers())
                worker_.shared().events.answered(worker_.on().read_now() - next.whole, 1);
        }
        jobs_.pop_front();
        connection_.set_answering(!jobs_.empty());
        changed_.set();
    }
}

}  // namespace aperto
