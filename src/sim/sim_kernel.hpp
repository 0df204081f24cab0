// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/list.hpp"
#include "io/kernel.hpp"

#include <cerrno>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

namespace aperto::sim {

class network;
class sim_kernel;
struct connection;
enum class happening : std::uint8_t;

/// What wants to know when a file may have become ready: a request of a ring, an entry of a poller.
class watcher : public list_hook {
public:
    virtual ~watcher() = default;
    virtual void woken() noexcept = 0;
    /// The file is no more.
    virtual void bereft() noexcept {}
};

/// What a descriptor stands for. It lives until no descriptor and no request of a ring refers to it; only
/// then the connection is closed, the port free.
struct file {
    enum class kind : std::uint8_t { connection, listener, wake_up };
    file(sim_kernel& owner, kind what, std::uint64_t number) noexcept : os(owner), is(what), serial(number) {}
    file(const file&) = delete;
    file& operator=(const file&) = delete;
    ~file();

    sim_kernel& os;
    const kind is;
    const std::uint64_t serial;
    std::uint8_t side = 0;
    bool reset_on_close = false;
    bool notice_planned = false;
    std::uint32_t connection = 0;  ///< 0: not yet connected
    std::uint64_t wakes = 0;
    endpoint where;  ///< a listener's
    std::size_t backlog_max = 0;
    std::deque<std::uint32_t> backlog;
    list<watcher> watchers;
};

/// The kernel of a simulated machine: descriptors, and the system calls on them.
///
/// A call may be interrupted, give less than there is, or fail, as the seed says; descriptors are the lowest
/// that are free, so that whoever uses one after its end meets somebody else's.
class sim_kernel final : public io::kernel {
public:
    sim_kernel(network& net, std::uint16_t host) : net_(net), host_(host) {}
    ~sim_kernel() override;
    sim_kernel(const sim_kernel&) = delete;
    sim_kernel& operator=(const sim_kernel&) = delete;

    std::string release() const override { return "simulated"; }
    int listen(const endpoint& where, const listen_options& options) override;
    void adopt(int socket, bool listening) override;
    int open(const endpoint& to, const connect_options& options) noexcept override;
    int connect(int socket, const endpoint& to) noexcept override;
    int take_error(int socket) noexcept override;
    bool has_client(int listener) noexcept override;
    int accept(int listener, endpoint& who) noexcept override;
    ssize_t receive(int socket, char* into, std::size_t size) noexcept override;
    ssize_t look(int socket) noexcept override;
    ssize_t send(int socket, std::span<iovec> parts) noexcept override;
    int shut_send(int socket) noexcept override;
    void reset_on_close(int socket) noexcept override;
    void close(int descriptor) noexcept override;
    endpoint local(int socket) const noexcept override;
    endpoint remote(int socket) const noexcept override;
    tcp_facts facts(int socket) const override;
    int duplicate(int) noexcept override { return -EOPNOTSUPP; }  // what is not of this machine
    int open_wake_up() override;
    void wake(int wake_up) noexcept override;
    void calm(int wake_up) noexcept override;

    // ---- for a ring and a poller

    /// Null where the descriptor is not open.
    std::shared_ptr<file> find(int descriptor) const noexcept;
    /// What of EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP and EPOLLERR is so.
    std::uint32_t events(const file& of) const noexcept;
    int connect(file& socket, const endpoint& to);
    /// -EINPROGRESS while it is.
    int connected(file& socket) noexcept;
    ssize_t receive(file& from, char* into, std::size_t size);
    ssize_t send(file& to, std::span<const iovec> parts);

    // ---- for the network

    /// The file may have become ready; its watchers are told, perhaps later.
    void changed(file& which);
    void give_notice(std::uint64_t serial);
    /// None where nobody listens for `to`, or the queue is full (`full`).
    file* listener_for(const endpoint& to, bool& full) noexcept;
    void queue(file& listener, std::uint32_t connection);
    std::size_t descriptors() const noexcept { return used_; }
    /// The program has died: every descriptor is closed.
    void close_all() noexcept;
    bool is_dead() const noexcept { return dead_; }
    /// By `file`, at its end.
    void let_go(file& gone) noexcept;

private:
    int add(std::shared_ptr<file> what) noexcept;
    std::shared_ptr<file> make(file::kind what);
    int fails(happening what, const sim::connection* on) const;
    sim::connection* connection_of(const file& of) const noexcept;
    bool interrupted() noexcept;

    network& net_;
    std::uint16_t host_;
    std::uint64_t serials_ = 0;
    std::size_t used_ = 0;
    bool dead_ = false;
    std::vector<std::shared_ptr<file>> table_;
    std::unordered_map<std::uint64_t, file*> files_;
    std::vector<file*> listeners_;
};

}  // namespace aperto::sim
