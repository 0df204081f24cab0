// SPDX-License-Identifier: MIT
#include <aperto/aperto.hpp>

using namespace std::chrono_literals;

aperto::task<> session(aperto::stream peer) {
    while (auto line = co_await peer.read_line())  // empty at end of stream: closing is not an error
        co_await peer.write(aperto::to_upper(*line) + "\n");
}

int main() { return aperto::serve({.port = 9999, .idle_timeout = 30s, .max_connections = 10'000}, session); }
