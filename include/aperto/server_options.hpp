// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/background.hpp"
#include "aperto/cidr.hpp"
#include "aperto/events.hpp"
#include "aperto/stream.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace aperto {

/// For the limits that are a number: none.
inline constexpr std::size_t no_limit = static_cast<std::size_t>(-1);

/// An address that a server listens on beside its first, and what is different there; what is left out here is as
/// `options` has it.
///
///     aperto::listen_place inside("127.0.0.1:9998");
///     inside.transport = nullptr;  // no TLS there
///     aperto::serve({.transport = sealed, .also_listen = {"[::1]:9999", inside}}, session);
struct listen_place {
    // No aggregate: GCC 12 destroys the members of a temporary aggregate twice in a co_await expression.
    listen_place() = default;
    /// As the options have it everywhere; by itself, so that a list of addresses is one of texts.
    listen_place(std::string address) : where(std::move(address)) {}
    /// The same.
    listen_place(const char* address) : where(address) {}

    /// As `host_port` reads it: "192.0.2.7:9998", "[::1]:9999", "unix:/run/chat.sock"; without a port, `options::port`.
    std::string where{};
    /// Null: the kernel's bytes themselves, where the others stand on something.
    std::optional<std::shared_ptr<const aperto::transport>> transport{};
    std::optional<std::size_t> max_message{};      ///< bytes, at least 1
    std::optional<duration> idle_timeout{};        ///< see stream_options
    std::optional<duration> message_deadline{};    ///< see stream_options
    std::optional<duration> write_deadline{};      ///< see stream_options
    std::optional<duration> handshake_deadline{};  ///< from being accepted to the first byte
    /// Connections at once that came to this address, over all workers, 1 to 10 million: of those that
    /// `options::max_connections` allows in all. Further clients wait in the kernel's queue until one has ended.
    std::optional<std::size_t> max_connections{};
    std::optional<std::vector<cidr>>
        proxy_from{};  ///< whose connections begin with the PROXY protocol; empty: nobody's
};

/// Everything a server can be told; each value is a safe default. Used with designated initialisers:
///
///     aperto::serve({.port = 9999, .idle_timeout = 30s, .max_connections = 10'000}, session);
///
/// `server` checks them all and throws `error` (`errc::malformed`) with the name, the value and what the
/// option takes. Times are from 1 us to a century, or `forever`; `drain_…` and the socket's may be zero too.
struct options {
    /// A name or an address, without a NUL in it, or "unix:/run/chat.sock" (endpoint.hpp); empty: every address of
    /// this machine, IPv6 and IPv4.
    std::string host{};
    /// 0 takes any free port.
    std::uint16_t port = 9999;
    /// Sockets that listen already, instead of `host` and `port`: inherited (systemd.socket(5)), or of
    /// another family (a Unix socket). They stay yours, and must stay open until the server has started. A
    /// client without an IP address is held to no limit per address. Not in a simulation.
    std::vector<int> listen_fds{};
    /// Sockets of a server that this one follows (`server::listeners`), in another process or in this one. Each is used
    /// where `host`, `port` (0: any) or `also_listen` names its address; an address without one is opened. Nobody is served,
    /// and nothing of theirs changed, before `server::take_over`. As `listen_fds` they stay yours. Not in a simulation.
    std::vector<int> handed_over{};
    /// More addresses to listen on: "192.0.2.7:9998", or a `listen_place` with limits of its own. Whatever one does not say
    /// is as here, and counts over all of them.
    std::vector<listen_place> also_listen{};
    /// Loops, a thread each, sharing the port (SO_REUSEPORT), 1 to 1024; 0: one for each core that this
    /// process may use (sched_setaffinity(2), and the quota of its control group, rounded up).
    unsigned workers = 0;
    /// What its loops stand on; where a loop is given, that loop's.
    aperto::engine engine = engine::automatic;

