// SPDX-License-Identifier: MIT
#pragma once

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <fstream>

namespace aperto::own_network {

/// Brings the loopback of this thread's network up, or takes it down.
inline bool set_loopback(bool up) {
    const int any = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq loopback{};
    std::strcpy(loopback.ifr_name, "lo");
    loopback.ifr_flags = up ? IFF_UP : 0;
    const bool done = ::ioctl(any, SIOCSIFFLAGS, &loopback) == 0;
    ::close(any);
    return done;
}

/// Gives this thread, and those that it starts, a network with nothing but a loopback. False where that is
/// not allowed.
inline bool enter() { return ::unshare(CLONE_NEWNET) == 0 && set_loopback(true); }

/// Connections of this network begin at `port` alone.
inline bool begin_connections_at(std::uint16_t port) {
    std::ofstream range("/proc/sys/net/ipv4/ip_local_port_range");
    range << port << ' ' << port << std::endl;
    return range.good();
}

}  // namespace aperto::own_network
