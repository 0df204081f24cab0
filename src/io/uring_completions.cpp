// SPDX-License-Identifier: MIT
#include "io/socket_calls.hpp"
#include "io/uring_loop.hpp"

#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace aperto::io {
void uring_loop::poll(time_point until) {
    rearm_waiting();
    const bool found = look_for_resets();
    std::int64_t nanoseconds = 0;
    if (!found && (without_buffer_.empty() || buffers_.left() == 0)) {
        if (until == time_point::max())
            nanoseconds = -1;
        else if (until != time_point::min())
            nanoseconds = std::max<std::int64_t>(0, (until - read_clock()).count());
    }
    ring_.submit_and_wait(nanoseconds);
    if (io_uring_sq_ready(ring_.get()) == 0) {
        headers_.clear();
        addresses_.clear();
    }
    refresh_now();
    io_uring_cqe* next = nullptr;
    // Those that are there now: a submission out of a handler may bring more, for the next turn.
    for (unsigned left = io_uring_cq_ready(ring_.get()); left > 0; --left) {
        if (io_uring_peek_cqe(ring_.get(), &next) != 0) break;
        const io_uring_cqe done = *next;
        io_uring_cqe_seen(ring_.get(), next);
        dispatch(done.user_data, done.res, done.flags);
    }
}

void uring_loop::dispatch(std::uint64_t user_data, int result, std::uint32_t flags) {
    const tag what = static_cast<tag>(user_data >> 60);
    if (what == tag::none) return;
    if (what == tag::wake) return on_wake_up(flags);
    const socket_id which{
        static_cast<std::uint32_t>(user_data),
        static_cast<std::uint32_t>(user_data >> 32) & ((1U << slot_table<socket>::generation_bits) - 1)};
    socket* at = sockets_.find(which);
    assert(at && "the slot is kept until the kernel's last completion for it");
    const bool more = (flags & IORING_CQE_F_MORE) != 0;
    switch (what) {
    case tag::accept:
        return on_accept(which, *at, result, more);
    case tag::receive:
        return on_receive(which, *at, result, flags);
    case tag::connect:
        return on_connect(which, *at, result);
    default:
        return on_send(which, *at, result);
    }
}

void uring_loop::on_wake_up(std::uint32_t flags) noexcept {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto taken = ::read(wake_up_, &count, sizeof count);
    if (!(flags & IORING_CQE_F_MORE)) arm_wake_up();
}

void uring_loop::on_accept(socket_id which, socket& at, int result, bool more) {
    if (!more) at.armed = false;
    if (at.closed) {
        if (result >= 0) ::close(result);
        return release_if_done(which, at);
    }
    if (result >= 0 && !at.reader) return keep_accepted(which, at, result);
    if (!at.reader) return;  // an error that the next accept will meet itself
    if (result == -ECANCELED || concerns_one_client(-result)) {
        if (!at.armed) arm_accept(which, at);
        return;
    }
    auto& waiting = static_cast<accept_operation&>(*std::exchange(at.reader, nullptr));
    if (result >= 0) {
        waiting.accepted = take(result);
        result = waiting.accepted ? 0 : -ENOMEM;
    }
    complete(waiting, result);
}

void uring_loop::keep_accepted(socket_id listener, socket& at, int descriptor) noexcept {
    try {
        if (!at.ahead) at.ahead = std::make_unique<arrivals>();
        at.ahead->accepted.push_back(descriptor);
    } catch (const std::bad_alloc&) {
        ::close(descriptor);
        at.end_result = -ENOMEM;
    }
    stop_receiving(tag::accept, listener, at);
}

void uring_loop::on_receive(socket_id which, socket& at, int result, std::uint32_t flags) {
    if (!(flags & IORING_CQE_F_MORE)) at.armed = false;
    if (at.polling) return on_readable(which, at, result);
    if (result > 0) {
        if (static_cast<std::uint32_t>(result) >= bulk_min() && bulk_.size() > 0) {
            // It brings much. The kernel would fill one buffer after another, and what is to be read would
            // not be in the cache: from now on we receive ourselves, when something is there.
            at.bulk = true;
            at.little = 0;
            stop_receiving(tag::receive, which, at);
        }
        at.unchecked = at.armed;
        const auto buffer = static_cast<std::uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
        const lent_bytes bytes = buffers_.lend(buffer, static_cast<std::uint32_t>(result));
        if (!at.closed && !at.ended) return on_bytes(which, at, bytes);
        buffers_.give_back(buffer);
    }
    if (at.closed) return release_if_done(which, at);
    if (at.ended) return;
    if (result == -ENOBUFS || result == -ECANCELED || result == -EINTR || result == -EAGAIN) {
        // Not the connection's end. Without a reader the next receive arms it again.
        if (!at.reader || at.armed) return;
        if (result != -ENOBUFS) return arm_receive(which, at);
        static_cast<queue_hook&>(*at.reader).unlink();
        return without_buffer_.push_back(*at.reader);
    }
    at.ended = true;
    at.end_result = result;
    if (operation* waiting = take_reader(at)) complete(*waiting, result);
}

