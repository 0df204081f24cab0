// SPDX-License-Identifier: MIT
// ./broker [PORT], and mosquitto_sub -p PORT -t 'house/#' for each who listens; on as many workers as there are cores.
#include "broker.hpp"

#include <cstdlib>

int main(int count, char** words) {
    const auto port = static_cast<std::uint16_t>(count > 1 ? std::atoi(words[1]) : 1883);
    broker::topics all;
    // How long a client may be silent it says itself.
    return aperto::serve({.port = port, .idle_timeout = aperto::forever},
                         [&all](aperto::stream peer) { return broker::serve(std::move(peer), all); });
}
