// SPDX-License-Identifier: MIT
#include "io/uring_loop.hpp"

#include "io/socket_calls.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <new>
#include <utility>

namespace aperto::io {
namespace {

int make_wake_up() {
    const int descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (descriptor < 0) throw error::from_result(-errno, "open", "an eventfd");
    return descriptor;
}

/// A place for what the kernel reads later; null without the memory for one.
template <class T>
T* add(std::deque<T>& to) noexcept {
    try {
        return &to.emplace_back();
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

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

uring_loop::uring_loop(const loop_options& options)
    : buffers_(ring_, options.receive_buffers, options.receive_buffer_size),
      bulk_(options),
      random_(system_seed()) {
    set_why("io_uring, kernel " + kernel_release());
    wake_up_ = make_wake_up();  // nothing fails after it: no destructor would close it
    arm_wake_up();
}

uring_loop::~uring_loop() {
    drop_tasks();
    close_mailbox();
    sockets_.for_each([this](socket_id which, socket& at) {
        if (!at.closed) close(which, false);
    });
    // Cancels, closes and lets the kernel finish; the ring's own end waits for what is left.
    poll(time_point::min());
    sockets_.for_each([this](socket_id, socket& at) { drop_arrivals(at); });
    ::close(wake_up_);
}

// ---- identities

std::uint64_t uring_loop::pack(tag what, socket_id which) noexcept {
    return (static_cast<std::uint64_t>(what) << 60) | (std::uint64_t{which.generation} << 32) | which.slot;
}

socket_id uring_loop::take(int descriptor) noexcept {
    try {
        const socket_id taken = sockets_.take();
        sockets_.find(taken)->descriptor = descriptor;
        return taken;
    } catch (const std::bad_alloc&) {
        ::close(descriptor);
        return {};
    }
}

uring_loop::socket* uring_loop::find_open(socket_id which) noexcept {
    socket* at = sockets_.find(which);
    return at && !at->closed ? at : nullptr;
}

int uring_loop::descriptor_of(socket_id which) const noexcept {
    const socket* at = sockets_.find(which);
    return at && !at->closed ? at->descriptor : -1;
}

void uring_loop::release_if_done(socket_id which, socket& at) noexcept {
    if (at.closed && !at.armed && !at.sending) sockets_.release(which);
}

// ---- submissions

io_uring_sqe* uring_loop::prepare(tag what, socket_id which) noexcept {
    io_uring_sqe* sqe = ring_.next_sqe();
    sqe->user_data = pack(what, which);
    return sqe;
}

void uring_loop::ask_to_cancel(tag what, socket_id which) noexcept {
    io_uring_sqe* sqe = ring_.next_sqe();
    io_uring_prep_cancel64(sqe, pack(what, which), 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = pack(tag::none, {});
}

void uring_loop::arm_wake_up() noexcept {
    io_uring_sqe* sqe = ring_.next_sqe();
    io_uring_prep_poll_multishot(sqe, wake_up_, POLLIN);
    sqe->user_data = pack(tag::wake, {});
}

/// Asks that what is armed end, once.
void uring_loop::stop_receiving(tag what, socket_id which, socket& at) noexcept {
    if (at.armed && !at.cancelling) ask_to_cancel(what, which);
    at.cancelling = true;
}

void uring_loop::arm_receive(socket_id which, socket& at) noexcept {
    io_uring_sqe* sqe = ring_.next_sqe();
    at.polling = at.bulk;
    if (at.polling) {
        io_uring_prep_poll_add(sqe, at.descriptor, POLLIN | POLLRDHUP);
    } else {
        io_uring_prep_recv_multishot(sqe, at.descriptor, nullptr, 0, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = uring_buffers::group;
    }
    sqe->user_data = pack(tag::receive, which);
    at.armed = true;
    at.cancelling = false;
    at.unchecked = false;  // an armed receive begins by looking
}

void uring_loop::arm_accept(socket_id which, socket& at) noexcept {
    io_uring_sqe* sqe = ring_.next_sqe();
    io_uring_prep_multishot_accept(sqe, at.descriptor, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    sqe->user_data = pack(tag::accept, which);
    at.armed = true;
    at.cancelling = false;
}

void uring_loop::rearm_waiting() noexcept {
    // As many as there are buffers, the longest waiting first: each either finds one or waits in the kernel
    // for data.
    for (std::uint32_t left = buffers_.left(); left > 0 && !without_buffer_.empty(); --left) {
        operation& next = without_buffer_.pop_front();
        arm_receive(next.socket, *sockets_.find(next.socket));
    }
}

// ---- the seam

socket_id uring_loop::listen(const endpoint& where, const listen_options& options) {
    const socket_id which = take(open_listener(where, options));
    if (!which) throw std::bad_alloc();
    sockets_.find(which)->listening = true;
    return which;
}

bool uring_loop::start_accept(socket_id listener, accept_operation& accept) {
    socket* at = find_open(listener);
    if (!at) return accept.result = -EBADF, true;
    assert(!at->reader);
    if (at->ahead && !at->ahead->accepted.empty()) {
        accept.accepted = take(at->ahead->accepted.front());
        at->ahead->accepted.pop_front();
        accept.result = accept.accepted ? 0 : -ENOMEM;
        return true;
    }
    if (at->end_result != 0) {
        accept.result = std::exchange(at->end_result, 0);
        return true;
    }
    if (!at->armed) arm_accept(listener, *at);
    at->reader = &accept;
    accept.socket = listener;
    mark_pending(accept);
    return false;
}

bool uring_loop::start_connect(const endpoint& to, const connect_options& options,
                               connect_operation& connect) {
    const int descriptor = open_client(to, options);
    if (descriptor < 0) {
        connect.result = descriptor;
        return true;
    }
    const socket_id which = take(descriptor);
    sockaddr_storage* const address = which ? add(addresses_) : nullptr;
    if (!address) {
        close(which, false);
        connect.result = -ENOMEM;
        return true;
    }
    socket& at = *sockets_.find(which);
    const socklen_t length = to.to_sockaddr(*address);
    io_uring_sqe* sqe = ring_.next_sqe();
    io_uring_prep_connect(sqe, descriptor, reinterpret_cast<const sockaddr*>(address), length);
    sqe->user_data = pack(tag::connect, which);
    at.sending = true;
    at.writer = &connect;
    connect.socket = which;
    mark_pending(connect);
    return false;
}

bool uring_loop::start_receive(socket_id from, receive_operation& receive) {
    socket* at = find_open(from);
    if (!at) return receive.result = -EBADF, true;
    assert(!at->reader);
    if (at->ahead && !at->ahead->bytes.empty()) {
        receive.bytes = at->ahead->bytes.front();
        at->ahead->bytes.pop_front();
        receive.result = static_cast<int>(receive.bytes.size);
        return true;
    }
    if (at->ended) {
        receive.result = at->end_result;
        return true;
    }
    if (!at->armed) arm_receive(from, *at);
    at->reader = &receive;
    receive.socket = from;
    mark_pending(receive);
    if (at->unchecked) unchecked_.push_back(receive);
    return false;
}

void uring_loop::give_back(lent_bytes bytes) noexcept {
    if (!bytes) return;
    if (bytes.buffer == bulk_buffer::number) return bulk_.give_back();
    if (bytes.buffer != copied) return buffers_.give_back(bytes.buffer);
    delete[] bytes.data;
    --copies_;
}

// Much data is copied by the kernel at once, while it is in the cache, and its memory is free again for the
// next reply: that outweighs the system call that a submission would save. False where the ring has to do it.
bool uring_loop::send_now(socket& to, send_operation& send) noexcept {
    std::size_t size = 0;
    for (const iovec& part : send.parts)
        size += part.iov_len;
    if (size < send_now_min) return false;
    const auto this_turn = static_cast<std::uint32_t>(turn());
    if (std::exchange(to.budget_turn, this_turn) != this_turn) to.sent_now = 0;
    if (to.sent_now == sends_now_max) return false;
    ++to.sent_now;
    const ssize_t taken = send_parts(to.descriptor, send.parts, MSG_DONTWAIT);
    if (taken == -EAGAIN || taken == -EINTR) return false;
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
    msghdr* const header = send.parts.size() > 1 ? add(headers_) : nullptr;
    if (send.parts.size() > 1 && !header) return send.result = -ENOMEM, true;
    io_uring_sqe* sqe = ring_.next_sqe();
    // MSG_WAITALL: the kernel goes on with a short send by itself, without a completion for each piece.
    constexpr int flags = MSG_NOSIGNAL | MSG_WAITALL;
    if (send.parts.size() == 1) {
        io_uring_prep_send(sqe, at->descriptor, send.parts[0].iov_base, send.parts[0].iov_len, flags);
    } else {
        header->msg_iov = send.parts.data();
        header->msg_iovlen = send.parts.size();
        io_uring_prep_sendmsg(sqe, at->descriptor, header, flags);
    }
    sqe->user_data = pack(tag::send, to);
    at->sending = true;
    at->writer = &send;
    send.socket = to;
    mark_pending(send);
    return false;
}

int uring_loop::shutdown_send(socket_id which) noexcept {
    return ::shutdown(descriptor_of(which), SHUT_WR) < 0 ? -errno : 0;
}

void uring_loop::drop_arrivals(socket& at) noexcept {
    if (!at.ahead) return;
    for (const lent_bytes& each : at.ahead->bytes)
        give_back(each);
    for (const int each : at.ahead->accepted)
        ::close(each);
    at.ahead.reset();
}

void uring_loop::close(socket_id which, bool reset) noexcept {
    socket* at = find_open(which);
    if (!at) return;
    assert(!at->reader && !at->writer && "an operation is in flight on the socket that is closed");
    if (reset) reset_on_close(at->descriptor);
    drop_arrivals(*at);
    at->closed = true;
    if (at->listening) {
        // At once, so that the port is free when this returns.
        if (at->armed) ring_.cancel_now(pack(tag::accept, which));
        ::close(at->descriptor);
    } else {
        if (at->armed) ask_to_cancel(tag::receive, which);
        // Behind the cancel in the same queue: what is armed holds the socket open until it has ended.
        io_uring_sqe* sqe = prepare(tag::none, {});
        io_uring_prep_close(sqe, at->descriptor);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    }
    release_if_done(which, *at);
}

endpoint uring_loop::local(socket_id which) const noexcept { return local_of(descriptor_of(which)); }
endpoint uring_loop::remote(socket_id which) const noexcept { return remote_of(descriptor_of(which)); }
tcp_facts uring_loop::facts(socket_id which) const { return read_tcp_facts(descriptor_of(which)); }
int uring_loop::native_handle(socket_id which) const noexcept { return descriptor_of(which); }

loop::census uring_loop::count() const noexcept {
    census all = loop::count();
    all.sockets = sockets_.used();
    all.lent_buffers = buffers_.lent() + copies_ + (bulk_.is_lent() ? 1 : 0);
    return all;
}

void uring_loop::interrupt() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written =
        ::write(wake_up_, &one, sizeof one);  // full means that it is awake already
}

void uring_loop::cancel_pending(operation& waiting) noexcept {
    socket& at = *sockets_.find(waiting.socket);
    if (at.reader == &waiting) {
        // Only the waiting ends. What arrives from now on is kept for the next one.
        take_reader(at);
        complete_later(waiting, -ECANCELED);
        return;
    }
    assert(at.writer == &waiting);
    ask_to_cancel(waiting.what() == operation::kind::connect ? tag::connect : tag::send, waiting.socket);
}

void uring_loop::abandon_pending(operation& waiting) noexcept {
    socket& at = *sockets_.find(waiting.socket);
    if (at.reader == &waiting) {
        take_reader(at);
        return;
    }
    assert(at.writer == &waiting);
    const bool connecting = waiting.what() == operation::kind::connect;
    at.writer = nullptr;
    ring_.cancel_now(pack(connecting ? tag::connect : tag::send, waiting.socket));
    if (connecting) close(waiting.socket, true);
}

}  // namespace aperto::io
