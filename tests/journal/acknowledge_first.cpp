// SPDX-License-Identifier: MIT
// The control of kill_test.py: an echo server that acknowledges a message and records it afterwards, which is the
// mistake that the journal exists to prevent. FILE is its journal.
#include "aperto/journal.hpp"
#include "aperto/loop.hpp"
#include "aperto/server.hpp"

#include <cstdio>
#include <string>
#include <string_view>

namespace {

aperto::task<> record(aperto::task<> appended) {
    try {
        co_await appended;
    } catch (const aperto::error& failed) {
        std::fprintf(stderr, "%s\n", failed.what());
    }
}

}  // namespace

int main(int count, char** words) {
    if (count != 2) return 2;
    aperto::journal book({.file = words[1], .durability = aperto::durability::process});
    aperto::options chosen{.host = "127.0.0.1", .port = 0, .workers = 2, .framing = aperto::framing::line};
    aperto::server echo(chosen, [&book](std::string_view message, aperto::exchange& with) {
        with.reply(message);
        aperto::loop::current().spawn(record(book.append(with.remote().to_string(), message, message)));
    });
    echo.start();
    std::printf("{\"event\":\"listening\",\"port\":%u}\n", echo.endpoints().front().port());
    std::fflush(stdout);
    echo.wait();
    return 0;
}
