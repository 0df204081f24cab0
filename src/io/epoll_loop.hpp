// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/loop.hpp"
#include "io/kernel.hpp"
#include "io/poller.hpp"
#include "io/receive_buffers.hpp"
#include "io/slot_table.hpp"
#include "io/socket_watches.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <random>

namespace aperto::io {

/// What epoll is given to name a socket by.
constexpr std::uint64_t packed(socket_id which) noexcept {
    return std::uint64_t{which.generation} << 32 | which.slot;
}

/// The seam on epoll(7), for wherever io_uring is not allowed: a call to wait, one to receive and one to
/// send.
///
/// Edges, and why none is lost: a socket is registered edge-triggered, so a readiness that has been told is
/// not told again: `readable` and `writable` remember it, and are cleared only by a call that has seen the
/// socket empty, or full. What comes after that call makes a new edge, because epoll queues an event whenever
/// the socket wakes its waiters, whatever it reported before, and the socket does so after it has queued the
/// data; what comes during the call is queued before the call returns, or makes its edge after. An event that
/// was already in hand when the flag was cleared sets it again: one call too many, no more.
///
/// A receive that got less than it asked for has seen the socket empty, which saves the call that would only
/// say EAGAIN. That holds for data alone. An end of stream, an error or an urgent mark may stand behind the
/// bytes, and its edge may have come in the same event: once one was reported, only EAGAIN itself clears
/// `readable`.
class epoll_loop : public loop {
public:
    /// Throws `error` when the kernel gives no epoll instance.
    explicit epoll_loop(const loop_options& options);
    /// On another kernel than the machine's.
    epoll_loop(const loop_options& options, kernel& calls, std::unique_ptr<poller> watching,
               time_point epoch = clock::now());
    ~epoll_loop() override;

    engine which() const noexcept override { return engine::epoll; }
    std::uint64_t random() override { return random_(); }

    socket_id listen(const endpoint& where, const listen_options& options) override;
    socket_id adopt(int descriptor, bool listening) override;
    bool start_accept(socket_id listener, accept_operation& accept) override;
    bool accept_queued(socket_id listener, accept_operation& accept) override;
    bool start_connect(const endpoint& to, const connect_options& options,
                       connect_operation& connect) override;
    bool start_receive(socket_id from, receive_operation& receive) override;
    void give_back(lent_bytes bytes) noexcept override;
    bool is_short_of_buffers() const noexcept override { return buffers_.left() <= buffers_.count() / 4; }
    bool start_send(socket_id to, send_operation& send) override;
    bool start_ready(int descriptor, ready_operation& ready) override;
    bool watch_socket(socket_id which, socket_watch* by) noexcept override;
    int shutdown_send(socket_id which) noexcept override;
    void close(socket_id which, bool reset) noexcept override;

    endpoint local(socket_id which) const noexcept override;
    endpoint remote(socket_id which) const noexcept override;
    tcp_facts facts(socket_id which) const override;
    bool is_quiet(socket_id which) noexcept override;
    int native_handle(socket_id which) const noexcept override;
    census count() const noexcept override;

protected:
    void poll(time_point until) override;
    bool submit() override { return has_more(); }
    int descriptor() const override { return poller_->descriptor(); }
    void interrupt() noexcept override { kernel_.wake(wake_up_); }
    void cancel_pending(operation& waiting) noexcept override;
    void abandon_pending(operation& waiting) noexcept override;

private:
    /// A socket: 32 bytes, of which a server with many idle clients has many.
    struct socket_slot {
        operation* incoming = nullptr;  ///< the receive or accept that waits
        operation* outgoing = nullptr;  ///< the send or connect that waits
        int descriptor = -1;
        std::uint32_t budget_turn = 0;  ///< the turn, its low bits, for which the two counts below are
        std::uint8_t taken_in = 0;
        std::uint8_t taken_out = 0;
        bool registered_in : 1 = false;
        bool registered_out : 1 = false;
        bool readable : 1 = false;
        bool writable : 1 = true;
        bool distrust_short_reads : 1 = false;
        bool watched : 1 = false;  ///< in `watches_`
        bool told : 1 =
            false;  ///< a listener's: an event said that a client is there, and none was taken since
    };
    static_assert(sizeof(socket_slot) <= 32);

    /// Something that needs no event: what let others go first, what is left of a turn that was broken off.
    bool has_more() const noexcept;
    int wait(time_point until);
    void on_event(socket_id which, std::uint32_t events);
    void try_incoming(socket_id which);
    void try_outgoing(socket_id which);
    void serve_those_without_buffer();

    int descriptor_of(socket_id which) const noexcept;
    /// None without the memory for one.
    socket_id take_slot() noexcept;
    bool accept_one(socket_slot& listener, accept_operation& accept) noexcept;
    bool receive_some(socket_slot& from, receive_operation& receive) noexcept;
    bool receive_into(socket_slot& from, receive_operation& receive, char* memory, std::size_t size) noexcept;
    bool send_some(socket_slot& to, send_operation& send);
    bool finish_connect(socket_slot& client, connect_operation& connect);

    bool may_go_inline(socket_slot& socket, std::uint8_t socket_slot::* count,
                       std::uint8_t count_max) noexcept;
    int watch(socket_slot& socket, socket_id id, bool out) noexcept;
    bool wait_incoming(socket_slot& socket, socket_id id, operation& waiting, bool again);
    bool wait_outgoing(socket_slot& socket, socket_id id, operation& waiting, bool again);
    void detach(operation& waiting) noexcept;
    void end_watch(socket_id which) noexcept;
    void end_ready(operation& waiting);

    kernel& kernel_;
    std::unique_ptr<poller> poller_;
    slot_table<socket_slot> sockets_;
    receive_buffers buffers_;
    bulk_buffer bulk_;
    socket_watches watches_;
    list<operation, queue_hook> again_;  ///< had their share of a turn: tried at the next poll
    list<operation, queue_hook>
        without_buffer_;  ///< receives for which no buffer was left, longest wait first
    std::mt19937_64 random_{std::random_device{}()};
    int wake_up_ = -1;
    int events_count_ = 0;  ///< of `events_`; from `events_next_` on to be told
    int events_next_ = 0;
    std::array<epoll_event, 256> events_;
};

std::unique_ptr<loop> make_epoll_loop(const loop_options& options);

}  // namespace aperto::io
