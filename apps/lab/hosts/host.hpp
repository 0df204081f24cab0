// SPDX-License-Identifier: MIT
#pragma once

#include "lab/hosts/tcp_settings.hpp"

namespace aperto::lab {

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

/// The life of a host process: makes its network and mount namespaces, sends what the wire needs over
/// `control`, then starts programs as it is told until `control` ends. Runs in the process that will be the
/// host; the caller is in the lab's user namespace with every capability there. Never returns.
///
/// Messages to it: 'P' start a program (text: arguments, each ended by NUL; descriptors: in, out, err), 'K'
/// send the signal `code` to it and to what it left behind. From it: 'R' ready (text: settings the kernel has
/// not), 'E' cannot (code: errno, text: what was tried), 'S' started, 'F' could not be started (code: errno),
/// 'X' ended (code: wait status), 'G' gone: nothing of it is left, in the background either.
[[noreturn]] void live_as_host(side which, const host_plan& plan, int control);

}  // namespace aperto::lab