/// What is armed may have missed a reset: who receives, now or next, is to look.
void uring_loop::doubt(socket& at) noexcept {
    at.unchecked = at.armed && !at.polling;
    if (!at.unchecked || !at.reader) return;
    static_cast<queue_hook&>(*at.reader).unlink();
    unchecked_.push_back(*at.reader);
}

/// True where one was found: then its receive is ready.
bool uring_loop::look_for_resets() noexcept {
    bool found = false;
    while (!unchecked_.empty()) {
        socket& at = *sockets_.find(unchecked_.pop_front().socket);
        if (!at.unchecked) continue;  // something has been sent, or it was armed again
        at.unchecked = false;
        char first = 0;
        const ssize_t there = ::recv(at.descriptor, &first, sizeof first, MSG_PEEK | MSG_DONTWAIT);
        if (there > 0 || (there < 0 && (errno == EAGAIN || errno == EINTR))) continue;
        found = at.ended = true;
        at.end_result = there < 0 ? -errno : 0;
        complete_later(*take_reader(at), at.end_result);
    }
    return found;
}

/// The receive that waits, out of the line it may stand in; null without one.
operation* uring_loop::take_reader(socket& at) noexcept {
    operation* const waiting = std::exchange(at.reader, nullptr);
    if (waiting) static_cast<queue_hook&>(*waiting).unlink();
    return waiting;
}

/// A poll has ended.
void uring_loop::on_readable(socket_id which, socket& at, int result) {
    if (at.closed) return release_if_done(which, at);
    if (!at.reader) return;  // what is there waits in the kernel
    if (result < 0) return arm_receive(which, at);
    receive_bulk(which, at);
}

void uring_loop::receive_bulk(socket_id which, socket& at) {
    if (!bulk_.available()) {
        at.bulk = false;
        return arm_receive(which, at);
    }
    const ssize_t size = ::recv(at.descriptor, bulk_.memory(), bulk_.size(), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return arm_receive(which, at);
    if (size <= 0) {
        at.ended = true;
        at.end_result = size < 0 ? -errno : 0;
        complete(*take_reader(at), at.end_result);
        return;
    }
    at.little = static_cast<std::size_t>(size) >= bulk_min() ? std::uint8_t{0}
                                                             : static_cast<std::uint8_t>(at.little + 1);
    at.bulk = at.little < little_max;
    bulk_.lend();
    on_bytes(which, at, {bulk_.memory(), static_cast<std::uint32_t>(size), bulk_buffer::number});
}

void uring_loop::on_bytes(socket_id which, socket& at, lent_bytes bytes) {
    if (at.reader) {
        auto& waiting = static_cast<receive_operation&>(*take_reader(at));
        waiting.bytes = bytes;
        return complete(waiting, static_cast<int>(bytes.size));
    }
    keep_bytes(which, at, bytes);
}

void uring_loop::keep_bytes(socket_id which, socket& at, lent_bytes bytes) noexcept {
    bool stop = false;
    try {
        if (!at.ahead) at.ahead = std::make_unique<arrivals>();
        stop = at.ahead->bytes.size() >= ahead_max;
        // A few who do not read must not hold every buffer.
        if (stop || is_short_of_buffers()) bytes = copy_out(bytes);
        at.ahead->bytes.push_back(bytes);
    } catch (const std::bad_alloc&) {
        // What cannot be kept would be missed in the middle of the stream: it ends here.
        give_back(bytes);
        at.ended = stop = true;
        at.end_result = -ENOMEM;
    }
    if (stop) stop_receiving(tag::receive, which, at);
}

lent_bytes uring_loop::copy_out(lent_bytes lent) {
    char* memory = new char[lent.size];
    std::memcpy(memory, lent.data, lent.size);
    buffers_.give_back(lent.buffer);
    ++copies_;
    return {memory, lent.size, copied};
}

void uring_loop::on_connect(socket_id which, socket& at, int result) {
    at.sending = false;
    if (at.closed) return release_if_done(which, at);
    auto& waiting = static_cast<connect_operation&>(*std::exchange(at.writer, nullptr));
    if (result == 0)
        waiting.connected = which;
    else
        close(which, false);
    complete(waiting, result);
}

void uring_loop::on_send(socket_id which, socket& at, int result) {
    at.sending = false;
    if (at.closed) return release_if_done(which, at);
    if (result < 0) doubt(at);
    if (operation* waiting = std::exchange(at.writer, nullptr)) complete(*waiting, result);
}

}  // namespace aperto::io
