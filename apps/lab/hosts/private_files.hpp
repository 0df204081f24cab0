// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace aperto::lab {

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

/// PATH for the programs: that folder, then what PATH was.
std::string path_with_own_commands();

}  // namespace aperto::lab
