// SPDX-License-Identifier: MIT
#include "aperto/broadcast.hpp"

#include "aperto/group.hpp"
#include "aperto/sleep.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;

std::vector<int> all_of(broadcast<int>::subscription& from) {
    std::vector<int> values;
    while (const auto value = from.try_pop())
        values.push_back(*value);
    return values;
}

TEST(broadcast, each_subscriber_has_each_value_from_its_beginning_on) {
    broadcast<int> news(10);
    auto one = news.subscribe();
    news.publish(1);
    auto two = news.subscribe();
    news.publish(2);
    EXPECT_EQ(news.subscribers(), 2U);
    EXPECT_EQ(all_of(one), (std::vector{1, 2}));
    EXPECT_EQ(all_of(two), (std::vector{2}));
    {
        const auto three = news.subscribe();
    }
    EXPECT_EQ(news.subscribers(), 2U);
}

TEST(broadcast, who_is_slow_misses_the_oldest_and_can_tell_how_many) {
    broadcast<int> news(3);
    auto slow = news.subscribe();
    auto quick = news.subscribe();
    std::vector<int> heard;
    for (int i = 0; i < 10; ++i) {
        news.publish(i);
        heard.push_back(quick.try_pop().value_or(-1));
    }
    EXPECT_EQ(all_of(slow), (std::vector{7, 8, 9}));
    EXPECT_EQ(slow.missed(), 7U);
    EXPECT_EQ(heard, (std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    EXPECT_EQ(quick.missed(), 0U);
}

TEST(broadcast, or_is_subscribed_no_more) {
    broadcast<int> news(2, when_slow::disconnect);
    auto slow = news.subscribe();
    for (int i = 0; i < 5; ++i)
        news.publish(i);
    EXPECT_EQ(news.subscribers(), 0U);
    EXPECT_EQ(all_of(slow), (std::vector{0, 1}));
    EXPECT_EQ(slow.missed(), 1U);
    const auto on = loop::create({.which = engine::epoll});
    const auto end =
        on->run([](auto& from) -> task<std::optional<int>> { co_return co_await from.pop(); }(slow));
    EXPECT_FALSE(end);
}

TEST(broadcast, who_publishes_patiently_waits_for_the_slow) {
    const auto on = loop::create({.which = engine::epoll});
    const auto story = []() -> task<> {
        broadcast<int> news(1);
        auto slow = news.subscribe();
        std::vector<int> heard;
        task_group group;
        group.spawn([](auto& from, auto& into) -> task<> {
            for (int i = 0; i < 5; ++i) {
                co_await sleep(1ms);
                const auto value = co_await from.pop();
                into.push_back(value.value_or(-1));
            }
        }(slow, heard));
        for (int i = 0; i < 5; ++i) {
            task<> publishing = news.publish_patiently(i);
            co_await publishing;
        }
        task<> joining = group.join();
        co_await joining;
        EXPECT_EQ(heard, (std::vector{0, 1, 2, 3, 4}));
        EXPECT_EQ(slow.missed(), 0U);
        news.publish(1);
        task<> in_time = news.publish_patiently(2, 1ms);
        co_await in_time;
        EXPECT_EQ(slow.try_pop(), 2) << "and no longer than one likes";
        EXPECT_EQ(slow.missed(), 1U);
    };
    on->run(story());
}

TEST(broadcast, goes_before_its_subscriptions_or_after_them) {
    auto news = std::make_unique<broadcast<std::string>>(3);
    auto heard = news->subscribe();
    auto moved = std::move(heard);
    news->publish("last");
    news.reset();
    EXPECT_EQ(moved.try_pop(), "last");
    const auto on = loop::create({.which = engine::epoll});
    const auto end =
        on->run([](auto& from) -> task<std::optional<std::string>> { co_return co_await from.pop(); }(moved));
    EXPECT_FALSE(end);
}

TEST(broadcast, a_copy_that_fails_takes_nobody_s_subscription) {
    struct fragile {
        explicit fragile(int of) : number(of) {}
        fragile(const fragile& other) : number(other.number) {
            if (number == 13) throw std::bad_alloc();
        }
        fragile(fragile&&) = default;
        fragile& operator=(const fragile&) = default;
        fragile& operator=(fragile&&) = default;
        int number;
    };
    broadcast<fragile> news(10, when_slow::disconnect);
    auto one = news.subscribe();
    {
        const auto gone = news.subscribe();
    }
    auto two = news.subscribe();
    EXPECT_THROW(news.publish(fragile(13)), std::bad_alloc);
    EXPECT_EQ(news.subscribers(), 2U);
    news.publish(fragile(1));
    for (auto* each : {&one, &two}) {
        const auto value = each->try_pop();
        ASSERT_TRUE(value);
        EXPECT_EQ(value->number, 1);
    }
}

/// Every thread sees the values of every publisher, all in the same order.
TEST(broadcast, threads_see_one_order) {
    constexpr int publishers = 3;
    constexpr int values_of_each = 2000;
    broadcast<int> news(publishers * values_of_each);
    std::vector<std::vector<int>> heard(3);
    std::vector<broadcast<int>::subscription> seats;
    for (std::size_t i = 0; i < heard.size(); ++i)
        seats.push_back(news.subscribe());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < heard.size(); ++i)
        threads.emplace_back([&, i] {
            const auto on = loop::create({.which = engine::epoll});
            on->run([](auto& from, auto& into) -> task<> {
                while (const auto value = co_await from.pop())
                    into.push_back(*value);
            }(seats[i], heard[i]));
        });
    std::vector<std::thread> writers;
    for (int i = 0; i < publishers; ++i)
        writers.emplace_back([&, i] {
            for (int value = 0; value < values_of_each; ++value)
                news.publish(i * values_of_each + value);
        });
    for (std::thread& each : writers)
        each.join();
    news.close();
    for (std::thread& each : threads)
        each.join();
    EXPECT_EQ(heard[0].size(), static_cast<std::size_t>(publishers * values_of_each));
    EXPECT_EQ(heard[0], heard[1]);
    EXPECT_EQ(heard[0], heard[2]);
}

}  // namespace
}  // namespace aperto
