// SPDX-License-Identifier: MIT
// TLS on the engines' own code in simulated weather: bytes in pieces of any size, late, in small windows. The
// randomness of OpenSSL changes no sizes, so that a seed gives the same schedule each time.
#include "aperto/sim.hpp"

#include "aperto/client.hpp"
#include "aperto/server.hpp"
#include "aperto/sleep.hpp"
#include "tls/both_sides.hpp"

namespace aperto::tls {
namespace {

std::string said(std::uint64_t which, std::size_t size) {
    std::string text(size, ' ');
    for (std::size_t i = 0; i < size; ++i)
        text[i] = static_cast<char>('a' + (which + i) % 26);
    return text;
}

task<> talk(sim::world& world, const aperto::client_options& how, std::size_t& answered) {
    task<stream> connecting = connect("office:9999", how);
    stream peer = co_await connecting;
    const std::uint64_t messages = 1 + world.random() % 4;
    for (std::uint64_t i = 0; i < messages; ++i) {
        const std::string text = said(i, world.random() % 60'000);
        co_await peer.write_message(text);
        const auto reply = co_await peer.read_message();
        if (!reply || *reply != text) throw std::runtime_error("a reply is not what was said");
    }
    task<> closing = peer.close();
    co_await closing;
    ++answered;
}

task<> stop_when(aperto::server& running, const std::size_t& answered, std::size_t all) {
    while (answered < all)
        co_await sleep(std::chrono::milliseconds(10));
    running.stop();
}

TEST(simulated, sessions_are_whole_in_every_weather) {
    const both_sides sides[2]{both_sides(false), both_sides(true)};
    std::uint64_t worlds = 0;
    sim::check({.seeds = 150}, [&](sim::world& world) {
        const both_sides& by = sides[world.random() % 2];
        const engine which = world.random() % 2 == 0 ? engine::uring : engine::epoll;
        const auto buffer = [&] { return static_cast<std::uint32_t>(1024 + world.random() % 60'000); };
        sim::host& office =
            world.add_host("office", {.send_buffer = buffer(), .receive_buffer = buffer(), .engine = which});
        sim::host& laptop =
            world.add_host("laptop", {.send_buffer = buffer(), .receive_buffer = buffer(), .engine = which});
        aperto::server echo({.host = "office", .framing = framing::length, .transport = by.server},
                            [](std::string_view text) { return std::string(text); });
        aperto::client_options how{.connect_timeout = std::chrono::seconds(60)};
        how.stream.framing = framing::length;
        how.stream.transport = by.client;
        constexpr std::size_t clients = 3;
        std::size_t answered = 0;
        office.spawn(echo.run_on(office.loop()));
        for (std::size_t i = 0; i < clients; ++i)
            laptop.spawn(talk(world, how, answered));
        laptop.spawn(stop_when(echo, answered, clients));
        world.run();
        EXPECT_EQ(answered, clients);
        ++worlds;
    });
    EXPECT_GE(worlds, 150U);
    EXPECT_EQ(sides[0].server->counters().failed + sides[1].server->counters().failed, 0U);
}

/// Says one message, and then the next byte by byte, each within the time in which the silent are ended.
task<> drip(const context& by, bool& ended) {
    const auto sealed = by.open("localhost");
    task<stream> connecting = connect("office:9999");
    stream peer = co_await connecting;
    std::string wire;
    std::string heard;
    EXPECT_FALSE(sealed->begin(wire));
    while (!sealed->is_open()) {
        co_await peer.write(std::exchange(wire, {}));
        const auto piece = co_await peer.read_some();
        if (!piece || sealed->unseal(*piece, heard, wire)) throw std::runtime_error("no handshake");
    }
    EXPECT_FALSE(sealed->seal(std::string("\0\0\0\3one", 7), wire));
    co_await peer.write(std::exchange(wire, {}));
    EXPECT_FALSE(sealed->seal(std::string(2000, 'x'), wire));
    try {
        for (const char each : wire) {
            co_await peer.write({&each, 1});
            co_await sleep(std::chrono::seconds(5));
        }
    } catch (const error&) {
        ended = true;
    }
}

TEST(simulated, a_record_by_the_byte_is_held_to_the_deadline_of_a_message) {
    const both_sides sides[2]{both_sides(false), both_sides(true)};
    sim::check({.seeds = 40}, [&](sim::world& world) {
        const both_sides& by = sides[world.random() % 2];
        const engine which = world.random() % 2 == 0 ? engine::uring : engine::epoll;
        sim::host& office = world.add_host("office", {.engine = which});
        sim::host& laptop = world.add_host("laptop", {.engine = which});
        aperto::server echo({.host = "office",
                             .framing = framing::length,
                             .idle_timeout = std::chrono::seconds(20),
                             .message_deadline = std::chrono::seconds(60),
                             .transport = by.server},
                            [](std::string_view text) { return std::string(text); });
        bool ended = false;
        office.spawn(echo.run_on(office.loop()));
        laptop.spawn([](const context& with, bool& done, aperto::server& of) -> task<> {
            task<> dripping = drip(with, done);
            co_await dripping;
            of.stop();
        }(*by.client, ended, echo));
        world.run();
        EXPECT_TRUE(ended);
        EXPECT_EQ(echo.counters().of(limit::message_deadline), 1U);
    });
}

}  // namespace
}  // namespace aperto::tls
