// SPDX-License-Identifier: MIT
// ./proxy PORT HOST:PORT: what comes at the one goes to the other, and back, to the end of each direction.
#include <aperto/aperto.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

aperto::task<> pump(aperto::stream& from, aperto::stream& to) {
    while (auto some = co_await from.read_some()) {
        co_await to.write(*some);
        co_await to.flush();  // no more is read than the other side takes
    }
    co_await to.shutdown_write();
}

aperto::task<> relay(aperto::stream client, const std::string& upstream) {
    aperto::stream server = co_await aperto::connect(upstream);
    try {
        co_await aperto::all(pump(client, server), pump(server, client));
    } catch (const aperto::error&) {
        client.abort();  // who was cut off is told so: an end in order would say that all had come
        server.abort();
        throw;
    }
}

int main(int count, char** words) {
    if (count != 3) return std::fputs("usage: proxy PORT HOST:PORT\n", stderr), 2;
    const std::string upstream = words[2];
    return aperto::serve({.port = static_cast<std::uint16_t>(std::atoi(words[1]))},
                         [&](aperto::stream client) { return relay(std::move(client), upstream); });
}
