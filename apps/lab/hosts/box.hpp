// SPDX-License-Identifier: MIT
#pragma once

#include "lab/hosts/host.hpp"
#include "lab/hosts/host_message.hpp"

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace aperto::lab {

/// The two hosts: a user namespace and a PID namespace, and in them a client and a server process each with a
/// network and a mount namespace. Needs no privilege. Everything in it ends with this object, and with this
/// process however it ends: the kernel kills what is in a PID namespace whose first process is gone.
///
/// Make it before the program starts a thread.
class box {
public:
    /// Throws `cannot_here` with the remedy when the machine does not allow it, and `bad_input` for a kernel
    /// setting it does not have.
    box(const host_plan& client, const host_plan& server);
    ~box();
    box(const box&) = delete;
    box& operator=(const box&) = delete;

    int descriptor_of(side host, host_descriptor which) const;
    /// The other end of host.hpp's messages; readable when the host has something to say.
    int control_of(side host) const { return controls_[index(host)].get(); }
    /// Settings the kernel of this machine does not have.
    const std::vector<std::string>& missing_settings() const { return missing_; }

    /// Starts `arguments` on `host` with these descriptors as its in, out and err. Its start, or why not, and
    /// its end come as messages.
    void start(side host, const std::vector<std::string>& arguments, const std::array<int, 3>& stdio) const;
    void signal(side host, int number) const;

    /// The TCP ports on which the host listens.
    std::vector<std::uint16_t> listening_ports(side host) const;
    /// Whether it listens, but on loopback addresses alone, where the other host cannot reach it.
    bool listens_to_itself(side host) const;
    /// The UDP ports that are bound on the host, and connected to nobody.
    std::vector<std::uint16_t> udp_ports(side host) const;
    /// Packets the host's kernel dropped because the TUN device's queue was full.
    std::uint64_t dropped_at_tun(side host) const;
    /// The counters of /proc/net/snmp and netstat by name: "InCsumErrors", "TCPTimeouts". Those two files
    /// have some names twice (UDP's and UDP-Lite's); the first counts.
    std::map<std::string, std::uint64_t> counters(side host) const;
    /// TCP sockets that are neither listening nor merely waiting out TIME-WAIT.
    std::size_t open_sockets(side host) const;

private:
    void wait_until_ready(side host);
    struct socket_line {
        std::string address;  ///< the local one, in hexadecimal digits
        std::uint16_t port;
        std::string state;  ///< two hexadecimal digits
    };
    std::vector<socket_line> sockets(side host, host_descriptor v4, host_descriptor v6) const;

    int supervisor_ = -1;  ///< PID
    std::array<descriptor, 2> controls_;
    std::array<std::vector<descriptor>, 2> descriptors_;
    std::vector<std::string> missing_;
};

}  // namespace aperto::lab
