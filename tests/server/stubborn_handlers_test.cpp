// SPDX-License-Identifier: MIT
// Handlers that do not end when they are told to: the server ends all the same, at its drain deadline.
#include "aperto/group.hpp"
#include "aperto/server.hpp"
#include "aperto/sleep.hpp"
#include "server/client.hpp"
#include "server/foreign_wait.hpp"
#include "server/recorder.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>

namespace aperto {
namespace {

using namespace std::chrono_literals;

/// Counts the handlers whose frames are there.
struct presence {
    explicit presence(std::atomic<int>& of) noexcept : count(of) { ++count; }
    presence(const presence&) = delete;
    presence& operator=(const presence&) = delete;
    ~presence() { --count; }
    std::atomic<int>& count;
};

class stubborn_handlers : public testing::TestWithParam<engine> {
protected:
    /// Starts a server with `handler`, has one client begin, and stops it. How long that took, and the end
    /// that was told, are in `took` and `end`.
    void stop_in_the_middle_of(handler what) {
        options chosen{.host = "127.0.0.1", .port = 0, .workers = 1, .engine = GetParam()};
        chosen.drain_grace = 0ms;
        chosen.drain_deadline = 50ms;
        chosen.events = &seen;
        server serving(chosen, std::move(what));
        serving.start();
        plain_client client(serving.endpoints().front());
        client.send("begin\n").receive(1);
        client.send("go on\n");
        while (present == 0)
            std::this_thread::yield();
        const time_point asked = clock::now();
        serving.stop();
        serving.wait();
        took = clock::now() - asked;
        EXPECT_EQ(serving.connections(), 0U);
        EXPECT_EQ(present, 0) << "no frame of a handler is left";
        EXPECT_EQ(seen.wait_for_ends(1)[0].reason, close_reason::drain);
        EXPECT_LT(took, 5s);
    }

    recorder seen;
    std::atomic<int> present = 0;
    duration took{};
};

INSTANTIATE_TEST_SUITE_P(engines, stubborn_handlers, testing::Values(engine::uring, engine::epoll),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST_P(stubborn_handlers, one_that_tries_again_after_each_error_is_not_kept_from_its_end) {
    std::atomic<int> caught = 0;
    stop_in_the_middle_of([&](stream peer) -> task<> {
        const presence here(present);
        for (;;) {
            try {
                const auto message = co_await peer.read_some();
                if (!message) co_return;
                co_await peer.write(*message);
                co_await sleep(1h);
            } catch (const std::exception&) {
                ++caught;
            }
        }
    });
    EXPECT_EQ(caught, 0);
}

TEST_P(stubborn_handlers, one_that_catches_everything_is_let_go_and_then_destroyed) {
    std::atomic<int> caught = 0;
    stop_in_the_middle_of([&](stream peer) -> task<> {
        const presence here(present);
        co_await peer.write("go on");
        for (;;) {
            try {
                co_await sleep(1h);
            } catch (...) {
                ++caught;
            }
        }
    });
    EXPECT_EQ(caught, 1000) << "the wait that was ended, and those that were refused";
}

TEST_P(stubborn_handlers, one_that_catches_what_a_task_of_its_own_threw_is_let_go_as_well) {
    std::atomic<int> caught = 0;
    const auto pause = []() -> task<> { co_await sleep(1h); };
    stop_in_the_middle_of([&](stream peer) -> task<> {
        const presence here(present);
        co_await peer.write("go on");
        for (;;) {
            try {
                task<> pausing = pause();
                co_await pausing;
            } catch (...) {
                ++caught;
            }
        }
    });
    EXPECT_EQ(caught, 1000);
}

task<bool> try_once() {
    try {
        co_await sleep(1h);
        co_return true;
    } catch (...) {
        co_return false;
    }
}

TEST_P(stubborn_handlers, one_whose_own_task_catches_everything_is_let_go_as_well) {
    stop_in_the_middle_of([&](stream peer) -> task<> {
        const presence here(present);
        co_await peer.write("go on");
        for (bool done = false; !done;) {
            task<bool> trying = try_once();
            done = co_await trying;
        }
    });
}

TEST_P(stubborn_handlers, one_that_waits_for_what_knows_of_no_end_is_destroyed) {
    stop_in_the_middle_of([&](stream peer) -> task<> {
        const presence here(present);
        co_await peer.write("go on");
        const foreign_wait endless;
        co_await endless;
    });
}

TEST_P(stubborn_handlers, the_tasks_of_a_group_that_is_joined_go_with_it) {
    const auto wait = [&]() -> task<> {
        const presence here(present);
        const foreign_wait endless;
        co_await endless;
    };
    stop_in_the_middle_of([&](stream peer) -> task<> {
        const presence here(present);
        task_group both;
        both.spawn(wait());
        both.spawn(wait());
        co_await peer.write("go on");
        task<> joining = both.join();
        co_await joining;
    });
}

TEST_P(stubborn_handlers, answers_that_never_come_go_with_their_conversation) {
    stop_in_the_middle_of([&](std::string_view message, exchange& with) -> task<> {
        const presence here(present);
        with.reply(message);
        if (message == "begin\n") co_return;
        const foreign_wait endless;
        co_await endless;
    });
}

}  // namespace
}  // namespace aperto
