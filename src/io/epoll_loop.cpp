// SPDX-License-Identifier: MIT
#include "io/epoll_loop.hpp"

#include "io/socket_calls.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>

namespace aperto::io {
namespace {

constexpr std::uint32_t more_than_data = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI;
constexpr std::uint32_t reading = EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLET;

socket_id unpacked(std::uint64_t data) noexcept {
    return {static_cast<std::uint32_t>(data), static_cast<std::uint32_t>(data >> 32)};
}

}  // namespace

epoll_loop::epoll_loop(const loop_options& options) : epoll_loop(options, kernel::machine(), open_poller()) {}

epoll_loop::epoll_loop(const loop_options& options, kernel& calls, std::unique_ptr<poller> watching,
                       time_point epoch)
    : loop(epoch),
      kernel_(calls),
      poller_(std::move(watching)),
      buffers_(options.receive_buffers, options.receive_buffer_size),
      bulk_(options) {
    set_why("epoll, kernel " + kernel_.release());  // before there is a descriptor to lose
    wake_up_ = kernel_.open_wake_up();
    const int result = poller_->add(wake_up_, EPOLLIN | EPOLLET, packed({}));
    if (result == 0) return;
    kernel_.close(wake_up_);
    throw error::from_result(result, "start", "epoll");
}

epoll_loop::~epoll_loop() {
    drop_tasks();
    close_mailbox();
    sockets_.for_each([this](socket_id, socket_slot& each) { kernel_.close(each.descriptor); });
    kernel_.close(wake_up_);
}

// ---- waiting for the kernel

bool epoll_loop::has_more() const noexcept {
    return !again_.empty() || events_next_ < events_count_ ||
           (!without_buffer_.empty() && buffers_.available());
}

int epoll_loop::wait(time_point until) {
    const bool at_once = until == time_point::min() || has_more();
    // Where a callback threw, the rest of its turn has the first place in this one.
    if (events_next_ < events_count_) return events_count_;
    std::int64_t nanoseconds = 0;
    if (!at_once && until == time_point::max())
        nanoseconds = -1;
    else if (!at_once)
        nanoseconds = std::max<std::int64_t>(0, (until - read_clock()).count());
    events_next_ = 0;
    if (nanoseconds != 0 && watches_.any()) fall_asleep();
    const int count = poller_->wait(events_, nanoseconds);
    if (count >= 0 || count == -EINTR) return std::max(count, 0);
    throw error::from_result(count, "wait for", "epoll");
}

void epoll_loop::poll(time_point until) {
    events_count_ = wait(until);
    refresh_now();
    wake_up();
    list<operation, queue_hook> again;
    again.splice_back(again_);
    serve_those_without_buffer();
    while (events_next_ < events_count_) {
        const epoll_event event = events_[static_cast<std::size_t>(events_next_++)];
        if (const socket_id which = unpacked(event.data.u64))
            on_event(which, event.events);
        else
            kernel_.calm(wake_up_);
    }
    while (!again.empty()) {
        operation& waiting = again.pop_front();
        const bool out = waiting.what() == operation::kind::send;
        out ? try_outgoing(waiting.socket) : try_incoming(waiting.socket);
    }
}

void epoll_loop::on_event(socket_id which, std::uint32_t events) {
    socket_slot* socket = sockets_.find(which);
    if (!socket) return;  // closed earlier in this batch
    if (socket->watched && (events & EPOLLERR)) {
        watches_.of(socket->descriptor).look(socket->descriptor);
        // What stood in the error queue is no word of the connection: its end comes with others.
        if (!(events & (EPOLLHUP | EPOLLRDHUP | EPOLLPRI))) events &= ~std::uint32_t{EPOLLERR};
    }
    if (events & more_than_data) socket->distrust_short_reads = true;
    if (events & (EPOLLIN | more_than_data)) socket->readable = socket->told = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) socket->writable = true;
    try_outgoing(which);
    try_incoming(which);
}

void epoll_loop::try_incoming(socket_id which) {
    socket_slot* socket = sockets_.find(which);
    if (!socket || !socket->incoming || !socket->readable) return;
    operation& waiting = *socket->incoming;
    if (waiting.what() == operation::kind::ready) return end_ready(waiting);
    const bool accepts = waiting.what() == operation::kind::accept;
    const bool done = accepts ? accept_one(*socket, static_cast<accept_operation&>(waiting))
                              : receive_some(*socket, static_cast<receive_operation&>(waiting));
    if (!done) return;
    detach(waiting);
    complete(waiting, waiting.result);
}

