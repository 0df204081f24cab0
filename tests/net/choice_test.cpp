// SPDX-License-Identifier: MIT
// Waiting for several things at once, or for one not too long: on what streams, queues and tasks give.
#include "aperto/choice.hpp"

#include "aperto/event.hpp"
#include "aperto/queue.hpp"
#include "aperto/semaphore.hpp"
#include "aperto/sleep.hpp"
#include "net/duet.hpp"

#include <tuple>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using namespace duet;

class Choice : public StreamTest {};
INSTANTIATE_TEST_SUITE_P(Engines, Choice, testing::Values(engine::uring, engine::epoll), engine_name);

task<int> number(int value, duration after) {
    co_await sleep(after);
    co_return value;
}

task<> fail(duration after) {
    co_await sleep(after);
    throw error(errc::malformed, "do it");
}

TEST_P(Choice, ALimitOnARead) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        both.peer.send("one\ntw");
        const auto one = co_await with_timeout(5s, both.ours.read_line());
        EXPECT_EQ(one, "one");
        const auto late = [](stream& from) -> task<> {
            const auto line = co_await with_timeout(5ms, from.read_line());
            ADD_FAILURE() << line.value_or("the end");
        };
        task<std::error_code> waiting = failure_of(late(both.ours));
        EXPECT_EQ(co_await waiting, errc::deadline);
        both.peer.send("o\n");
        const auto two = co_await with_timeout(5s, both.ours.read_line());
        EXPECT_EQ(two, "two") << "who came late has taken nothing";
    };
    play(story());
}

TEST_P(Choice, ALimitOnWhateverCanBeAwaited) {
    const auto story = []() -> task<> {
        event never;
        semaphore none(0);
        queue<int> empty(1);
        const auto is_late = [](auto& make) -> task<> {
            static_cast<void>(co_await with_timeout(1ms, make()));
        };
        auto on_event = [&never] { return never.wait(); };
        auto on_permit = [&none] { return none.acquire(); };
        auto on_value = [&empty] { return empty.pop(); };
        auto on_sleep = [] { return sleep(1h); };
        auto on_task = [] { return number(1, 1h); };
        task<std::error_code> one = failure_of(is_late(on_event));
        EXPECT_EQ(co_await one, errc::deadline);
        task<std::error_code> two = failure_of(is_late(on_permit));
        EXPECT_EQ(co_await two, errc::deadline);
        task<std::error_code> three = failure_of(is_late(on_value));
        EXPECT_EQ(co_await three, errc::deadline);
        task<std::error_code> four = failure_of(is_late(on_sleep));
        EXPECT_EQ(co_await four, errc::deadline);
        task<std::error_code> five = failure_of(is_late(on_task));
        EXPECT_EQ(co_await five, errc::deadline);
        const int seven = co_await with_timeout(5s, number(7, 1ms));
        EXPECT_EQ(seven, 7);
    };
    play(story());
}

TEST_P(Choice, AllOfThem) {
    const auto story = []() -> task<> {
        const auto [three, four, nothing] = co_await all(number(3, 2ms), number(4, 1ms), sleep(1ms));
        EXPECT_EQ(three, 3);
        EXPECT_EQ(four, 4);
        EXPECT_EQ(nothing, std::monostate());
        const time_point before = loop::current().now();
        const auto failing = []() -> task<> { co_await all(number(3, 1h), fail(1ms)); };
        task<std::error_code> waiting = failure_of(failing());
        EXPECT_EQ(co_await waiting, errc::malformed);
        EXPECT_LT(loop::current().now() - before, 1min) << "the first failure ends the others";
    };
    play(story());
}

TEST_P(Choice, TheFirstOfThem) {
    const auto story = []() -> task<> {
        const auto [slow, quick] = co_await first(number(3, 1h), number(4, 1ms));
        EXPECT_FALSE(slow);
        EXPECT_EQ(quick, 4);
        const auto failing = []() -> task<> { co_await first(number(3, 1h), fail(1ms)); };
        task<std::error_code> waiting = failure_of(failing());
        EXPECT_EQ(co_await waiting, errc::malformed);
    };
    play(story());
}

TEST_P(Choice, LosesNothingThatCameInTheSameMoment) {
    const auto story = []() -> task<> {
        constexpr int rounds = 200;
        task<pair> meeting = meet();
        pair both = co_await meeting;
        queue<int> inbox(rounds);
        int lines = 0;
        int news = 0;
        for (int i = 0; i < rounds; ++i) {
            both.peer.send("x\n");
            EXPECT_TRUE(inbox.try_push(i));
        }
        while (lines < rounds || news < rounds) {
            const auto [line, number_of_news] = co_await first(both.ours.read_line(), inbox.pop());
            EXPECT_TRUE(line || number_of_news);
            if (line) {
                EXPECT_EQ(*line, "x");
                ++lines;
            }
            if (number_of_news) {
                EXPECT_EQ(*number_of_news, news);
                ++news;
            }
        }
        EXPECT_EQ(lines, rounds);
        EXPECT_EQ(news, rounds);
    };
    play(story());
}

TEST_P(Choice, TheOneThatAlwaysEndsAtOnceLetsTheOtherHaveItsTurn) {
    const auto story = []() -> task<> {
        queue<int> full(1);
        queue<int> rare(1);
        int turns_until = 0;
        EXPECT_TRUE(rare.try_push(1));
        for (bool came = false; !came && turns_until < 10; ++turns_until) {
            full.try_push(0);
            const auto [often, seldom] = co_await first(full.pop(), rare.pop());
            EXPECT_TRUE(often);
            came = seldom.has_value();
        }
        EXPECT_EQ(turns_until, 1);
    };
    play(story());
}

TEST_P(Choice, EndsWithItsScope) {
    const auto story = []() -> task<> {
        task_group group;
        bool told = false;
        group.spawn([](bool& cancelled) -> task<> {
            try {
                co_await first(number(1, 1h), number(2, 1h));
            } catch (const cancellation&) {
                cancelled = true;
            }
        }(told));
        group.cancel();
        task<> joining = group.join();
        co_await joining;
        EXPECT_TRUE(told);
    };
    play(story());
}

}  // namespace
}  // namespace aperto
