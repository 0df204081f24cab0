// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/time.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace aperto {

/// What completes the operations of a loop.
enum class engine {
    automatic,  ///< io_uring where the kernel allows it, else epoll
    uring,      ///< io_uring (Linux 6.1 or newer)
    epoll,      ///< epoll: wherever Linux runs
    simulated,  ///< virtual time and a seeded network (aperto/sim.hpp)
};
/// "auto", "uring", "epoll", "sim".
std::string_view to_string(engine which) noexcept;

/// What a loop stands on, and the memory that it receives into.
struct loop_options {
    engine which = engine::automatic;  ///< by name: that one, or an error
    /// Receive buffers that the loop lends, each of `receive_buffer_size` bytes. A power of two from 2 to
    /// 32,768; they are memory only once used. When all are lent, connections wait for one in the order in
    /// which they asked.
    std::uint32_t receive_buffers = 128;
    /// Larger than the usual 16 KB of a message with its framing, which then needs no copy. Bytes, from 64 to
    /// 16 MiB.
    std::uint32_t receive_buffer_size = 32 * 1024;
    /// Bytes of one buffer more, for connections that bring much at a time: each of them uses it in turn, so
    /// that it stays in the cache, and few system calls move much. Up to 256 MiB; not larger than the others:
    /// none.
    std::uint32_t bulk_buffer_size = 256 * 1024;
};

/// Whether other listeners of the same user may have the port too (SO_REUSEPORT, socket(7)).
enum class port_sharing {
    exclusive,  ///< nobody; the port must be free
    first,      ///< the port must be free; once it is ours, others may join
    join,       ///< joins those who have it: the kernel spreads the clients over them
};

/// Bytes written that the kernel keeps unsent for one connection before it takes no more, by default: enough
/// that it never runs dry between two turns, little enough that a thousand clients who do not read cost 128
/// MiB and not 4 GiB.
inline constexpr std::uint32_t unsent_max_default = 128 * 1024;

/// Socket options of a listener and of every connection it accepts.
struct listen_options {
    int backlog = 4096;  ///< the kernel caps it at net.core.somaxconn
    /// Of `listen` on an address and a port that somebody has.
    port_sharing sharing = port_sharing::exclusive;
    bool dual_stack = true;  ///< an IPv6 listener takes IPv4 too (IPV6_V6ONLY off, ipv6(7))
    bool save_syn = true;    ///< keep the client's SYN for `tcp_facts` (TCP_SAVE_SYN)
    bool no_delay = true;    ///< TCP_NODELAY, tcp(7)
    duration keepalive = std::chrono::seconds(60);     ///< first probe after so long idle; zero: none
    duration user_timeout = std::chrono::seconds(60);  ///< TCP_USER_TIMEOUT, RFC 5482; zero: the kernel's
    /// Bytes, TCP_NOTSENT_LOWAT, tcp(7); zero: as many as its send buffer grows to, 4 MiB mostly.
    std::uint32_t unsent_max = unsent_max_default;
    /// Who may connect to a Unix socket with a path: the mode of its file, 0600 to 0777 (unix(7): who may write); 0: as
    /// the process's umask leaves it. Set before anybody can connect.
    std::uint32_t unix_mode = 0;
    std::string unix_group{};  ///< the group of that file, a name; empty: the process's
};

/// Socket options of a connection that is made; each as in `listen_options`.
struct connect_options {
    bool no_delay = true;                              ///< TCP_NODELAY
    duration keepalive = std::chrono::seconds(60);     ///< first probe after so long idle; zero: none
    duration user_timeout = std::chrono::seconds(60);  ///< TCP_USER_TIMEOUT; zero: the kernel's
    std::uint32_t unsent_max = unsent_max_default;     ///< bytes, TCP_NOTSENT_LOWAT
};

}  // namespace aperto
