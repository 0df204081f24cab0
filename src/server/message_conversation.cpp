// SPDX-License-Identifier: MIT
#include "server/message_conversation.hpp"

#include "net/quietly.hpp"
#include "server/worker.hpp"

#include <cerrno>

namespace aperto {

message_conversation::message_conversation(worker& at, socket_id client, const endpoint& remote,
                                           unsigned place, admission::place counted)
    : conversation(at, mine_, handling::messages, place),
      receive_operation(at.on()),
      deadline(&message_conversation::on_deadline),
      counted_(std::move(counted)),
      mine_(at.on(), client, remote, at.streams(place)) {
    on_complete = &message_conversation::on_bytes;
}

message_conversation::~message_conversation() {
    if (in_flight()) owner().abandon(*this);
    mine_.reader = nullptr;
    mine_.close_now(false);
    leave();
}

void message_conversation::start(worker& at, socket_id client, const endpoint& remote, unsigned place,
                                 admission::place counted, first_bytes* first) {
    auto* const one = new message_conversation(at, client, remote, place, std::move(counted));
    if (first) first->hand_to(one->mine_);
    one->begin();
    one->go_on(one->serve());
}

// ---- messages

void message_conversation::on_bytes(operation& done) {
    auto& self = static_cast<message_conversation&>(static_cast<receive_operation&>(done));
    self.mine_.reader = nullptr;
    self.mine_.take_in(self);
    self.go_on(self.serve());
}

void message_conversation::on_deadline(timer& passed) {
    auto& self = static_cast<message_conversation&>(passed);
    if (self.put_off(self.owner())) return;
    self.mine_.time_out_reading(detail::want::message);
    self.owner().cancel(self);
}

message_conversation::step message_conversation::serve() noexcept {
    step next = step::over;
    try {
        next = answer_arrived();
    } catch (...) {
        fail();
    }
    mine_.commit();
    if (worker_.times_answers()) worker_.note_answers();
    if (mine_.is_timed) worker_.sampler()->of(mine_).look_at_turn_end();
    if (next == step::blocked) mine_.settle();  // a lent buffer is not held for as long as the client likes
    if (next == step::aside) mine_.step_aside(*this);
    if (next != step::waiting) owner().disarm(*this);
    return next;
}

message_conversation::step message_conversation::answer_arrived() {
    do {
        std::optional<std::string_view> message;
        while (mine_.take(detail::want::message, 0, message)) {
            if (!message) return end_by_reading();
            if (!answer(*message)) return step::over;
            if (!mine_.has_room(0)) return step::blocked;
            if (mine_.is_over_share()) break;
            message.reset();
        }
        if (worker_.serving().cancelled()) {
            mine_.end_reading(-ECANCELED);
            return end_by_reading();
        }
        if (message) return step::aside;
        if (worker_.sampler()) worker_.sampler()->before_wait(mine_, view().id());
    } while (mine_.receive(*this));
    return wait_for_bytes();
}

/// After a wait for the client: what it had sent before is answered in the turns of those who had more to do,
/// lest it have two shares.
message_conversation::step message_conversation::go_on_behind_others() noexcept {
    if (!mine_.has_unread()) return serve();
    mine_.step_aside(*this);
    return step::aside;
}

message_conversation::step message_conversation::end_by_reading() noexcept {
    if (const std::error_code failed = mine_.take_read_failure()) fail(failed);
    return step::over;
}

message_conversation::step message_conversation::wait_for_bytes() {
    worker_.serving().enter(*this);
    const time_point until = mine_.read_deadline(detail::want::message);
    if (until == time_point::max())
        owner().disarm(*this);
    else
        set(owner(), until);
    return step::waiting;
}

bool message_conversation::answer(std::string_view message) {
    if (mine_.write_failure()) {
        fail(mine_.write_failure());
        return false;
    }
    const server_shared& shared = worker_.shared();
    const connection_view who = view();
    shared.events.message(who, message, mine_.message_offset());
    std::string& out = mine_.reply_buffer();
    const std::size_t begin = begin_frame(mine_.written_framing(), out);
    const std::size_t payload = out.size();
    exchange with(who, state_, out, mine_.message_offset());
    message_timing* const timing =
        mine_.is_timed ? worker_.sampler()->begin(mine_, message, mine_.message_offset()) : nullptr;
    try {
        shared.what.on_message()(message, with);
        if (timing) timing->handled();
        if (with.silent_) {
            out.resize(begin);
            if (timing) timing->finish_without_answer();
        } else {
            shared.events.replied(who, std::string_view(out).substr(payload));
            end_frame(mine_.written_framing(), begin, out, mine_.line_had_carriage_return());
            if (worker_.times_answers()) worker_.note_answer();
            if (timing) timing->answered(out.size() - begin, 0);
        }
    } catch (...) {
        out.resize(begin);  // half an answer is none
        throw;
    }
    if (mine_.is_much_pending()) mine_.commit();
    ended_by_us_ = with.close_ || shared.options.once;
    return !ended_by_us_;
}

// ---- what is rare

void message_conversation::go_on(step next) noexcept {
    if (next == step::waiting || next == step::aside) return;
    if (next == step::over && mine_.is_quiet()) {
        close();
        delete this;
        return;
    }
    try {
        task<> rest = carry_on(next);
        worker_.on().spawn(std::move(rest), &worker_.serving());
    } catch (...) {  // no memory for the rest
        fail();
        report_end();
        mine_.close_now(true);
        delete this;
    }
}

task<> message_conversation::carry_on(step next) {
    std::unique_ptr<message_conversation> self(this);
    while (next == step::blocked) {
        detail::quietly<detail::write_awaiter> taken(mine_, std::string_view(),
                                                     detail::write_awaiter::until::sent);
        const std::error_code failed = co_await taken;
        if (failed) fail(failed);
        next = failed ? step::over : go_on_behind_others();
    }
    if (next == step::waiting || next == step::aside) {
        static_cast<void>(self.release());  // it owns itself again
        co_return;
    }
    try {
        task<> winding = mine_.wind_down();
        co_await winding;
    } catch (...) {  // no memory for the orderly end
        mine_.close_now(true);
    }
    close();
}

void message_conversation::close() noexcept {
    report_end();
    mine_.close_now(false);
}

}  // namespace aperto
