// SPDX-License-Identifier: MIT
// Clients whose connection the kernel has completed when the server is told to stop are served: closing the
// listener over them would reset them.
#include "aperto/server.hpp"
#include "server/client.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;

class QueuedClients : public testing::TestWithParam<engine> {};

TEST_P(QueuedClients, AreServedThoughTheServerStops) {
    std::atomic<bool> busy = false;
    std::atomic<bool> go_on = false;
    options chosen{
        .host = "127.0.0.1", .port = 0, .workers = 1, .engine = GetParam(), .framing = framing::line};
    server shop(chosen, [&](std::string_view text) {
        if (text == "wait") {
            busy = true;
            while (!go_on)
                std::this_thread::yield();
        }
        return std::string("<") + std::string(text) + ">";
    });
    try {
        shop.start();
    } catch (const error& refused) {
        GTEST_SKIP() << refused.what();
    }
    const endpoint where = shop.endpoints().front();
    plain_client first(where);
    first.send("wait\n");
    while (!busy)
        std::this_thread::yield();
    // The worker is busy: these are complete for the kernel and for themselves, and wait in its queue.
    std::vector<plain_client> queued;
    for (int i = 0; i < 50; ++i) {
        queued.emplace_back(where);
        ASSERT_TRUE(queued.back().connected());
        queued.back().send("served\n");
    }
    shop.stop();
    go_on = true;
    for (plain_client& each : queued) {
        EXPECT_EQ(each.receive_all(), "<served>\n");
        EXPECT_FALSE(each.was_reset());
        each.close();
    }
    EXPECT_EQ(first.receive_all(), "<wait>\n");
    first.close();
    shop.wait();
    EXPECT_EQ(shop.counters().accepted, 51u);
}

INSTANTIATE_TEST_SUITE_P(engines, QueuedClients, testing::Values(engine::uring, engine::epoll),
                         [](const auto& each) { return std::string(to_string(each.param)); });

}  // namespace
}  // namespace aperto
