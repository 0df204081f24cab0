// SPDX-License-Identifier: MIT
// The control of kill_test.py: an echo server that acknowledges a message and records it afterwards, which is the
// mistake that the journal exists to prevent. FILE is its journal. Behind a balancer it has a port of its own, and one more
// on which a GET is answered that it is ready, as aperto's admin endpoint does: `acknowledge_first FILE [PORT ADMIN]`.
#include "aperto/journal.hpp"
#include "aperto/loop.hpp"
#include "aperto/server.hpp"
#include "aperto/sleep.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace {

aperto::task<> record(aperto::journal& book, std::string from, std::string message, aperto::duration later) {
    try {
        co_await aperto::sleep(later);
        co_await book.append(from, message, message);
    } catch (const aperto::error& failed) {
        std::fprintf(stderr, "%s\n", failed.what());
    }
}

/// As `aperto serve`: for a moment a port may be held by what the kernel ends of one that was killed.
std::unique_ptr<aperto::server> started(const aperto::options& chosen, const aperto::handler& what) {
    const auto until = aperto::clock::now() + std::chrono::seconds(5);
    for (;;) {
        auto one = std::make_unique<aperto::server>(chosen, what);
        try {
            one->start();
            return one;
        } catch (const aperto::error& failed) {
            if (failed.code() != std::errc::address_in_use || aperto::clock::now() > until) throw;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
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
    // Behind a balancer each has a few messages a second: it takes a disk that is as slow as some are.
    const aperto::duration later = is_balanced ? std::chrono::milliseconds(20) : aperto::duration::zero();
    const auto echo = started(chosen, [&book, later](std::string_view message, aperto::exchange& with) {
        with.reply(message);
        aperto::loop::current().spawn(record(book, with.remote().to_string(), std::string(message), later));
    });
    const auto ready = started(
        health, [](std::string_view) { return std::string("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); });
    std::printf("{\"event\":\"listening\",\"port\":%u}\n", echo->endpoints().front().port());
    std::fflush(stdout);
    echo->wait();
    return 0;
}
