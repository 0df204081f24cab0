// SPDX-License-Identifier: MIT
#pragma once

#include "load/plan.hpp"

#include <sys/socket.h>

#include <cstddef>
#include <string>

namespace aperto::load {

/// Where the load goes, and from which addresses.
///
/// From one address to one address and port there are about 28,000 ports to connect from (ip(7),
/// ip_local_port_range), and that of the side that closes first rests in TIME_WAIT (RFC 9293, 3.6.1).
/// Every address of 127.0.0.0/8 is this machine, so a load on 127.0.0.1 that needs more ports spreads over
/// many source addresses; nothing else about a connection changes.
class target {
public:
    /// Resolves the host: the first address it has. Throws `error`.
    explicit target(const plan& what);

    struct attempt {
        int descriptor = -1;        ///< non-blocking; owned by the caller; -1 where there is none
        int error = 0;              ///< errno of what failed, EINPROGRESS while connecting, 0 when connected
        bool no_port_left = false;  ///< every source port is in use
    };
    /// Opens a socket and begins to connect it.
    attempt connect() noexcept;

    /// "127.0.0.1:9999"
    const std::string& name() const noexcept { return name_; }
    /// Source addresses in use; 1 where the kernel chooses.
    std::size_t sources() const noexcept { return sources_; }

private:
    bool bind_source(int descriptor) noexcept;

    sockaddr_storage address_{};
    socklen_t address_size_ = 0;
    std::string name_;
    std::size_t sources_ = 1;
    std::size_t next_source_ = 0;
    bool no_delay_ = true;
};

}  // namespace aperto::load
