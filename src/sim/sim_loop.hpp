// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/loop.hpp"
#include "core/split_mix.hpp"
#include "io/receive_buffers.hpp"
#include "io/slot_table.hpp"
#include "sim/connection.hpp"

#include <deque>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

namespace aperto::sim {

class network;
enum class happening : std::uint8_t;

/// The seam on a simulated machine. It waits for nothing: its world runs its turns when something is due.
///
/// It is as unkind as the seam's rules allow: an operation whose result is there may complete at once or
/// later, in any order, with a part of the data; a cancel may lose; given-back buffers are overwritten.
class sim_loop final : public loop {
public:
    sim_loop(network& net, std::uint16_t host);
    ~sim_loop() override;

    engine which() const noexcept override { return engine::simulated; }
    std::uint64_t random() override { return random_(); }
    using loop::start;
    bool start(aside_operation& aside, std::function<void()> call) override;

    socket_id listen(const endpoint& where, const listen_options& options) override;
    bool start_accept(socket_id listener, accept_operation& accept) override;
    bool start_connect(const endpoint& to, const connect_options& options,
                       connect_operation& connect) override;
    bool start_receive(socket_id from, receive_operation& receive) override;
    void give_back(lent_bytes bytes) noexcept override;
    bool start_send(socket_id to, send_operation& send) override;
    int shutdown_send(socket_id which) noexcept override;
    void close(socket_id which, bool reset) noexcept override;
    endpoint local(socket_id which) const noexcept override;
    endpoint remote(socket_id which) const noexcept override;
    tcp_facts facts(socket_id which) const override;
    int native_handle(socket_id) const noexcept override { return -1; }
    std::vector<endpoint> look_up(const std::string& name, std::uint16_t port) override;
    census count() const noexcept override;

    // ---- for the network

    /// One turn.
    void turn();
    bool is_awake() const noexcept { return awake_; }
    /// On the world's clock; `duration::max()` for never.
    duration wakes_at() const noexcept { return wakes_at_; }
    void wake() noexcept { awake_ = true; }
    bool has_ended() const noexcept { return ended(); }
    std::exception_ptr failure() noexcept { return take_failure(); }
    /// The program dies: the kernel closes its sockets, its tasks are no more.
    void kill() noexcept;

    /// An operation of this socket may have become complete.
    void changed(socket_id which, bool outgoing);
    /// And now it is tried.
    void due(socket_id which, bool outgoing);
    /// A cancel that was long on its way reaches a call, unless that has ended meanwhile.
    void reach_with_cancel(socket_id which, bool outgoing, std::uint32_t number);
    void end_aside(std::uint64_t number);
    /// The listener for `to`, none where there is none or its queue is full (`full`).
    socket_id listener_for(const endpoint& to, bool& full) noexcept;
    void queue(socket_id listener, std::uint32_t connection);

protected:
    void poll(time_point until) override;
    void interrupt() noexcept override { awake_ = true; }
    time_point read_clock() const noexcept override;
    void cancel_pending(operation& waiting) noexcept override;
    void abandon_pending(operation& waiting) noexcept override;

private:
    enum class role : std::uint8_t { listener, connection };
    struct socket {
        role is = role::connection;
        std::uint8_t side = 0;
        bool in_queued = false;  ///< a try of the incoming operation is planned or due
        bool out_queued = false;
        bool in_asked = false;  ///< to end: a cancel is on its way
        bool out_asked = false;
        bool in_cancelled = false;
        bool out_cancelled = false;
        bool shut = false;
        std::uint32_t connection = 0;
        std::uint32_t in_number = 0;  ///< of the call that waits, among those of this socket
        std::uint32_t out_number = 0;
        operation* incoming = nullptr;
        operation* outgoing = nullptr;
        std::size_t backlog_max = 0;
        endpoint where;  ///< a listener's
        std::unique_ptr<std::deque<std::uint32_t>> backlog;
    };

    void try_due(socket_id which, bool outgoing);
    bool attempt(socket_id id, socket& at, operation& waiting);
    bool attempt_accept(socket& at, accept_operation& accept);
    bool attempt_connect(socket_id id, socket& at, connect_operation& connect);
    bool attempt_receive(socket& at, receive_operation& receive);
    bool attempt_send(socket& at, send_operation& send);
    void serve_those_without_buffer();
    void wait(socket_id id, socket& at, operation& waiting, bool outgoing);
    void detach(operation& waiting) noexcept;
    void release(socket_id id, socket& at) noexcept;
    int fails(happening what, const connection* on) const;
    sim::connection* connection_of(const socket& at) const noexcept;
    std::uint16_t free_port() noexcept;

    network& net_;
    std::uint16_t host_;
    duration offset_;
    split_mix random_;
    io::slot_table<socket> sockets_;
    io::receive_buffers buffers_;
    list<operation, queue_hook> without_buffer_;
    std::vector<std::pair<socket_id, bool>> due_;
    std::vector<std::pair<socket_id, bool>> trying_;
    std::vector<std::shared_ptr<aside_job>> asides_;
    std::vector<socket_id> listeners_;
    duration wakes_at_ = duration::max();
    bool awake_ = true;
    bool turning_ = false;
    bool dead_ = false;
};

}  // namespace aperto::sim
