// SPDX-License-Identifier: MIT
// ./store [PORT], and redis-cli -p PORT.
#include "store.hpp"

#include <cstdlib>

int main(int count, char** words) {
    const auto port = static_cast<std::uint16_t>(count > 1 ? std::atoi(words[1]) : 6379);
    store::table kept;
    return aperto::serve({.port = port, .workers = 1},
                         [&kept](aperto::stream peer) { return store::serve(std::move(peer), kept); });
}
