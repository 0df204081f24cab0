// SPDX-License-Identifier: MIT
// The life of a connection: what it knows, what it holds, how it ends. Reading and writing have files of
// their own.
#include "net/connection.hpp"

#include "io/memory_account.hpp"
#include "net/quietly.hpp"

#include <cassert>
#include <cerrno>

namespace aperto {

connection::connection(loop& on, socket_id socket, const endpoint& remote,
                       std::shared_ptr<const stream_options> options, std::string_view name)
    : loop_(&on),
      socket_(socket),
      remote_(remote),
      options_(std::move(options)),
      message_began_(on.now()),
      progressed_(short_time(on.now())),
      secured_(options_->transport ? std::make_unique<secured>(options_->transport->open(name)) : nullptr) {
    if (options_->account) loop_->charge(socket_, options_->account.get());
}

connection::~connection() {
    assert(!socket_ && !reader && !writer);
    forget_share();
    drop_received();
}

void connection::release() noexcept {
    if (--references_ > 0) return;
    if (!socket_) {
        delete this;
        return;
    }
    const bool in_order = !closing_ && !write_failure_;
    if (!in_order || is_quiet()) {
        close_now(false);
        delete this;
        return;
    }
    references_ = 1;
    try {
        loop_->spawn(finish(*this));
    } catch (...) {  // no memory for the orderly end
        close_now(true);
        delete this;
    }
}

void connection::let_go() noexcept {
    // A close in progress goes on: it holds the connection itself.
    if (is_waited_on() && !closing_) end_waits();
    release();
}

void connection::end_waits() noexcept {
    // Whoever has a stream to let go has no other readers than its own.
    if (reader) static_cast<detail::read_awaiter*>(reader)->end_misused();
    if (writer) writer->end_misused();
}

task<> connection::finish(connection& last) {
    const reference keep(last);
    last.release();  // the one that was left, which `keep` has taken over
    try {
        co_await last.close_orderly();
    } catch (...) {  // no memory for the orderly end
        last.close_now(true);
    }
}

tcp_facts connection::facts() const {
    if (!is_open()) throw error(errc::closed, "read the facts of", "a connection");
    tcp_facts known = loop_->facts(socket_);
    if (known.client_syn)
        client_syn_ = known.client_syn;
    else
        known.client_syn = client_syn_;
    return known;
}

// ---- memory

void connection::recount() noexcept {
    memory_account* const account = options_->account.get();
    if (!account) return;
    const std::size_t holds = (kept_ ? kept_->capacity() : 0) +
                              (outbox_ ? outbox_->capacity() + outbox_->in_kernel : 0) +
                              (secured_ ? secured_->memory() : 0);
    if (holds == charged_) return;
    account->change(charged_, holds, *loop_);
    charged_ = holds;
}

void connection::shed() noexcept {
    shed_ = true;
    if (!read_failure_) read_failure_ = errc::refused_by_policy;
    if (outbox_ && outbox_->in_flight())
        give_writing_up(errc::refused_by_policy);
    else if (outbox_ && outbox_->pending() > 0)
        fail_writing(errc::refused_by_policy);
    loop_->drop_held(socket_);
    if (!reader) return;  // somebody may be looking at what was received
    drop_received();
    loop_->cancel(*reader);
}

// ---- ending

task<> connection::wind_down() {
    if (is_quiet()) co_return;
    closing_ = true;
    read_failure_.clear();  // what ended the reading of messages; there may be more input to read away
    // Where the peer has gone, or does not end, or memory has: nobody is left to tell.
    detail::quietly<detail::write_awaiter> sent(*this, std::string_view(),
                                                detail::write_awaiter::until::shut_down);
    std::error_code failed = co_await sent;
    const std::uint64_t read_max = received_ + options_->close_drain_max;
    const time_point until = detail::time_after(loop_->now(), options_->close_deadline);
    while (!failed && !ended_ && received_ < read_max) {
        detail::quietly<detail::read_awaiter> more(*this, detail::want::some, until);
        failed = co_await more;
    }
}

task<> connection::close_orderly() {
    task<> winding = wind_down();
    co_await winding;
    close_now(false);
}

void connection::close_now(bool reset) noexcept {
    if (!socket_) return;
    closing_ = true;
    // A stream that lacks its rest must not end as if it were whole.
    reset = reset || write_failure_;
    if (reader) {
        read_failure_ = errc::closed;
        loop_->cancel(*reader);
    }
    if (outbox_) {
        outbox_->turn_hook::unlink();
        if (outbox_->in_flight()) loop_->abandon(*outbox_);
        reset = reset || outbox_->pending() > 0;
        outbox_->drop_all();
        put_outbox_away();
    }
    if (writer) loop_->notify(*writer, -ECONNABORTED);
    drop_received();
    if (secured_) {
        secured_.reset();
        recount();
    }
    loop_->close(std::exchange(socket_, {}), reset);
}

}  // namespace aperto
