// SPDX-License-Identifier: MIT
#pragma once

#include "lab/hosts/box.hpp"

#include <cerrno>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace aperto::lab {

/// What a system call returned, unless it is -1; then throws std::system_error that begins with `what`.
inline int checked(int result, const char* what) {
    if (result == -1) {
        throw std::system_error(errno, std::system_category(), what);
    }
    return result;
}

/// The whole file from its start, however far it was read before; empty when that fails. For /proc's small
/// files.
std::string read_all_at_start(int file);

/// One message between the lab and a host process, with the descriptors that travel along (SCM_RIGHTS,
/// unix(7)).
struct message {
    char type = 0;
    int code = 0;
    std::string text;
    std::vector<descriptor> descriptors;
};

/// Sends over a SOCK_SEQPACKET socket. The text may be at most 60,000 bytes, the descriptors at most 16.
/// Returns false when the other end is gone.
bool send_message(int socket, char type, int code, std::string_view text,
                  std::span<const int> descriptors = {});

/// Waits for one; false at the end of the stream or on a signal.
bool receive_message(int socket, message& out);

/// The life of a host process: makes its network and mount namespaces, sends what the wire needs over
/// `control`, then starts programs as it is told until `control` ends. Runs in the process that will be the
/// host; the caller is in the lab's user namespace with every capability there. Never returns.
///
/// Messages to it: 'P' start a program (text: arguments, each ended by NUL; descriptors: in, out, err), 'K'
/// send the signal `code` to it and to what it left behind. From it: 'R' ready (text: settings the kernel has
/// not), 'E' cannot (code: errno, text: what was tried), 'U' the kernel refused a setting that the user asked
/// for (code: errno, text: the setting), 'S' started, 'F' could not be started (code: errno),
/// 'X' ended (code: wait status), 'G' gone: nothing of it is left, in the background either.
[[noreturn]] void live_as_host(side which, const host_plan& plan, int control);

/// The part of a host's life after it is set up: starts and stops programs as `control` says (see `live_as_host`)
/// and reports how they end. Never returns; ends the process when `control` ends.
[[noreturn]] void serve_programs(side which, int control);

/// What a host's programs see in place of the machine's own files, in the calling process's mount namespace
/// alone:
///
/// - /etc/hosts names the two hosts. The host name, which is the same on both, means the server, so that two
///   programs that were written for one machine, `connect((socket.gethostname(), port))`, find each other.
/// - /etc/nsswitch.conf looks names up in that file alone: systemd-resolved and nscd answer over Unix sockets,
///   which reach out of a network namespace, and know nothing of our hosts.
/// - A folder with the commands `aperto` and `peer`.
///
/// All of it lives in memory, so there is nothing to clean up on any disk. Throws std::system_error.
void put_private_files(bool v6);

/// The few things the lab asks of rtnetlink(7), in the network namespace of the calling thread at
/// construction. Each throws std::system_error with what was tried.
class rtnetlink {
public:
    rtnetlink();

    /// Brings an interface up with this MTU and transmit queue length (packets); 0 leaves either as it is.
    void bring_up(unsigned interface, std::uint32_t mtu, std::uint32_t queue);
    /// `local` on a point-to-point link to `peer`, and with it the route to the peer.
    void add_address(unsigned interface, const ip_address& local, const ip_address& peer);
    /// The route to `peer`, with a smallest retransmission timeout in milliseconds (0: the kernel's).
    void set_route(unsigned interface, const ip_address& local, const ip_address& peer,
                   std::uint32_t rto_min_ms);
    /// A plain first-in first-out queue of `packets`: no pacing, no reordering by fairness.
    void set_plain_queue(unsigned interface, std::uint32_t packets);

private:
    class request;
    void send(request& what, const char* tried);

    descriptor socket_;
    std::uint32_t sequence_ = 0;
};

}  // namespace aperto::lab