    aperto::framing framing = framing::stream;             ///< see stream_options
    frame_finder finder = nullptr;                         ///< see stream_options
    std::size_t max_message = 1024 * 1024;                 ///< bytes, at least 1
    duration idle_timeout = std::chrono::seconds(60);      ///< see stream_options
    duration message_deadline = std::chrono::seconds(30);  ///< see stream_options
    duration write_deadline = std::chrono::seconds(30);    ///< see stream_options
    /// From being accepted to the first byte: who connects and says nothing goes sooner than who pauses.
    duration handshake_deadline = std::chrono::seconds(30);
    std::size_t high_water = 256 * 1024;  ///< bytes, at least 1
    /// What every connection stands on, like TLS (tls.hpp); its handshake is under `handshake_deadline`. None: the
    /// kernel's bytes themselves.
    std::shared_ptr<const aperto::transport> transport{};
    /// For handlers that are coroutines called with a message: messages of one connection that may be in
    /// their hands at once, 1 to 65,536; the answers go out in the order of the messages. More than one waits
    /// in memory (counted) rather than in the connection.
    unsigned max_in_flight = 1;
    /// Bytes in buffers of incomplete messages and of replies not yet taken, over all connections, and in the
    /// kernel for clients that take nothing; each worker has its share. Past it those are ended that hold
    /// much and have long made no progress: no message completed, no reply taken. At least 64 KiB; 0: a
    /// quarter of the memory that this process may use (cgroups(7); a simulated loop's has 1 GiB).
    std::size_t memory_budget = 0;
    /// Connections at once, over all workers, 1 to 10 million. 0: as many as RLIMIT_NOFILE leaves room for;
    /// 100,000 on a simulated loop.
    std::size_t max_connections = 0;
    /// Connections at once from one IPv4 address, or one IPv6 network of 64 bits. 0: half of all connections,
    /// so that nobody can take every place, and this machine's own without limit. `no_limit`: none.
    std::size_t max_connections_per_address = 0;
    /// Connections a second from one such address, in the long run, up to 10 million; a second's worth may
    /// come at once. 0: any number.
    double accept_rate = 0;
    /// Not held to the two limits per address: a proxy's addresses, where many clients come through it.
    std::vector<cidr> exempt{};
    /// Who may connect; empty: everyone. `deny` is asked first and wins.
    std::vector<cidr> allow{};
    /// Who may not.
    std::vector<cidr> deny{};
    /// Whose connections begin with the PROXY protocol, version 1 or 2: proxies that you trust, since what they tell is
    /// believed. A client is then known by the address that its proxy tells, to handlers, events and every limit here;
    /// the proxy's own is asked for nothing else. A header that is broken, or not there within `handshake_deadline`,
    /// ends the connection. Who is not named here sends no such header, and is not asked for one.
    std::vector<cidr> proxy_from{};
    /// The lesson's server: one client at a time, one reply each, then close and accept again.
    bool once = false;

    /// When stopping: how long everything goes on as before, new clients too, while load balancers take
    /// notice.
    duration drain_delay{};
    /// When stopping: how long an idle conversation is left alone before it is ended, so that the end does
    /// not cross a message that is on its way.
    duration drain_grace = std::chrono::milliseconds(200);
    /// When stopping: over how long the ends of many idle conversations are spread, lest all clients come
    /// back elsewhere at once. A few end at once.
    duration drain_spread = std::chrono::seconds(1);
    /// When stopping: how long conversations in progress may go on before they are cut, from the moment that
    /// no new clients are taken.
    duration drain_deadline = std::chrono::seconds(10);
    /// `serve` alone: end cleanly on SIGINT and SIGTERM, unless they are ignored when it begins (nohup(1)); a
    /// second one ends the program at once. Other signals, SIGHUP too, are the program's, and the `server`
    /// class never touches any.
    bool handle_signals = true;

    /// Run by each worker beside its conversations, from before the first until after the last: what a worker
    /// keeps, connections to elsewhere, work by the clock (background.hpp). What it throws ends the server in
    /// order, and `wait` throws it.
    std::function<task<>(aperto::background&)> background{};

    /// Of the listener and of every connection. The server sets `sharing` itself.
    listen_options socket{};
    /// Of which share of the messages the events are told where their time went (`server_events::timed`), 0 to 1: 0.01 is one
    /// in a hundred. 0: of none, and nothing is spent on it. For handlers that are called with a message, on TCP; not in a
    /// simulation. Of messages that come together only the first may be picked. While it is not 0, the kernel stamps every
    /// packet that this machine receives.
    double trace_messages = 0;
    /// Receives what happens, for logs and metrics. Not owned; must outlive the server; called on the
    /// workers' threads.
    server_events* events = nullptr;
};

}  // namespace aperto
