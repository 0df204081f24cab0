// SPDX-License-Identifier: MIT
// examples/store, in simulated time: commands come in any pieces, and what is to expire does.
#include "../examples/store.hpp"

#include "aperto/sim.hpp"
#include "aperto/sleep.hpp"

#include <gtest/gtest.h>

namespace aperto {
namespace {

using namespace std::chrono_literals;

std::string command(std::vector<std::string> said) {
    std::string out = "*" + std::to_string(said.size()) + "\r\n";
    for (const std::string& each : said)
        out += store::bulk(each);
    return out;
}

std::string first_commands(const std::string& large) {
    return command({"SET", "a", large}) + command({"EXPIRE", "a", "10"}) + command({"LPUSH", "l", "1", "2"}) +
           command({"GET", "a"});
}

std::string second_commands() { return command({"GET", "a"}) + command({"LRANGE", "l", "0", "-1"}); }

task<> customer(sim::world& world, server& shop) {
    task<stream> connecting = connect("office:6379");
    stream peer = co_await connecting;
    const std::string large(20'000, 'x');
    const std::string first = first_commands(large);
    co_await peer.write(first);
    const std::string expected = "+OK\r\n:1\r\n:2\r\n" + store::bulk(large);
    const auto before = co_await peer.read_exactly(expected.size());
    world.expect(before == expected, "each command has its answer, in order");
    co_await sleep(11s);
    const std::string second = second_commands();
    co_await peer.write(second);
    const auto after = co_await peer.read_exactly(23);
    world.expect(after == "$-1\r\n*2\r\n$1\r\n2\r\n$1\r\n1\r\n",
                 "what has expired is gone, and nothing else");
    task<> closing = peer.close();
    co_await closing;
    shop.stop();
}

TEST(Store, AnswersInOrderAndForgetsWhatHasExpired) {
    for (const engine which : {engine::uring, engine::epoll}) {
        EXPECT_TRUE(sim::check({.seeds = 200}, [which](sim::world& world) {
            sim::host& office = world.add_host("office", {.engine = which});
            sim::host& laptop = world.add_host("laptop");
            store::table kept;
            server shop({.host = "office", .port = 6379, .finder = store::find_command},
                        [&kept](std::string_view command) { return kept.answer(command); });
            office.spawn(shop.run_on(office.loop()));
            laptop.spawn(customer(world, shop));
            world.run();
        }));
    }
}

}  // namespace
}  // namespace aperto
