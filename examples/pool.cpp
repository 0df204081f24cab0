// SPDX-License-Identifier: MIT
// ./pool PORT HOST:PORT... answers each line with what one of the servers there answers to it, over four connections a
// worker that are kept from one question to the next, and tells once a second how many were asked.
#include <aperto/aperto.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

using namespace std::chrono_literals;

thread_local aperto::client_pool* upstream = nullptr;  // of the worker

aperto::task<> keep_pool(aperto::background& here, std::vector<aperto::host_port> servers) {
    aperto::pool_options options{.connections_most = 4, .idle_most = 4, .take_deadline = 2s};
    options.client.reply_deadline = 2s;
    options.client.stream.framing = aperto::framing::line;
    options.client.ask_again = true;
    aperto::client_pool connections(servers, options);
    struct presence {
        explicit presence(aperto::client_pool& here) { upstream = &here; }
        ~presence() { upstream = nullptr; }
    } const known(connections);
    unsigned long long told = 0;
    for (bool over = false; !over; over = co_await here.stopping(1s)) {
        unsigned long long opened = 0;
        unsigned long long asked = 0;
        for (const aperto::pool_host& each : connections.hosts()) {
            opened += each.opened;
            asked += each.opened + each.reused;
        }
        if (asked > told) std::fprintf(stderr, "%llu questions over %llu connections\n", asked, opened);
        told = asked;
    }
    co_await here.drained();  // until then conversations use it
}

aperto::task<std::string> answer(std::string_view question) {
    if (!upstream) co_return "unavailable";
    auto reply = co_await aperto::as_result(upstream->ask(std::string(question)));
    co_return reply ? std::move(*reply) : "unavailable: " + std::string(reply.error().what());
}

int main(int count, char** words) {
    if (count < 3) return std::fputs("usage: pool PORT HOST:PORT...\n", stderr), 2;
    std::vector<aperto::host_port> servers;
    for (int i = 2; i < count; ++i)
        servers.push_back(aperto::host_port::parse(words[i]));
    const auto beside = [servers](aperto::background& here) { return keep_pool(here, servers); };
    return aperto::serve({.port = static_cast<std::uint16_t>(std::atoi(words[1])),
                          .framing = aperto::framing::line,
                          .background = beside},
                         answer);
}
