// SPDX-License-Identifier: MIT
// The operations on sockets of the epoll loop; waiting for the kernel is in epoll_loop.cpp.
#include "io/epoll_loop.hpp"
#include "io/socket_calls.hpp"
#include "io/turn_budget.hpp"

#include <cassert>
#include <cerrno>
#include <new>

namespace aperto::io {

// ---- accepting and connecting

socket_id epoll_loop::take_slot() noexcept {
    try {
        return sockets_.take();
    } catch (const std::bad_alloc&) {
        return {};
    }
}

socket_id epoll_loop::listen(const endpoint& where, const listen_options& options) {
    const socket_id id = sockets_.take();
    try {
        socket_slot& socket = *sockets_.find(id);
        socket.descriptor = kernel_.listen(where, options);
        socket.readable = true;
    } catch (...) {
        sockets_.release(id);
        throw;
    }
    return id;
}

socket_id epoll_loop::adopt(int descriptor, bool listening) {
    kernel_.adopt(descriptor, listening);
    const socket_id id = sockets_.take();
    socket_slot& socket = *sockets_.find(id);
    socket.descriptor = descriptor;
    socket.readable = listening;
    return id;
}

bool epoll_loop::start_accept(socket_id listener, accept_operation& accept) {
    accept.accepted = {};
    socket_slot* socket = sockets_.find(listener);
    if (!socket) return accept.result = -EBADF, true;
    assert(!socket->incoming);
    if (!socket->readable) return wait_incoming(*socket, listener, accept, false);
    if (!may_go_inline(*socket, &socket_slot::taken_in, turn_budget::calls_max))
        return wait_incoming(*socket, listener, accept, true);
    return accept_one(*socket, accept) || wait_incoming(*socket, listener, accept, false);
}

/// False when nobody waits. Out of descriptors or memory is a result: `readable` stays, and whoever accepts
/// decides when to try again.
bool epoll_loop::accept_one(socket_slot& listener, accept_operation& accept) noexcept {
    const socket_id id = take_slot();
    if (!id) return accept.result = -ENOMEM, true;
    const bool told = listener.told;
    listener.told = false;
    const int descriptor = accept_client(kernel_, listener.descriptor, accept.peer, told);
    if (descriptor >= 0) {
        sockets_.find(id)->descriptor = descriptor;
        accept.accepted = id;
        accept.result = 0;
        return true;
    }
    sockets_.release(id);
    if (descriptor == -EAGAIN) {
        listener.readable = false;
        return false;
    }
    accept.result = descriptor;
    return true;
}

bool epoll_loop::accept_queued(socket_id listener, accept_operation& accept) {
    accept.accepted = {};
    socket_slot* socket = sockets_.find(listener);
    if (!socket) return accept.result = -EBADF, true;
    assert(!socket->incoming);
    return accept_one(*socket, accept);
}

bool epoll_loop::start_connect(const endpoint& to, const connect_options& options,
                               connect_operation& connect) {
    connect.connected = {};
    const socket_id id = take_slot();
    if (!id) return connect.result = -ENOMEM, true;
    socket_slot& socket = *sockets_.find(id);
    socket.descriptor = kernel_.open(to, options);
    if (socket.descriptor < 0) {
        connect.result = socket.descriptor;
        sockets_.release(id);
        return true;
    }
    connect.result = kernel_.connect(socket.descriptor, to);
    // Interrupted by a signal it goes on in the background, connect(2), like any non-blocking one.
    if (connect.result == -EINPROGRESS || connect.result == -EINTR) {
        socket.writable = false;
        if (!wait_outgoing(socket, id, connect, false)) return false;
    }
    if (connect.result == 0)
        connect.connected = id;
    else
        close(id, false);
    return true;
}

bool epoll_loop::finish_connect(socket_slot& client, connect_operation& connect) {
    connect.result = kernel_.take_error(client.descriptor);
    if (connect.result == 0) {
        connect.connected = connect.socket;
    } else {
        detach(connect);
        close(connect.socket, false);
    }
    return true;
}

// ---- receiving and sending

bool epoll_loop::start_receive(socket_id from, receive_operation& receive) {
    receive.bytes = {};
    socket_slot* socket = sockets_.find(from);
    if (!socket) return receive.result = -EBADF, true;
    assert(!socket->incoming);
    if (!socket->readable) return wait_incoming(*socket, from, receive, false);
    // Nobody overtakes those who wait for a buffer; a receive that joins them does so from the next poll.
    if (!without_buffer_.empty() || !buffers_.available() ||
        !may_go_inline(*socket, &socket_slot::taken_in, turn_budget::receives_max))
        return wait_incoming(*socket, from, receive, true);
    return receive_some(*socket, receive) || wait_incoming(*socket, from, receive, false);
}

/// False when nothing has come, or when there is no buffer: then the operation, which is pending, waits for
/// one.
bool epoll_loop::receive_some(socket_slot& from, receive_operation& receive) noexcept {
    const bool overtakes = !without_buffer_.empty();
    if (overtakes || !buffers_.available()) {
        receive.queue_hook::unlink();
        without_buffer_.push_back(receive);
        return false;
    }
    // The large one costs nothing more: memory only as far as it is filled, and the same front of it each
    // time.
    const bool bulk = bulk_.available();
    std::uint32_t buffer = bulk_buffer::number;
    try {
        if (!bulk) buffer = buffers_.lend();
    } catch (const std::bad_alloc&) {
        return receive.result = -ENOMEM, true;
    }
    if (bulk) bulk_.lend();
    char* const memory = bulk ? bulk_.memory() : buffers_.memory(buffer);
    const bool done = receive_into(from, receive, memory, bulk ? bulk_.size() : buffers_.size());
    const bool some = done && receive.result > 0;
    receive.bytes = {memory, some ? static_cast<std::uint32_t>(receive.result) : 0U, buffer};
    if (!some) give_back(std::exchange(receive.bytes, {}));
    return done;
}

bool epoll_loop::receive_into(socket_slot& from, receive_operation& receive, char* memory,
                              std::size_t size) noexcept {
    ssize_t count = 0;
    do {
        count = from.watched ? watches_.of(from.descriptor).receive(from.descriptor, memory, size)
                             : kernel_.receive(from.descriptor, memory, size);
    } while (count == -EINTR);
    if (count == -EAGAIN) {
        from.readable = false;
        return false;
    }
    if (count > 0 && static_cast<std::size_t>(count) < size && !from.distrust_short_reads)
        from.readable = false;
    receive.result = static_cast<int>(count);
    return true;
}

void epoll_loop::give_back(lent_bytes bytes) noexcept {
    if (!bytes) return;
    if (bytes.buffer == bulk_buffer::number) return bulk_.give_back();
    buffers_.give_back(bytes.buffer);
}

bool epoll_loop::start_send(socket_id to, send_operation& send) {
    socket_slot* socket = sockets_.find(to);
    if (!socket) return send.result = -EBADF, true;
    assert(!socket->outgoing && !send.parts.empty() && send.parts.size() <= send_operation::parts_max);
    if (!socket->writable) return wait_outgoing(*socket, to, send, false);
    if (!may_go_inline(*socket, &socket_slot::taken_out, turn_budget::calls_max))
        return wait_outgoing(*socket, to, send, true);
    return send_some(*socket, send) || wait_outgoing(*socket, to, send, false);
}

/// False when the socket is full.
bool epoll_loop::send_some(socket_slot& to, send_operation& send) {
    std::size_t offered = 0;
    for (const iovec& part : send.parts)
        offered += part.iov_len;
    ssize_t count = 0;
    do {
        count = kernel_.send(to.descriptor, send.parts);
    } while (count == -EINTR);
    if (count == -EAGAIN) {
        to.writable = false;
        return false;
    }
    // A short send has seen the socket full. Its edge comes only where writing is watched; where it is not
    // yet, `watch` looks again at what is ready.
    if (count >= 0 && static_cast<std::size_t>(count) < offered) to.writable = false;
    if (to.watched && count > 0) watches_.of(to.descriptor).sent(static_cast<std::size_t>(count));
    send.result = static_cast<int>(count);
    return true;
}

bool epoll_loop::watch_socket(socket_id which, socket_watch* by) noexcept {
    socket_slot* const socket = sockets_.find(which);
    if (!socket || !watches_.set(socket->descriptor, by)) return false;
    socket->watched = by != nullptr;
    return true;
}

// ---- other descriptors

/// A slot with a descriptor of its own: epoll knows a file by its descriptor, and two may wait for one file.
bool epoll_loop::start_ready(int descriptor, ready_operation& ready) {
    const socket_id id = take_slot();
    if (!id) return ready.result = -ENOMEM, true;
    socket_slot& socket = *sockets_.find(id);
    socket.descriptor = kernel_.duplicate(descriptor);
    socket.writable = false;
    const bool out = ready.towards == ready_operation::direction::writing;
    // Registered already, as it is meant: what is asked for is one direction alone.
    socket.registered_in = socket.registered_out = true;
    ready.result =
        socket.descriptor < 0
            ? socket.descriptor
            : poller_->add(socket.descriptor, (out ? EPOLLOUT : EPOLLIN | EPOLLRDHUP) | EPOLLET, packed(id));
    if (ready.result == 0)
        return out ? wait_outgoing(socket, id, ready, false) : wait_incoming(socket, id, ready, false);
    // A file that never makes anybody wait is ready (epoll_ctl(2), EPERM).
    if (ready.result == -EPERM) ready.result = 0;
    end_watch(id);
    return true;
}

void epoll_loop::end_watch(socket_id which) noexcept {
    const socket_slot& socket = *sockets_.find(which);
    if (socket.descriptor >= 0) {
        poller_->remove(socket.descriptor);
        kernel_.close(socket.descriptor);
    }
    sockets_.release(which);
}

// ---- ending, and knowing

int epoll_loop::shutdown_send(socket_id which) noexcept {
    const socket_slot* socket = sockets_.find(which);
    if (!socket) return -EBADF;
    return kernel_.shut_send(socket->descriptor);
}

void epoll_loop::close(socket_id which, bool reset) noexcept {
    socket_slot* socket = sockets_.find(which);
    if (!socket) return;
    assert(!socket->incoming && !socket->outgoing);
    if (socket->watched) watches_.set(socket->descriptor, nullptr);
    if (reset) kernel_.reset_on_close(socket->descriptor);
    kernel_.close(socket->descriptor);
    sockets_.release(which);
}

int epoll_loop::descriptor_of(socket_id which) const noexcept {
    const socket_slot* socket = sockets_.find(which);
    return socket ? socket->descriptor : -1;
}

int epoll_loop::native_handle(socket_id which) const noexcept { return descriptor_of(which); }

endpoint epoll_loop::local(socket_id which) const noexcept { return kernel_.local(descriptor_of(which)); }
endpoint epoll_loop::remote(socket_id which) const noexcept { return kernel_.remote(descriptor_of(which)); }

tcp_facts epoll_loop::facts(socket_id which) const { return kernel_.facts(descriptor_of(which)); }
bool epoll_loop::is_quiet(socket_id which) noexcept { return nothing_came(kernel_, descriptor_of(which)); }

loop::census epoll_loop::count() const noexcept {
    census all = loop::count();
    all.sockets = sockets_.used();
    all.lent_buffers = buffers_.lent() + (bulk_.is_lent() ? 1 : 0);
    return all;
}

}  // namespace aperto::io
