// SPDX-License-Identifier: MIT
// event, semaphore and queue: what tasks wait for that is no socket.
#include "aperto/event.hpp"
#include "aperto/group.hpp"
#include "aperto/loop_handle.hpp"
#include "aperto/queue.hpp"
#include "aperto/semaphore.hpp"
#include "aperto/sleep.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;

class waiting : public testing::Test {
protected:
    std::unique_ptr<loop> on = loop::create({.which = engine::epoll});
    std::string told;

    task<> wait_for(event& what, std::string name) {
        try {
            const bool happened = co_await what.wait();
            told += name + (happened ? " " : " late ");
        } catch (const cancellation&) {
            told += name + " cancelled ";
            throw;
        } catch (const error&) {
            told += name + " failed ";
            throw;
        }
    }
    task<> hold(semaphore& of, std::string name, duration how_long) {
        const semaphore::permit permit = co_await of.acquire();
        told += name + " has it, ";
        co_await sleep(how_long);
        told += name + " gives it back, ";
    }
    task<> take_all(queue<int>& from) {
        while (const std::optional<int> value = co_await from.pop())
            told += std::to_string(*value) + " ";
        told += "end";
    }
};

TEST_F(waiting, an_event_lets_all_go_on_who_wait_and_who_come_while_it_is_set) {
    event ready;
    on->spawn(wait_for(ready, "one"));
    on->spawn(wait_for(ready, "two"));
    const auto story = [&]() -> task<> {
        co_await sleep(1ms);
        EXPECT_EQ(told, "");
        ready.set();
        ready.reset();  // who waited before goes on in spite of it
        co_await sleep(0ms);
        EXPECT_EQ(told, "one two ");
        const bool happened = co_await ready.wait(1ms);
        EXPECT_FALSE(happened);
        ready.set();
        co_await wait_for(ready, "three");
        EXPECT_EQ(told, "one two three ");
    };
    on->run(story());
}

TEST_F(waiting, a_notice_lets_those_go_on_who_wait_now_and_is_not_kept) {
    event changed;
    const auto story = [&]() -> task<> {
        changed.notify_all();
        const bool happened = co_await changed.wait(1ms);
        EXPECT_FALSE(happened);
        on->spawn(wait_for(changed, "one"));
        changed.notify_all();
        co_await sleep(0ms);
        EXPECT_EQ(told, "one ");
        EXPECT_FALSE(changed.is_set());
    };
    on->run(story());
}

TEST_F(waiting, a_wait_for_an_event_ends_with_its_scope) {
    event never;
    const auto story = [&]() -> task<> {
        cancel_scope scope;
        on->spawn(wait_for(never, "one"), &scope);
        scope.cancel();
        never.set();  // the cancel was first
        co_await sleep(0ms);
        EXPECT_EQ(told, "one cancelled ");
        on->spawn(wait_for(never, "two"), &scope);  // a cancelled scope: set or not
        EXPECT_EQ(told, "one cancelled two cancelled ");
    };
    on->run(story());
    EXPECT_EQ(on->count().timers, 0U);
}

TEST_F(waiting, permits_go_to_who_came_first_and_come_back) {
    semaphore two(2);
    const auto story = [&]() -> task<> {
        task_group all;
        all.spawn(hold(two, "a", 1ms));
        all.spawn(hold(two, "b", 20ms));
        all.spawn(hold(two, "c", 1ms));
        EXPECT_EQ(told, "a has it, b has it, ");
        EXPECT_EQ(two.available(), 0U);
        EXPECT_FALSE(two.try_acquire());
        EXPECT_THROW(static_cast<void>(co_await two.acquire(0ms)), error);
        co_await all.join();
    };
    on->run(story());
    EXPECT_EQ(told, "a has it, b has it, a gives it back, c has it, c gives it back, b gives it back, ");
    EXPECT_EQ(two.available(), 2U);
}

TEST_F(waiting, a_permit_is_not_lost_with_who_did_not_live_to_take_it) {
    semaphore one(1);
    {
        auto dying = loop::create({.which = engine::epoll});
        const auto story = [&]() -> task<> {
            semaphore::permit mine = co_await one.acquire();
            loop::current().spawn(hold(one, "never", 1ms));
            mine = {};  // it has its permit now, and its loop ends before it goes on
            loop::current().stop();
            co_await sleep(forever);
        };
        EXPECT_THROW(dying->run(story()), error);
    }
    EXPECT_EQ(told, "");
    EXPECT_EQ(one.available(), 1U);
}

TEST_F(waiting, values_come_out_in_order_and_the_end_of_the_queue_after_them) {
    queue<int> numbers(3);
    for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(numbers.try_push(i));
    EXPECT_FALSE(numbers.try_push(3));
    const queue_sender<int> sender = numbers.sender();
    const auto story = [&]() -> task<> {
        task_group both;
        both.spawn(take_all(numbers));
        for (int i = 3; i < 10; ++i) {
            const bool taken = co_await sender.push(i);
            EXPECT_TRUE(taken);
        }
        numbers.close();
        EXPECT_FALSE(sender.try_push(10));
        const bool taken = co_await sender.push(10);
        EXPECT_FALSE(taken);
        co_await both.join();
    };
    on->run(story());
    EXPECT_EQ(told, "0 1 2 3 4 5 6 7 8 9 end");
}

