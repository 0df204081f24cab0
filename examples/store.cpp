// SPDX-License-Identifier: MIT
// ./store [PORT], and redis-cli -p PORT.
#include "store.hpp"

#include <cstdlib>

int main(int count, char** words) {
    const auto port = static_cast<std::uint16_t>(count > 1 ? std::atoi(words[1]) : 6379);
    store::table kept;
    return aperto::serve({.port = port, .workers = 1, .finder = store::find_command},
                         [&kept](std::string_view command) { return kept.answer(command); });
}