void epoll_loop::try_outgoing(socket_id which) {
    socket_slot* socket = sockets_.find(which);
    if (!socket || !socket->outgoing || !socket->writable) return;
    operation& waiting = *socket->outgoing;
    if (waiting.what() == operation::kind::ready) return end_ready(waiting);
    const bool connects = waiting.what() == operation::kind::connect;
    const bool done = connects ? finish_connect(*socket, static_cast<connect_operation&>(waiting))
                               : send_some(*socket, static_cast<send_operation&>(waiting));
    if (!done) return;
    if (sockets_.find(which)) detach(waiting);
    complete(waiting, waiting.result);
}

void epoll_loop::end_ready(operation& waiting) {
    abandon_pending(waiting);
    complete(waiting, 0);
}

void epoll_loop::serve_those_without_buffer() {
    list<operation, queue_hook> waiting;
    waiting.splice_back(without_buffer_);
    while (!waiting.empty() && buffers_.available())
        try_incoming(waiting.pop_front().socket);
    // Those that this round did not reach have waited longest.
    waiting.splice_back(without_buffer_);
    without_buffer_.splice_back(waiting);
}

// ---- putting operations to wait

/// Makes epoll watch the socket. Writing is watched from the first time that it has to wait: nearly every
/// socket is writable nearly always, and telling so would cost each new connection a turn of the loop.
int epoll_loop::watch(socket_slot& socket, socket_id id, bool out) noexcept {
    if (socket.registered_in && (socket.registered_out || !out)) return 0;
    const bool all = out || socket.registered_out;
    const std::uint32_t events = all ? reading | EPOLLOUT : reading;
    const int result = socket.registered_in ? poller_->modify(socket.descriptor, events, packed(id))
                                            : poller_->add(socket.descriptor, events, packed(id));
    if (result < 0) return result;
    socket.registered_in = true;
    socket.registered_out = all;
    return 0;
}

bool epoll_loop::may_go_inline(socket_slot& socket, std::uint8_t socket_slot::* count,
                               std::uint8_t count_max) noexcept {
    const auto this_turn = static_cast<std::uint32_t>(turn());
    if (socket.budget_turn != this_turn) {
        socket.budget_turn = this_turn;
        socket.taken_in = socket.taken_out = 0;
    }
    if (socket.*count == count_max) return false;
    ++(socket.*count);
    return true;
}

bool epoll_loop::wait_incoming(socket_slot& socket, socket_id id, operation& waiting, bool again) {
    waiting.result = watch(socket, id, false);
    if (waiting.result < 0) return true;
    waiting.socket = id;
    socket.incoming = &waiting;
    mark_pending(waiting);
    if (again) again_.push_back(waiting);
    return false;
}

bool epoll_loop::wait_outgoing(socket_slot& socket, socket_id id, operation& waiting, bool again) {
    // Also where it only lets others go first: by its next turn the socket may be full.
    waiting.result = watch(socket, id, true);
    if (waiting.result < 0) return true;
    waiting.socket = id;
    socket.outgoing = &waiting;
    mark_pending(waiting);
    if (again) again_.push_back(waiting);
    return false;
}

/// Takes a waiting operation away from its socket and from whatever it waited for.
void epoll_loop::detach(operation& waiting) noexcept {
    waiting.queue_hook::unlink();
    socket_slot* socket = sockets_.find(waiting.socket);
    assert(socket);
    if (socket->incoming == &waiting) socket->incoming = nullptr;
    if (socket->outgoing == &waiting) socket->outgoing = nullptr;
}

void epoll_loop::abandon_pending(operation& waiting) noexcept {
    detach(waiting);
    if (waiting.what() == operation::kind::connect) close(waiting.socket, false);
    if (waiting.what() == operation::kind::ready) end_watch(waiting.socket);
}

void epoll_loop::cancel_pending(operation& waiting) noexcept {
    abandon_pending(waiting);
    complete_later(waiting, -ECANCELED);
}

std::unique_ptr<loop> make_epoll_loop(const loop_options& options) {
    return std::make_unique<epoll_loop>(options);
}

}  // namespace aperto::io
