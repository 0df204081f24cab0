// SPDX-License-Identifier: MIT
// What the uring engine begins: identities, submissions, the seam. What completes is in
// uring_completions.cpp.
#include "io/uring_loop.hpp"

#include "io/memory_account.hpp"
#include "io/socket_calls.hpp"
#include "io/turn_budget.hpp"

#include <poll.h>
#include <sys/random.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace aperto::io {
namespace {

std::uint64_t system_seed() noexcept {
    std::uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
        seed = static_cast<std::uint64_t>(clock::now().time_since_epoch().count());
    return seed;
}

}  // namespace

std::unique_ptr<loop> make_uring_loop(const loop_options& options) {
    return std::make_unique<uring_loop>(options);
}

uring_loop::uring_loop(const loop_options& options) : uring_loop(options, kernel::machine(), open_ring()) {}

uring_loop::uring_loop(const loop_options& options, kernel& calls, std::unique_ptr<ring> on, time_point epoch)
    : loop(epoch),
      kernel_(calls),
      ring_(std::move(on)),
      buffers_(*ring_, options.receive_buffers, options.receive_buffer_size),
      bulk_(options),
      random_(system_seed()),
      arrived_(arrived_max),
      lost_(std::make_unique<io_uring_sqe>()) {
    set_why("io_uring, kernel " + kernel_.release());
    wake_up_ = kernel_.open_wake_up();  // nothing fails after it: no destructor would close it
    arm_wake_up();
}

uring_loop::~uring_loop() {
    drop_tasks();
    close_mailbox();
    sockets_.for_each([this](socket_id which, socket& at) {
        if (!at.is_closed()) close(which, false);
    });
    // Cancels and closes; the ring's own end waits for what is left.
    try {
        poll(time_point::min());
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
        // A ring that can be used no more.
    }
    kernel_.close(wake_up_);
}

// ---- identities

/// The kind in 4 bits, the submission's number in 8, generation and slot in 28 and 24.
std::uint64_t uring_loop::pack(tag what, std::uint8_t number, socket_id which) noexcept {
    return (static_cast<std::uint64_t>(what) << 60) | (std::uint64_t{number} << 52) |
           (std::uint64_t{which.generation} << 24) | which.slot;
}

socket_id uring_loop::take(int descriptor) noexcept {
    try {
        const socket_id taken = sockets_.take();
        assert(taken.slot < (1U << 24));
        sockets_.find(taken)->descriptor = descriptor;
        return taken;
    } catch (const std::bad_alloc&) {
        kernel_.close(descriptor);
        return {};
    }
}

uring_loop::socket* uring_loop::find_open(socket_id which) noexcept {
    socket* at = sockets_.find(which);
    return at && !at->is_closed() ? at : nullptr;
}

int uring_loop::descriptor_of(socket_id which) const noexcept {
    const socket* at = sockets_.find(which);
    return at && !at->is_closed() ? at->descriptor : -1;
}

void uring_loop::release_if_done(socket_id which, socket& at) noexcept {
    if (at.is_closed() && at.incoming == watch::none && !at.sending) sockets_.release(which);
}

// ---- listening and accepting

socket_id uring_loop::listen(const endpoint& where, const listen_options& options) {
    const socket_id which = take(kernel_.listen(where, options));
    if (!which) throw std::bad_alloc();
    sockets_.find(which)->is = role::listener;
    return which;
}

socket_id uring_loop::adopt(int descriptor, bool listening) {
    kernel_.adopt(descriptor, listening);
    const socket_id which = sockets_.take();
    socket& at = *sockets_.find(which);
    at.descriptor = descriptor;
    if (listening) at.is = role::listener;
    return which;
}

bool uring_loop::may_call_now(socket& at) noexcept {
    const auto this_turn = static_cast<std::uint16_t>(turn());
    if (std::exchange(at.budget_turn, this_turn) != this_turn) at.calls_now = 0;
    if (at.calls_now == turn_budget::calls_max) return false;
    ++at.calls_now;
    return true;
}

/// False when nobody waits.
bool uring_loop::accept_one(socket& listener, accept_operation& accept) noexcept {
    const bool told = listener.waiting == clients::told;
    listener.waiting = clients::perhaps;
    const int descriptor = accept_client(kernel_, listener.descriptor, accept.peer, told);
    if (descriptor == -EAGAIN) {
        listener.waiting = clients::none;
        return false;
    }
    accept.result = std::min(descriptor, 0);
    if (descriptor < 0) return true;
    accept.accepted = take(descriptor);
    if (!accept.accepted) accept.result = -ENOMEM;
    return true;
}

bool uring_loop::start_accept(socket_id listener, accept_operation& accept) {
    accept.accepted = {};
    socket* at = find_open(listener);
    if (!at) return accept.result = -EBADF, true;
    assert(at->is == role::listener && !at->reader);
    const bool perhaps = at->waiting != clients::none;
    if (perhaps && may_call_now(*at) && accept_one(*at, accept)) return true;
    at->reader = &accept;
    accept.socket = listener;
    mark_pending(accept);
    if (at->waiting != clients::none)
        again_.push_back(accept);
    else
        arm_accept(listener, *at);
    return false;
}

