// SPDX-License-Identifier: MIT
// What runs beside the conversations: begun before them, told to end, waited for, and ended at the deadline.
#include "aperto/background.hpp"

#include "aperto/server.hpp"
#include "aperto/sleep.hpp"
#include "server/client.hpp"
#include "server/foreign_wait.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

namespace aperto {
namespace {

using namespace std::chrono_literals;

std::string same(std::string_view message) { return std::string(message); }

class background_on : public testing::TestWithParam<engine> {
protected:
    options basic(std::function<task<>(background&)> beside) {
        options chosen{.host = "127.0.0.1", .port = 0, .workers = 1, .engine = GetParam()};
        chosen.drain_grace = 0ms;
        chosen.drain_deadline = 50ms;
        chosen.background = std::move(beside);
        return chosen;
    }
};

INSTANTIATE_TEST_SUITE_P(engines, background_on, testing::Values(engine::uring, engine::epoll),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST_P(background_on, each_worker_has_one_that_runs_until_the_server_stops) {
    std::mutex guard;
    std::multiset<unsigned> begun;
    std::multiset<unsigned> ended;
    options chosen = basic([&](background& here) -> task<> {
        {
            const std::lock_guard lock(guard);
            begun.insert(here.index());
        }
        bool over = false;
        while (!over)
            over = co_await here.stopping(1ms);
        EXPECT_TRUE(here.is_stopping());
        const std::lock_guard lock(guard);
        ended.insert(here.index());
    });
    chosen.workers = 3;
    server serving(chosen, same);
    serving.start();
    serving.stop();
    serving.wait();
    EXPECT_EQ(begun, (std::multiset<unsigned>{0, 1, 2}));
    EXPECT_EQ(ended, (std::multiset<unsigned>{0, 1, 2}));
}

// Not within the test: another thread's would not be made there.
thread_local std::string greeting;

TEST_P(background_on, what_it_leaves_is_there_for_the_first_conversation) {
    server serving(basic([](background& here) -> task<> {
                       greeting = "hello ";
                       co_await here.stopping();
                       greeting.clear();
                   }),
                   [](std::string_view name) { return greeting + std::string(name); });
    serving.start();
    plain_client client(serving.endpoints().front());
    EXPECT_EQ(client.send("Ana").receive(9), "hello Ana");
}

TEST_P(background_on, its_last_work_is_waited_for_until_the_deadline) {
    bool done = false;
    options chosen = basic([&](background& here) -> task<> {
        co_await here.stopping();
        co_await sleep(20ms);
        done = true;
    });
    chosen.drain_deadline = 10s;
    server serving(chosen, same);
    serving.start();
    const time_point asked = clock::now();
    serving.stop();
    serving.wait();
    EXPECT_TRUE(done);
    EXPECT_LT(clock::now() - asked, 5s);
}

TEST_P(background_on, at_the_deadline_it_is_cancelled) {
    bool told = false;
    server serving(basic([&](background&) -> task<> {
                       try {
                           co_await sleep(1h);
                       } catch (const cancellation&) {
                           told = true;
                           throw;
                       }
                   }),
                   same);
    serving.start();
    serving.stop();
    serving.wait();
    EXPECT_TRUE(told);
}

TEST_P(background_on, one_that_knows_of_no_end_is_destroyed) {
    struct at_its_end {
        bool& told;
        ~at_its_end() { told = true; }
    };
    bool gone = false;
    server serving(basic([&](background&) -> task<> {
                       const at_its_end tells{gone};
                       const foreign_wait endless;
                       co_await endless;
                   }),
                   same);
    serving.start();
    serving.stop();
    serving.wait();
    EXPECT_TRUE(gone);
}

TEST_P(background_on, its_failure_ends_the_server_in_order_and_is_thrown_by_wait) {
    std::atomic<bool> fail = false;
    options chosen = basic([&](background& here) -> task<> {
        while (!fail)
            co_await here.stopping(1ms);
        throw std::runtime_error("the pool is dry");
    });
    chosen.workers = 2;
    server serving(chosen, same);
    serving.start();
    plain_client client(serving.endpoints().front());
    EXPECT_EQ(client.send("a").receive(1), "a");
    fail = true;
    EXPECT_EQ(client.receive_all(), "");
    EXPECT_FALSE(client.was_reset()) << "conversations end in order";
    client.close();
    std::string told;
    try {
        serving.wait();
    } catch (const std::runtime_error& why) {
        told = why.what();
    }
    EXPECT_EQ(told, "the pool is dry");
}

}  // namespace
}  // namespace aperto
