// SPDX-License-Identifier: MIT
// A proxy: what comes from the one goes to the other, to the end of each direction.
#include <aperto/aperto.hpp>

#include <string>

inline aperto::task<> pump(aperto::stream& from, aperto::stream& to) {
    while (auto some = co_await from.read_some())
        co_await to.write(*some);  // waits where the other side takes no more
    co_await to.shutdown_write();
}

inline aperto::task<> relay(aperto::stream client, const std::string& upstream) {
    aperto::stream server;
    try {
        server = co_await aperto::connect(upstream);
        co_await aperto::all(pump(client, server), pump(server, client));
    } catch (const aperto::error&) {
        client.abort();  // who was cut off is told so: an end in order would say that all had come
        server.abort();
        throw;
    }
}
