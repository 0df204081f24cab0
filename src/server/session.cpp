// SPDX-License-Identifier: MIT
#include "server/session.hpp"

#include "net/quietly.hpp"
#include "server/answering.hpp"
#include "server/worker.hpp"

namespace aperto {

session::session(worker& at, connection& peer, unsigned place, admission::place counted)
    : conversation(at, peer, handling::session, place),
      root_task(&session::on_end, &session::on_drop),
      scope_(&at.serving()),
      counted_(std::move(counted)) {
    peer.hold();  // for the last event, though the handler may end its stream before
    begin();
}

session::~session() {
    running_ = {};
    if (!ended_ && worker_.serving().cancelled()) {  // destroyed, as it did not end by itself
        fail(make_error_code(errc::cancelled));
        end();
        if (!peer_.is_shared()) peer_.close_now(true);
    }
    leave();
    peer_.release();
}

void session::start(worker& at, stream peer, unsigned place, admission::place counted) {
    auto* const one = new session(at, *peer.connection_, place, std::move(counted));
    one->enter(at.on(), &at.serving());
    try {
        one->running_ = one->handle(std::move(peer));
    } catch (...) {
        one->fail();
    }
    if (!one->running_ || !one->run(one->running_, one->scope_)) one->handled();
}

void session::on_end(void* frame) noexcept {
    auto& self = static_cast<session&>(at(frame));
    if (self.winding_down_)
        self.wound_down();
    else
        self.handled();
}

void session::on_drop(void* frame) noexcept { delete static_cast<session*>(&at(frame)); }

void session::end() noexcept {
    ended_ = true;
    report_end();
}

/// The handler's part, which begins when what is written can be sent.
task<> session::converse(stream peer) {
    detail::quietly<detail::read_awaiter> opening(peer_, detail::want::handshake, peer_.handshake_until());
    const std::error_code failed = co_await opening;
    if (failed) fail(failed);
    if (!peer_.is_open_for_writing()) co_return;
    task<> conversing = worker_.shared().what.on_session()(std::move(peer));
    co_await conversing;
}

task<> session::handle(stream peer) {
    const handler& what = worker_.shared().what;
    if (what.on_answer()) return answering::serve(worker_, peer_, view(), std::move(peer), ended_by_us_);
    return peer_.is_open_for_writing() ? what.on_session()(std::move(peer)) : converse(std::move(peer));
}

void session::handled() noexcept {
    if (running_) {
        try {
            task<> conversing = std::move(running_);
            take_result(conversing);
            if (!worker_.shared().what.on_answer()) ended_by_us_ = !peer_.ended();
        } catch (...) {
            fail();
        }
    }
    if (peer_.is_shared()) {
        end();  // the handler gave its stream to somebody, whose it is now
        return go();
    }
    winding_down_ = true;
    if (!peer_.is_quiet()) {
        try {
            running_ = peer_.wind_down();
        } catch (...) {  // no memory for the orderly end
            peer_.close_now(true);
        }
    }
    if (!running_ || !run(running_, worker_.serving())) wound_down();
}

void session::wound_down() noexcept {
    if (running_) {
        try {
            task<> winding = std::move(running_);
            take_result(winding);
        } catch (...) {  // no memory for it
            peer_.close_now(true);
        }
    }
    end();
    peer_.close_now(false);
    go();
}

void session::go() noexcept {
    quit(worker_.on());
    delete this;
}

}  // namespace aperto
