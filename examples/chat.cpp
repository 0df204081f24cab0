// SPDX-License-Identifier: MIT
// ./chat [PORT], and nc localhost PORT for each who talks; on as many workers as there are cores.
#include "chat.hpp"

#include <cstdlib>

int main(int count, char** words) {
    const auto port = static_cast<std::uint16_t>(count > 1 ? std::atoi(words[1]) : 9999);
    chat_room room(100);  // who is a hundred lines behind misses the oldest: one who is slow holds up nobody
    return aperto::serve({.port = port},
                         [&room](aperto::stream peer) { return chat(std::move(peer), room); });
}
