// SPDX-License-Identifier: MIT
#include "server/worker.hpp"

#include "server/client.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace aperto {
namespace {

void echo(std::string_view message, exchange& with) { with.reply(message); }

class worker_on : public testing::TestWithParam<engine> {};

INSTANTIATE_TEST_SUITE_P(engines, worker_on, testing::Values(engine::uring, engine::epoll),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST_P(worker_on, accepts_on_each_of_its_addresses) {
    std::unique_ptr<loop> on;
    try {
        on = loop::create({.which = GetParam()});
    } catch (const error& refused) {
        GTEST_SKIP() << refused.what();
    }
    server_shared shared({.workers = 1}, &echo);
    shared.settle(surroundings::of_machine(), 1);
    worker one(*on, shared);
    for (int i = 1; i <= 40; ++i)
        shared.doors.own.push_back({endpoint::parse("127.0.0." + std::to_string(i) + ":0")});
    one.listen(port_sharing::exclusive);
    const std::vector<endpoint> where = one.endpoints();
    std::vector<std::string> replies;
    std::thread visitor([&] {
        for (const endpoint& each : where) {
            plain_client client(each);
            const timeval patience{.tv_sec = 1, .tv_usec = 0};
            client.wait_at_most(patience);
            replies.push_back(client.send("x").receive(1));
        }
        shared.stopping = true;
        one.ask_to_stop();
    });
    on->run(one.run());
    visitor.join();
    EXPECT_EQ(replies, std::vector<std::string>(40, "x"));
    EXPECT_EQ(shared.counters().accepted, 40U);
}

}  // namespace
}  // namespace aperto
