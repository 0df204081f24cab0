// SPDX-License-Identifier: MIT
// examples/proxy, in simulated time, on each engine. Where a stream ends in order on one side, all of it has come
// from the other; where connections break, who is cut off is told so.
#include "../examples/proxy.hpp"

#include "aperto/sim.hpp"
#include "aperto/sleep.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using mischief = sim::check_options::mischief;

constexpr int clients = 4;

/// Of each client other bytes, and more of them than fit into all buffers on the way.
std::string text_of(int client, std::size_t size) {
    std::string text;
    for (std::size_t at = 0; text.size() < size; ++at)
        text += std::to_string(client) + " has said " + std::to_string(at) + ", ";
    return text;
}

struct meeting {
    sim::world& world;
    bool may_break;
    int left = clients;
};

task<> say(stream& to, const std::string& text) {
    co_await to.write(text);
    co_await to.shutdown_write();
}

task<std::string> read_to_the_end(stream& from) {
    std::string all;
    while (const auto some = co_await from.read_some())
        all += *some;
    co_return all;
}

/// Answers with capitals as they come, to the end of what it reads.
task<> answer(stream peer) {
    try {
        while (const auto some = co_await peer.read_some()) {
            const std::string capitals = to_upper(*some);
            co_await peer.write(capitals);
        }
    } catch (const error&) {
        peer.abort();  // else it would end in order, and in the middle
        throw;
    }
}

task<> ask(meeting& at, int client) {
    task<stream> connecting = connect("middle:9999");
    stream peer = co_await connecting;
    const std::string text = text_of(client, 60'000);
    const auto [said, read] = co_await all(say(peer, text), read_to_the_end(peer));
    at.world.expect(read == to_upper(text), "an end in order is the end of all of it");
}

task<> customer(meeting& at, int client) {
    try {
        task<> asking = ask(at, client);
        co_await asking;
    } catch (const error& broken) {
        at.world.expect(at.may_break, broken.what());
    }
    --at.left;
}

task<> stop_when_all_have_left(const meeting& at, server& middle, server& behind) {
    while (at.left > 0)
        co_await sleep(100ms);
    middle.stop();
    behind.stop();
}

bool all_of_it_comes(engine which, mischief chance) {
    return bool(sim::check({.seeds = 100, .chance = chance}, [which, chance](sim::world& world) {
        const sim::host_options small{.send_buffer = 8192, .receive_buffer = 8192, .engine = which};
        sim::host& office = world.add_host("office", small);
        sim::host& middle = world.add_host("middle", small);
        sim::host& home = world.add_host("home", small);
        const std::string upstream = "office:9000";
        server behind({.host = "office", .port = 9000}, answer);
        server proxy({.host = "middle"}, [&](stream client) { return relay(std::move(client), upstream); });
        office.spawn(behind.run_on(office.loop()));
        middle.spawn(proxy.run_on(middle.loop()));
        meeting at{.world = world, .may_break = chance == mischief::breaking};
        for (int client = 0; client < clients; ++client)
            home.spawn(customer(at, client));
        home.spawn(stop_when_all_have_left(at, proxy, behind));
        world.run();
    }));
}

TEST(Proxy, AllOfItComesBothWays) {
    EXPECT_TRUE(all_of_it_comes(engine::uring, mischief::harmless));
    EXPECT_TRUE(all_of_it_comes(engine::epoll, mischief::harmless));
}

TEST(Proxy, WhoIsCutOffIsToldSo) {
    EXPECT_TRUE(all_of_it_comes(engine::uring, mischief::breaking));
    EXPECT_TRUE(all_of_it_comes(engine::epoll, mischief::breaking));
}

}  // namespace
}  // namespace aperto
