// SPDX-License-Identifier: MIT
// ./unix_socket PATH, and nc -U PATH: capitals over a Unix socket, with all limits, deadlines and the drain.
#include <aperto/aperto.hpp>

#include <cstdio>
#include <string>

int main(int count, char** words) {
    if (count != 2) return std::fputs("usage: unix_socket PATH\n", stderr), 2;
    return aperto::serve({.host = "unix:" + std::string(words[1]), .framing = aperto::framing::line},
                         [](std::string_view line) { return aperto::to_upper(line); });
}
