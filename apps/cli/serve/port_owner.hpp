// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Who listens on a port of this machine, as far as /proc tells this user (proc(5)).
namespace aperto::cli {

struct port_owner {
    int process = 0;      ///< 0 where the process belongs to somebody else, or to another container
    std::string command;  ///< its short name, where there is a process
    std::string user;     ///< its user's name or number
};

/// Empty where nobody listens there, or /proc cannot be read.
std::optional<port_owner> find_port_owner(std::uint16_t port);

/// How long a connection that has ended still holds `port` (TIME_WAIT, RFC 9293, 3.6.1), the longest of them;
/// empty where none does.
std::optional<std::chrono::milliseconds> find_time_wait(std::uint16_t port);
/// The same in the text of /proc/net/tcp or /proc/net/tcp6.
std::optional<std::chrono::milliseconds> time_wait_in(std::string_view table, std::uint16_t port);

/// A listening socket's line in /proc/net/tcp or /proc/net/tcp6.
struct listening_socket {
    std::uint64_t inode = 0;
    std::uint32_t user = 0;
    bool operator==(const listening_socket&) const = default;
};
/// The sockets that listen on `port` in the text of such a file. Lines of another form are passed over.
std::vector<listening_socket> find_listening_sockets(std::string_view table, std::uint16_t port);

}  // namespace aperto::cli
