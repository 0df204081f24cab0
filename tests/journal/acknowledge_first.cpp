// SPDX-License-Identifier: MIT
// The control of kill_test.py: an echo server that acknowledges a message and records it afterwards, which is the
// mistake that the journal exists to prevent. FILE is its journal. Behind a balancer it has a port of its own, and one more
// on which a GET is answered that it is ready, as aperto's admin endpoint does: `acknowledge_first FILE [PORT ADMIN]`.
#include "aperto/journal.hpp"
#include "aperto/loop.hpp"
#include "aperto/server.hpp"

#include <cstdio>
#include <cstdlib>
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
    if (count != 2 && count != 4) return 2;
    const bool is_balanced = count == 4;
    aperto::journal book({.file = words[1], .durability = aperto::durability::process});
    aperto::options chosen{.host = "127.0.0.1", .port = 0, .workers = 2, .framing = aperto::framing::line};
    aperto::options health{.host = "127.0.0.1", .port = 0, .workers = 1, .framing = aperto::framing::raw};
    if (is_balanced) {
        chosen.port = static_cast<std::uint16_t>(std::atoi(words[2]));
        chosen.proxy_from = {aperto::cidr::parse("127.0.0.0/8")};
        health.port = static_cast<std::uint16_t>(std::atoi(words[3]));
    }
    aperto::server echo(chosen, [&book](std::string_view message, aperto::exchange& with) {
        with.reply(message);
        aperto::loop::current().spawn(record(book.append(with.remote().to_string(), message, message)));
    });
    aperto::server ready(
        health, [](std::string_view) { return std::string("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); });
    echo.start();
    if (is_balanced) ready.start();
    std::printf("{\"event\":\"listening\",\"port\":%u}\n", echo.endpoints().front().port());
    std::fflush(stdout);
    echo.wait();
    return 0;
}