bool uring_loop::accept_queued(socket_id listener, accept_operation& accept) {
    accept.accepted = {};
    socket* at = find_open(listener);
    if (!at) return accept.result = -EBADF, true;
    assert(at->is == role::listener && !at->reader);
    return accept_one(*at, accept);
}

bool uring_loop::start_connect(const endpoint& to, const connect_options& options,
                               connect_operation& connect) {
    connect.connected = {};
    const int descriptor = kernel_.open(to, options);
    if (descriptor < 0) {
        connect.result = descriptor;
        return true;
    }
    const socket_id which = take(descriptor);
    sockaddr_storage* const address = which ? add_place(addresses_) : nullptr;
    if (!address) {
        close(which, false);
        connect.result = -ENOMEM;
        return true;
    }
    socket& at = *sockets_.find(which);
    const socklen_t length = to.to_sockaddr(*address);
    io_uring_sqe* const entry = prepare_outgoing(which, at);
    io_uring_prep_connect(entry, descriptor, reinterpret_cast<const sockaddr*>(address), length);
    at.writer = &connect;
    connect.socket = which;
    mark_pending(connect);
    return false;
}

// ---- receiving and sending

bool uring_loop::start_receive(socket_id from, receive_operation& receive) {
    receive.bytes = {};
    socket* at = find_open(from);
    if (!at) return receive.result = -EBADF, true;
    assert(!at->reader);
    if (at->ahead) {
        arrivals& ahead = *at->ahead;
        receive.bytes = ahead.bytes.front();
        ahead.bytes.pop_front();
        receive.result = static_cast<int>(receive.bytes.size);
        recharge(*at, ahead.size - receive.bytes.size);
        if (ahead.bytes.empty()) at->ahead.reset();
        return true;
    }
    if (at->now == stage::ended) {
        receive.result = at->end_result;
        return true;
    }
    if (at->incoming == watch::none) arm_receive(from, *at);
    at->reader = &receive;
    receive.socket = from;
    mark_pending(receive);
    if (at->unchecked) unchecked_.push_back(receive);
    return false;
}

void uring_loop::give_back(lent_bytes bytes) noexcept {
    if (!bytes) return;
    if (bytes.buffer == bulk_buffer::number) return bulk_.give_back();
    if (bytes.buffer != copied_buffer) return buffers_.give_back(bytes.buffer);
    delete[] bytes.data;
    --copies_;
}

void uring_loop::charge(socket_id which, memory_account* account) noexcept {
    socket* const at = find_open(which);
    if (!at) return;
    auto known = std::find(accounts_.begin(), accounts_.end(), account);
    try {
        if (known == accounts_.end() && accounts_.size() < no_account)
            known = accounts_.insert(known, account);
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch)
        // Then what arrives ahead for it is not counted.
    }
    at->account =
        known == accounts_.end() ? no_account : static_cast<std::uint16_t>(known - accounts_.begin());
}

std::size_t uring_loop::held(socket_id which) const noexcept {
    const socket* at = sockets_.find(which);
    return at && at->ahead ? at->ahead->size : 0;
}

void uring_loop::drop_held(socket_id which) noexcept {
    if (socket* at = find_open(which)) drop_arrivals(*at);
}

// Much data is copied by the kernel at once, while it is in the cache, and its memory is free again for the
// next reply: that outweighs the system call that a submission would save. False where the ring has to do it.
bool uring_loop::send_now(socket& to, send_operation& send) noexcept {
    std::size_t size = 0;
    for (const iovec& part : send.parts)
        size += part.iov_len;
    if ((size < send_now_min && !to.watched) || !may_call_now(to)) return false;
    const ssize_t taken = kernel_.send(to.descriptor, send.parts);
    if (taken == -EAGAIN || taken == -EINTR) return false;
    if (to.watched && taken > 0) watches_.of(to.descriptor).sent(static_cast<std::size_t>(taken));
    send.result = static_cast<int>(taken);
    return true;
}

bool uring_loop::start_send(socket_id to, send_operation& send) {
    socket* at = find_open(to);
    if (!at) return send.result = -EBADF, true;
    assert(!at->sending && !send.parts.empty());
    at->unchecked = false;  // after a reset it fails
    if (send_now(*at, send)) {
        if (send.result < 0) doubt(*at);
        return true;
    }
    msghdr* const header = send.parts.size() > 1 ? add_place(headers_) : nullptr;
    if (send.parts.size() > 1 && !header) return send.result = -ENOMEM, true;
    io_uring_sqe* const entry = prepare_outgoing(to, *at);
    // MSG_WAITALL: the kernel goes on with a short send by itself, without a completion for each piece.
    constexpr int flags = MSG_NOSIGNAL | MSG_WAITALL;
    if (send.parts.size() == 1) {
        io_uring_prep_send(entry, at->descriptor, send.parts[0].iov_base, send.parts[0].iov_len, flags);
    } else {
        header->msg_iov = send.parts.data();
        header->msg_iovlen = send.parts.size();
        io_uring_prep_sendmsg(entry, at->descriptor, header, flags);
    }
    at->writer = &send;
    send.socket = to;
    mark_pending(send);
    return false;
}

