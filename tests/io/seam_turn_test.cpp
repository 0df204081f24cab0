// SPDX-License-Identifier: MIT
// A turn ends, whatever is asked of it: timers that are due at once, tasks that go on and on.
#include "aperto/group.hpp"
#include "aperto/sleep.hpp"
#include "io/seam.hpp"

#include <cstdint>
#include <vector>

namespace aperto::seam {
namespace {

using namespace std::chrono_literals;

class turns : public seam_test {};

/// Rests `count` times, each ended by a notice: a turn of the loop at least.
task<> pass_turns(loop& on, int count, bool& passed) {
    for (int i = 0; i < count; ++i) {
        waiting_event next(on);
        on.post([&next, &on] { on.notify(next); });
        co_await next;
    }
    passed = true;
}

TEST_P(turns, a_timer_that_is_due_at_once_waits_for_the_next_turn) {
    bool passed = false;
    int rounds = 0;
    const auto story = [&]() -> task<> {
        on->spawn(pass_turns(*on, 10, passed));
        for (; !passed && rounds < 100'000; ++rounds)
            co_await sleep_until(time_point{});
    };
    on->run(story());
    EXPECT_TRUE(passed);
    EXPECT_LT(rounds, 1000);
    expect_nothing_left();
}

TEST_P(turns, a_timer_may_clear_another_that_is_due_with_it) {
    struct bell : timer {
        explicit bell(loop& at)
            : timer([](timer& due) {
                  auto& self = static_cast<bell&>(due);
                  ++self.rung;
                  self.on.disarm(*self.other);
              }),
              on(at) {}
        loop& on;
        bell* other = nullptr;
        int rung = 0;
    };
    const auto story = [&]() -> task<> {
        bell one(*on);
        bell two(*on);
        one.other = &two;
        two.other = &one;
        on->arm(one, on->now() - 1s);
        on->arm(two, on->now() - 1s);
        co_await sleep(5ms);
        EXPECT_EQ(one.rung + two.rung, 1);
        EXPECT_FALSE(one.armed() || two.armed());
    };
    on->run(story());
    expect_nothing_left();
}

TEST_P(turns, who_yields_lets_what_is_ready_go_first) {
    bool passed = false;
    int rounds = 0;
    const auto story = [&]() -> task<> {
        on->spawn(pass_turns(*on, 10, passed));
        for (; !passed && rounds < 1'000'000; ++rounds)
            co_await yield();
    };
    on->run(story());
    EXPECT_TRUE(passed);
    expect_nothing_left();
}

TEST_P(turns, those_who_yield_take_turns_with_each_other) {
    std::string order;
    const auto work = [&](char name) -> task<> {
        for (int i = 0; i < 50; ++i) {
            order += name;
            co_await yield();
        }
    };
    const auto story = [&]() -> task<> {
        task_group both;
        both.spawn(work('a'));
        both.spawn(work('b'));
        task<> joining = both.join();
        co_await joining;
    };
    on->run(story());
    std::string expected;
    for (int i = 0; i < 50; ++i)
        expected += "ab";
    EXPECT_EQ(order, expected);
    expect_nothing_left();
}

TEST_P(turns, a_yield_in_a_cancelled_scope_throws) {
    int thrown = 0;
    const auto count = [&]() -> task<> {
        try {
            for (;;)
                co_await yield();
        } catch (const cancellation&) {
            ++thrown;
        }
    };
    const auto story = [&]() -> task<> {
        cancel_scope before;
        before.cancel();
        task<> at_once = count().in(before);
        co_await at_once;
        task_group group;
        group.spawn(count());
        bool passed = false;
        task<> meanwhile = pass_turns(*on, 5, passed);
        co_await meanwhile;
        group.cancel();
        task<> joining = group.join();
        co_await joining;
    };
    on->run(story());
    EXPECT_EQ(thrown, 2);
    expect_nothing_left();
}

TEST_P(turns, what_yields_may_be_destroyed) {
    const auto story = [&]() -> task<> {
        const auto work = []() -> abandonable { co_await yield(); };
        {
            const abandonable left = work();
        }
        co_await sleep(1ms);
    };
    on->run(story());
    expect_nothing_left();
}

/// A loop that has nothing to do waits in the kernel, it does not ask again and again.
TEST_P(turns, who_yields_is_served_every_other_turn) {
    std::vector<std::uint64_t> served;
    const auto story = [&]() -> task<> {
        for (int i = 0; i < 50'000; ++i) {
            co_await yield();
            if (served.empty() || served.back() != on->turn()) served.push_back(on->turn());
        }
    };
    on->run(story());
    ASSERT_GT(served.size(), 2U);
    for (std::size_t i = 1; i < served.size(); ++i)
        ASSERT_GE(served[i] - served[i - 1], 2U) << "between two slices a turn is for everybody else";
    expect_nothing_left();
}

TEST_P(turns, a_wait_is_a_wait) {
    std::uint64_t turns_passed = 0;
    const auto story = [&]() -> task<> {
        const std::uint64_t before = on->turn();
        for (int i = 0; i < 10; ++i)
            co_await sleep(20ms);
        turns_passed = on->turn() - before;
    };
    on->run(story());
    // Each sleep: one turn that ends it, and one or two in which a timer far ahead moves down.
    EXPECT_LE(turns_passed, 60U);
    expect_nothing_left();
}

APERTO_ON_EVERY_ENGINE(turns);

TEST(turns_simulated, who_sleeps_for_no_time_for_ever_is_found) {
    sim::world world;
    world.add_host("here").spawn([]() -> task<> {
        for (int i = 0; i < 3'000'000; ++i)
            co_await sleep(0s);
    }());
    try {
        world.run();
        FAIL() << "nobody noticed";
    } catch (const sim::failure& why) {
        EXPECT_NE(std::string(why.what()).find("somebody spins"), std::string::npos) << why.what();
    }
}

TEST(turns_simulated, who_yields_for_ever_is_found) {
    sim::world world;
    world.add_host("here").spawn([]() -> task<> {
        for (int i = 0; i < 30'000'000; ++i)
            co_await yield();
    }());
    try {
        world.run();
        FAIL() << "nobody noticed";
    } catch (const sim::failure& why) {
        EXPECT_NE(std::string(why.what()).find("somebody spins"), std::string::npos) << why.what();
    }
}

}  // namespace
}  // namespace aperto::seam
