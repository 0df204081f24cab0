// SPDX-License-Identifier: MIT
// examples/chat, in simulated time: on each engine, with pieces, delays and losses as the seed likes.
#include "../examples/chat.hpp"

#include "aperto/sim.hpp"
#include "aperto/sleep.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;

constexpr int talkers = 4;
constexpr int lines_of_each = 10;

std::string line_of(int who, int number) { return std::to_string(who) + ": line " + std::to_string(number); }

/// Says its lines, and reads until all have said theirs; what is read of each must be in order.
task<> talk(sim::world& world, int who, int& left) {
    task<stream> connecting = connect("office:9999");
    stream peer = co_await connecting;
    co_await peer.write(std::to_string(who) + "\n");
    co_await sleep(20s);  // whatever the network loses, all are there by then, and hear all
    for (int number = 0; number < lines_of_each; ++number)
        co_await peer.write("line " + std::to_string(number) + "\n");
    std::vector<int> heard(talkers, 0);
    for (int all = 0; all < talkers * lines_of_each;) {
        const auto line = co_await peer.read_line();
        world.expect(line.has_value(), "nobody is sent away");
        if (line->starts_with("*")) continue;
        const int from = (*line)[0] - '0';
        world.expect(*line == line_of(from, heard[static_cast<std::size_t>(from)]++),
                     "each line once, in order");
        ++all;
    }
    --left;
    task<> closing = peer.close();
    co_await closing;
}

task<> stop_when_all_have_left(server& chat_server, const int& left) {
    while (left > 0)
        co_await sleep(100ms);
    chat_server.stop();
}

TEST(Chat, EverybodyHearsEverybodyInOrder) {
    for (const engine which : {engine::uring, engine::epoll}) {
        EXPECT_TRUE(sim::check({.seeds = 100}, [which](sim::world& world) {
            sim::host& office = world.add_host("office", {.engine = which});
            sim::host& laptop = world.add_host("laptop");
            chat_room room(1000);
            server chat_server({.host = "office"},
                               [&room](stream peer) { return chat(std::move(peer), room); });
            office.spawn(chat_server.run_on(office.loop()));
            int left = talkers;
            for (int who = 0; who < talkers; ++who)
                laptop.spawn(talk(world, who, left));
            laptop.spawn(stop_when_all_have_left(chat_server, left));
            world.run();
        }));
    }
}

}  // namespace
}  // namespace aperto