// ---- other descriptors

bool uring_loop::start_ready(int descriptor, ready_operation& ready) {
    const int own = kernel_.duplicate(descriptor);
    if (own < 0) return ready.result = own, true;
    const socket_id which = take(own);
    if (!which) return ready.result = -ENOMEM, true;
    socket& at = *sockets_.find(which);
    at.is = role::watched;
    const bool out = ready.towards == ready_operation::direction::writing;
    io_uring_prep_poll_add(prepare_incoming(which, at, watch::polling), own,
                           out ? POLLOUT : POLLIN | POLLRDHUP);
    at.reader = &ready;
    ready.socket = which;
    mark_pending(ready);
    return false;
}

// ---- ending, and knowing

int uring_loop::shutdown_send(socket_id which) noexcept {
    const int descriptor = descriptor_of(which);
    return descriptor < 0 ? -EBADF : kernel_.shut_send(descriptor);
}

void uring_loop::close(socket_id which, bool reset) noexcept {
    socket* at = find_open(which);
    if (!at) return;
    assert(!at->reader && !at->writer && "an operation is in flight on the socket that is closed");
    if (reset) kernel_.reset_on_close(at->descriptor);
    drop_arrivals(*at);
    if (at->watched) watches_.set(at->descriptor, nullptr);
    at->watched = false;
    at->now = stage::closed;
    const std::uint64_t armed = pack(tag::incoming, at->incoming_number, which);
    if (at->is == role::listener) {
        // At once, so that the port is free when this returns: what is armed holds the socket open until it
        // has ended, and under DEFER_TASKRUN it ends when we next enter the kernel.
        if (at->incoming != watch::none && !withdraw(armed)) {
            ring_->cancel_now(armed);
            ring_->run_task_work();
        }
        kernel_.close(at->descriptor);
    } else if (at->incoming == watch::none && !at->sending) {
        kernel_.close(at->descriptor);
    } else {
        end_incoming(which, *at);
        // Behind the cancel in the same queue: what is armed holds the socket open until it has ended.
        io_uring_sqe* const entry = next_entry();
        io_uring_prep_close(entry, at->descriptor);
        entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
        entry->user_data = pack(tag::none, 0, {});
    }
    release_if_done(which, *at);
}

endpoint uring_loop::local(socket_id which) const noexcept { return kernel_.local(descriptor_of(which)); }
endpoint uring_loop::remote(socket_id which) const noexcept { return kernel_.remote(descriptor_of(which)); }
tcp_facts uring_loop::facts(socket_id which) const { return kernel_.facts(descriptor_of(which)); }
bool uring_loop::is_quiet(socket_id which) noexcept {
    const socket* const at = find_open(which);
    if (!at || at->ahead || at->now == stage::ended) return false;
    // What a receive that is still armed has taken may wait for its turn.
    for (std::size_t i = arrived_next_; at->incoming != watch::none && i < arrived_count_; ++i) {
        if (arrived_[i].user_data == pack(tag::incoming, at->incoming_number, which)) return false;
    }
    return nothing_came(kernel_, at->descriptor);
}
int uring_loop::native_handle(socket_id which) const noexcept { return descriptor_of(which); }

loop::census uring_loop::count() const noexcept {
    census all = loop::count();
    all.sockets = sockets_.used();
    all.lent_buffers = buffers_.lent() + copies_ + (bulk_.is_lent() ? 1 : 0);
    return all;
}

// ---- cancelling

void uring_loop::cancel_pending(operation& waiting) noexcept {
    socket& at = *sockets_.find(waiting.socket);
    if (at.reader == &waiting) {
        abandon_pending(waiting);
        complete_later(waiting, -ECANCELED);
        return;
    }
    assert(at.writer == &waiting);
    fill_cancel(next_entry(), pack(tag::outgoing, at.outgoing_number, waiting.socket),
                pack(tag::none, 0, {}));
}

void uring_loop::abandon_pending(operation& waiting) noexcept {
    socket& at = *sockets_.find(waiting.socket);
    if (at.reader == &waiting) {
        // Only the waiting ends: what is armed until the end of the turn, lest somebody read again.
        take_reader(at);
        if (at.is == role::connection) expect_reader(waiting.socket, at);
        if (at.is == role::watched) close(waiting.socket, false);
        return;
    }
    assert(at.writer == &waiting);
    const std::uint64_t in_flight = pack(tag::outgoing, at.outgoing_number, waiting.socket);
    at.writer = nullptr;
    if (!withdraw(in_flight)) ring_->cancel_now(in_flight);
    if (waiting.what() == operation::kind::connect) close(waiting.socket, true);
}

}  // namespace aperto::io
