// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/client.hpp"
#include "aperto/error.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace aperto {

/// How a pool connects, what it keeps, and how it treats a host that fails.
struct pool_options {
    /// How each connection is made and used. `retry` and `ask_again` concern `client_pool::ask` alone.
    client_options client{};
    std::size_t connections_most = 16;              ///< open at once, lent and kept together, 1 or more
    std::size_t idle_most = 8;                      ///< kept at once; the one kept longest goes first
    duration idle_time = std::chrono::seconds(30);  ///< one that nobody has used for so long is closed
    duration age_most = std::chrono::minutes(10);   ///< one that was opened so long ago is kept no more
    /// `take` only: for a place, for a host that is not set aside, and for connecting, in all.
    duration take_deadline = std::chrono::seconds(5);
    /// A host that failed is set aside for a time drawn evenly from half of this to all of it, which doubles with each
    /// failure in a row up to `aside_most`; then one connection tries whether it is back, before others follow.
    duration aside = std::chrono::milliseconds(200);
    duration aside_most = std::chrono::seconds(10);  ///< no host is set aside for longer
};

/// What a pool knows of one of its hosts, for logs and metrics.
struct pool_host {
    host_port where;           ///< as it was named
    std::size_t lent = 0;      ///< connections in use, or being made
    std::size_t idle = 0;      ///< and kept
    std::uint64_t opened = 0;  ///< connections made, since the pool began
    std::uint64_t reused = 0;  ///< times that a kept one was lent
    std::uint64_t stale = 0;   ///< kept ones that were found closed, or with bytes that nobody had asked for
    std::uint64_t failed = 0;  ///< times that it was set aside
    bool is_aside = false;     ///< now
};

/// Connections to hosts that serve the same, kept from one use to the next, on one loop and without a thread.
///
///     aperto::client_pool backends(hosts);
///     aperto::client_pool::lease server = co_await backends.take();
///     co_await server->write("oi\n");
///     const auto answer = co_await server->read_line();
///     if (answer) server.keep();          // or it is closed where `server` ends
///
/// A connection goes to the host with the fewest in use, in turns where several have as many, and not to one that is
/// set aside. A kept one is looked at before it is lent: what the server has closed meanwhile, or sent unasked, is
/// closed and another taken. It belongs to the current loop, which outlives it; its leases may outlive it.
class client_pool {
public:
    class lease;

    /// A name of a service stands for its hosts as one (`connect`). Throws `error`: `errc::misuse` for no host,
    /// `errc::malformed` for options that nobody can work with; std::bad_alloc.
    explicit client_pool(std::vector<host_port> hosts, pool_options options = {});
    /// Closes what is kept.
    ~client_pool();
    client_pool(client_pool&&) noexcept = default;
    client_pool& operator=(client_pool&&) = delete;

    /// A connection, to be used by one at a time. First come, first served. Throws `error` once `take_deadline` is over:
    /// what became of the hosts, or `errc::deadline` where all connections were lent meanwhile; `cancellation`.
    task<lease> take();
    /// One question and its answer, in the framing of `client.stream`, which must be one that delimits. Throws as
    /// `take` and `async_ask`. Whatever ends a kept connection before the answer was whole ends the question too,
    /// unless `client.ask_again` allows another.
    task<std::string> ask(std::string message);

    /// The hosts in the order in which they were given.
    std::vector<pool_host> hosts() const;

private:
    struct shared_state;
    struct visit;
    std::shared_ptr<shared_state> state_;
};

/// A connection that is lent. Where it ends without `keep`, the connection is ended in order. Moved, not copied.
class [[nodiscard]] client_pool::lease {
public:
    /// None.
    lease() noexcept;
    lease(lease&& other) noexcept;
    lease& operator=(lease&& other) noexcept;
    ~lease();
    /// Whether it has a connection: false by default, after a move, `keep` and `blame`.
    explicit operator bool() const noexcept { return static_cast<bool>(peer_); }
    /// The connection, which it has.
    stream& operator*() noexcept { return peer_; }
    /// The same.
    stream* operator->() noexcept { return &peer_; }
    /// Whether others have used it before: the server may then be closing it at this very moment, which says nothing
    /// against the host.
    bool was_kept() const noexcept { return was_kept_; }
    /// The host that it goes to. It has a connection.
    const host_port& host() const noexcept;
    /// What it was for has come to its end: the host is well, and the connection goes back for the next, unless it is
    /// too old or not at rest (`stream::at_rest`).
    void keep() noexcept;
    /// The host did not do what it is there for: it is set aside, and the connection ended in order.
    void blame(error why) noexcept;

private:
    friend class client_pool;
    explicit lease(std::unique_ptr<visit> at) noexcept;
    std::unique_ptr<visit> at_;
    stream peer_;
    time_point opened_{};
    bool was_kept_ = false;
};

}  // namespace aperto
