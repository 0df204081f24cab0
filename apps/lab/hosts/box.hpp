// SPDX-License-Identifier: MIT
// hosts/: the two hosts, and what runs on them.
//
//     box                  both hosts as the lab has them in hand, and their namespaces
//     host                 the life of one host's process: its network, its messages with the lab
//     host_programs.cpp    the programs on it, and the files they see in place of the machine's
//     rtnetlink.cpp        network interfaces, addresses and routes
//     tcp_settings.cpp     how a host's TCP is set
//     program              a program of a run: as asked for, when it is ready, what it prints
//     peer.cpp             the lab's own program, `peer`
//     kernel_view          what a host's kernel says of its connections
//     doctor.cpp           what the machine has to allow
#pragma once

#include "aperto/descriptor.hpp"
#include "lab/analysis/resend_cause.hpp"

#include <array>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace aperto::lab {

/// One kernel setting of a host, by its name under /proc/sys/net, and what the lab sets it to.
struct host_setting {
    std::string name;
    std::string value;
    std::string in_words;    ///< English, short; empty when the user gave it
    bool from_user = false;  ///< then it is an error when the kernel does not take it
};

/// How a host is set up.
struct host_plan {
    bool v6 = false;
    std::uint32_t mtu = 1500;
    std::uint32_t queue_packets = 20'000;
    duration rto_min{};  ///< whole milliseconds; 0: as the settings say, or else the kernel's own
    std::vector<host_setting> settings;
};

/// The settings every host gets so that a lesson does not depend on the machine: no timestamps, so that a
/// segment carries the 1,460 bytes its MSS says; no tail loss probes and no compressed acknowledgements, so
/// that each loss and each duplicate shows as the textbook draws it; a doubling SYN timer; Reno; 128 KiB to
/// start with.
std::vector<host_setting> textbook_settings();

/// "tcp_timestamps=1" or "ipv4/tcp_timestamps=1", added or put in place of the one there. Throws `bad_input`.
void change_setting(std::vector<host_setting>& settings, const std::string& assignment);

/// A smallest retransmission timeout: a millisecond, which is the route's unit, to two minutes, the kernel's
/// largest timeout. Throws `bad_input`.
duration parse_rto_min(const std::string& text);

/// What these settings say of how the host sends. Where they are silent, what the kernel does by itself.
sender_traits traits_of(const host_plan& plan);

/// 10.0.0.1 for the server and 10.0.0.2 for the client, or fd00::1 and fd00::2.
ip_address host_address(bool server, bool v6);

/// Where in a 'ready' message each descriptor stands; all belong to the host's network namespace for good.
enum class host_descriptor : std::size_t {
    tun,
    device_counters,
    snmp,
    netstat,
    sockets_v4,
    sockets_v6,
    udp_v4,
    udp_v6,
    diag,
    count_
};

/// This machine does not allow what the lab needs (exit code 77). `remedy` is a command or a sentence.
class cannot_here : public std::runtime_error {
public:
    cannot_here(const std::string& why, std::string remedy)
        : std::runtime_error(why), remedy_(std::move(remedy)) {}
    const std::string& remedy() const noexcept { return remedy_; }

private:
    std::string remedy_;
};

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

/// One thing the lab needs of the machine.
struct finding {
    std::string what;  ///< "user namespaces"
    bool good = false;
    std::string seen;    ///< what was found
    std::string remedy;  ///< a command or a sentence; empty when good
};

/// Tries everything the lab needs by doing it, and says what it found.
std::vector<finding> examine_machine();

/// Whether the two hosts can be made here, tried by making them: a machine may allow a namespace and refuse what is done in it.
bool hosts_work_here();

/// What to do when `tried` (as the box words it) failed with `error` (errno).
std::string remedy_for(const std::string& tried, int error);

}  // namespace aperto::lab
