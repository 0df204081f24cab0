// SPDX-License-Identifier: MIT
// ./proxy PORT HOST:PORT: what comes at the one goes to the other, and back.
#include "proxy.hpp"

#include <cstdio>
#include <cstdlib>

int main(int count, char** words) {
    if (count != 3) return std::fputs("usage: proxy PORT HOST:PORT\n", stderr), 2;
    const std::string upstream = words[2];
    return aperto::serve({.port = static_cast<std::uint16_t>(std::atoi(words[1]))},
                         [&](aperto::stream client) { return relay(std::move(client), upstream); });
}
