// SPDX-License-Identifier: MIT
#include "server/conversation.hpp"

#include "server/worker.hpp"

namespace aperto {
namespace {

close_reason reason_of(const std::error_code& code) noexcept {
    if (code == std::errc::timed_out) return close_reason::deadline;
    if (code == errc::message_too_large) return close_reason::too_large;
    if (code == errc::cut_short) return close_reason::cut_short;
    if (code == errc::refused_by_policy || code == std::errc::no_buffer_space) return close_reason::limit;
    if (code == errc::cancelled) return close_reason::drain;
    if (code == std::errc::connection_reset || code == std::errc::broken_pipe) return close_reason::reset;
    return close_reason::failure;
}

}  // namespace

conversation::conversation(worker& at, connection& peer)
    : worker_(at),
      peer_(peer),
      view_(at.shared().next_id.fetch_add(1, std::memory_order_relaxed), peer),
      began_(at.on().now()) {
    peer_.hold();  // for the last event, though the handler may end its stream before
    at.began(*this);
}

conversation::~conversation() {
    unlink();
    peer_.release();
    worker_.ended();
}

task<> conversation::run(worker& at, stream peer, admission::place counted) {
    const admission::place held = std::move(counted);
    conversation self(at, *peer.connection_);
    const server_shared& shared = at.shared();
    shared.events.accepted(self.view_);
    try {
        if (shared.what.on_session()) {
            task<> session = shared.what.on_session()(std::move(peer));
            co_await session;
            self.ended_by_us_ = !self.peer_.ended();
        }
        while (shared.what.on_message()) {
            detail::read_awaiter next(self.peer_, detail::want::message);
            const std::optional<std::string_view> message = co_await next;
            if (!message) break;
            if (!self.answer(*message)) break;
            if (self.peer_.has_room(0)) continue;
            task<> room = self.wait_for_room();
            co_await room;
        }
    } catch (...) {
        self.failure_ = std::current_exception();
        self.struck_ = self.limit_that_struck();
    }
    if (shared.what.on_session() && self.peer_.is_shared()) {
        self.report_end();  // the handler gave its stream to somebody, whose it is now
        co_return;
    }
    if (!self.peer_.is_quiet()) {
        task<> winding = self.peer_.wind_down();
        co_await winding;
    }
    self.report_end();
    self.peer_.close_now(self.peer_.write_failure() != 0);
}

task<> conversation::wait_for_room() {
    detail::write_awaiter taken(peer_, {}, detail::write_awaiter::until::sent);
    co_await taken;
}

bool conversation::answer(std::string_view message) {
    const server_shared& shared = worker_.shared();
    peer_.throw_write_failure();
    shared.events.message(view_, message, peer_.message_offset());
    std::string& out = peer_.reply_buffer();
    const std::size_t begin = begin_frame(shared.options.framing, out);
    const std::size_t payload = out.size();
    exchange with(view_, state_, out, peer_.message_offset());
    try {
        shared.what.on_message()(message, with);
    } catch (...) {
        out.resize(begin);  // half an answer is none
        peer_.commit();
        throw;
    }
    if (with.silent_) {
        out.resize(begin);
    } else {
        shared.events.replied(view_, std::string_view(out).substr(payload));
        end_frame(shared.options.framing, begin, out, peer_.line_had_carriage_return());
    }
    peer_.commit();
    ended_by_us_ = with.close_ || shared.options.once;
    return !ended_by_us_;
}

std::size_t conversation::shed() noexcept {
    const std::size_t held = peer_.held();
    if (held > 0) peer_.shed();
    return held;
}

std::optional<limit> conversation::limit_that_struck() const noexcept {
    try {
        std::rethrow_exception(failure_);
    } catch (const std::system_error& failed) {
        if (failed.code() == errc::message_too_large) return limit::max_message;
        if (failed.code() == errc::cancelled && worker_.is_stopping()) return limit::drain_deadline;
        if (reason_of(failed.code()) == close_reason::limit) return limit::memory_budget;
        if (failed.code() != std::errc::timed_out) return {};
    } catch (...) {
        return {};
    }
    if (peer_.write_failure() != 0) return limit::write_deadline;
    if (peer_.in_message()) return limit::message_deadline;
    return peer_.received() == 0 ? limit::handshake_deadline : limit::idle_timeout;
}

void conversation::report_end() {
    std::string detail;
    closing how{.reason = ended_by_us_ ? close_reason::server : close_reason::client,
                .lifetime = worker_.on().now() - began_};
    if (failure_) {
        try {
            std::rethrow_exception(failure_);
        } catch (const std::system_error& failed) {
            how.error = failed.code();
            how.reason = reason_of(failed.code());
            detail = failed.what();
        } catch (const std::exception& failed) {
            how.reason = close_reason::failure;
            detail = failed.what();
        } catch (...) {
            how.reason = close_reason::failure;
            detail = "the handler threw something that is no std::exception";
        }
    } else if (worker_.is_stopping() && !peer_.ended()) {
        how.reason = close_reason::drain;
    }
    how.detail = detail;
    if (struck_) worker_.shared().strike(*struck_, peer_.remote(), how.error);
    worker_.shared().events.closed(view_, how);
}

}  // namespace aperto
