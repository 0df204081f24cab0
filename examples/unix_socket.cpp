// SPDX-License-Identifier: MIT
// ./unix_socket PATH, and nc -U PATH: capitals over a Unix socket, with all limits, deadlines and the drain.
#include <aperto/aperto.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

int main(int count, char** words) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    const std::string_view path = count == 2 ? words[1] : "";
    if (path.empty() || path.copy(address.sun_path, sizeof address.sun_path - 1) != path.size())
        return std::fputs("usage: unix_socket PATH\n", stderr), 2;
    ::unlink(address.sun_path);
    const int door = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (::bind(door, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 || ::listen(door, 4096) < 0)
        return std::perror(address.sun_path), 5;
    return aperto::serve({.listen_fds = {door}, .framing = aperto::framing::line},
                         [](std::string_view line) { return aperto::to_upper(line); });
}
