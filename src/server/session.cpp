// SPDX-License-Identifier: MIT
#include "server/session.hpp"

#include "net/quietly.hpp"
#include "server/answering.hpp"
#include "server/worker.hpp"

namespace aperto {

session::session(worker& at, connection& peer, unsigned place)
    : conversation(at, peer, handling::session, place), scope_(&at.serving()) {
    peer.hold();  // for the last event, though the handler may end its stream before
    begin();
}

session::~session() {
    if (!ended_ && worker_.serving().cancelled()) {  // destroyed, as it did not end by itself
        fail(make_error_code(errc::cancelled));
        end();
        if (!peer_.is_shared()) peer_.close_now(true);
    }
    leave();
    peer_.release();
}

void session::end() noexcept {
    ended_ = true;
    report_end();
}

/// The handler's part, which begins when what is written can be sent.
task<> session::converse(stream peer) {
    detail::quietly<detail::read_awaiter> opening(peer_, detail::want::handshake, std::size_t{0},
                                                  peer_.handshake_until());
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

task<> session::run(worker& at, stream peer, unsigned place, [[maybe_unused]] admission::place counted) {
    session self(at, *peer.connection_, place);
    try {
        task<> handling = self.handle(std::move(peer));
        handling.in(self.scope_);
        co_await handling;
        if (!at.shared().what.on_answer()) self.ended_by_us_ = !self.peer_.ended();
    } catch (...) {
        self.fail();
    }
    if (self.peer_.is_shared()) {
        self.end();  // the handler gave its stream to somebody, whose it is now
        co_return;
    }
    try {
        task<> winding = self.peer_.wind_down();
        co_await winding;
    } catch (...) {  // no memory for the orderly end
        self.peer_.close_now(true);
    }
    self.end();
    self.peer_.close_now(false);
}

}  // namespace aperto