TEST_F(waiting, who_puts_in_waits_for_room_and_no_longer_than_he_likes) {
    queue<int> numbers(1);
    const auto story = [&]() -> task<> {
        co_await numbers.push(1);
        EXPECT_THROW(static_cast<void>(co_await numbers.push(2, 1ms)), error);
        task_group writer;
        writer.spawn([](queue<int>& into) -> task<> { co_await into.push(3); }(numbers));
        EXPECT_EQ(numbers.size(), 1U);
        const std::optional<int> first = co_await numbers.pop();
        const std::optional<int> second = co_await numbers.pop();
        EXPECT_EQ(first, 1);
        EXPECT_EQ(second, 3);  // 2 was taken back by who put it in
        EXPECT_THROW(static_cast<void>(co_await numbers.pop(1ms)), error);
        co_await writer.join();
    };
    on->run(story());
}

TEST_F(waiting, a_queue_that_goes_refuses_and_lets_go_those_who_wait) {
    std::string ended;
    const auto story = [&]() -> task<> {
        auto numbers = std::make_unique<queue<int>>(1);
        const queue_sender<int> sender = numbers->sender();
        co_await sender.push(1);
        const auto put = [](queue_sender<int> into, std::string& tell) -> task<> {
            const bool taken = co_await into.push(2);
            tell = taken ? "taken" : "refused";
        };
        task_group writer;
        writer.spawn(put(sender, ended));
        numbers.reset();
        co_await writer.join();
        EXPECT_TRUE(sender.closed());
        EXPECT_FALSE(sender.try_push(3));
    };
    on->run(story());
    EXPECT_EQ(ended, "refused");
}

TEST_F(waiting, a_value_is_not_lost_with_who_did_not_live_to_take_it) {
    queue<int> numbers(4);
    {
        auto dying = loop::create({.which = engine::epoll});
        const auto story = [&]() -> task<> {
            loop::current().spawn(take_all(numbers));
            EXPECT_TRUE(
                numbers.try_push(7));  // given to the one who waits, whose loop ends before it goes on
            EXPECT_EQ(numbers.size(), 0U);
            loop::current().stop();
            co_await sleep(forever);
        };
        EXPECT_THROW(dying->run(story()), error);
    }
    EXPECT_EQ(told, "");
    EXPECT_EQ(numbers.try_pop(), 7);
}

/// Every value once, in the order of each who put in; on other loops' threads and on none.
TEST_F(waiting, values_of_many_threads_all_arrive) {
    constexpr int each = 20'000;
    queue<int> numbers(64);
    std::vector<std::thread> writers;
    for (int writer = 0; writer < 2; ++writer)
        writers.emplace_back([sender = numbers.sender(), writer] {
            const auto put = [](queue_sender<int> into, int whose) -> task<> {
                for (int i = 0; i < each; ++i)
                    EXPECT_TRUE(co_await into.push(i * 4 + whose));
            };
            loop::create({.which = engine::epoll})->run(put(sender, writer));
        });
    writers.emplace_back([sender = numbers.sender()] {
        for (int i = 0; i < each; ++i)
            while (!sender.try_push(i * 4 + 2))
                std::this_thread::yield();
    });
    const auto story = [&]() -> task<> {
        std::vector<int> next(3);
        for (int i = 0; i < 3 * each; ++i) {
            const std::optional<int> value = co_await numbers.pop();
            EXPECT_TRUE(value.has_value());
            if (!value) co_return;
            const auto whose = static_cast<std::size_t>(*value % 4);
            EXPECT_EQ(*value / 4, next.at(whose)++);
        }
        EXPECT_EQ(numbers.try_pop(), std::nullopt);
    };
    on->run(story());
    for (std::thread& writer : writers)
        writer.join();
}

TEST_F(waiting, a_handle_outlives_its_loop_and_says_so) {
    const loop_handle home = on->handle();
    std::atomic<int> ran = 0;
    const auto note = [](std::atomic<int>& count) -> task<> {
        co_await sleep(0ms);
        ++count;
    };
    std::thread other([&] {
        EXPECT_TRUE(home.post([&] { ++ran; }));
        EXPECT_TRUE(home.spawn(note(ran)));
    });
    const auto story = [&]() -> task<> {
        while (ran < 2)
            co_await sleep(1ms);
    };
    on->run(story());
    other.join();
    EXPECT_EQ(ran, 2);
    on.reset();
    EXPECT_FALSE(home.post([&] { ++ran; }));
    EXPECT_FALSE(home.spawn(note(ran)));
    EXPECT_EQ(ran, 2);
}

}  // namespace
}  // namespace aperto
