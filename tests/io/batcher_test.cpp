// SPDX-License-Identifier: MIT
// Many ask, one call does it for all of them.
#include "aperto/batcher.hpp"

#include "aperto/cancel.hpp"
#include "aperto/group.hpp"

#include <gtest/gtest.h>

#include <latch>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

namespace aperto {
namespace {

using numbers = std::vector<int>;

/// Keeps its first batch in hand until it is let go on.
struct slow_worker {
    batcher<int> work{[this](std::span<int* const> batch) {
        numbers seen;
        for (int* const each : batch) {
            seen.push_back(*each);
            *each *= 10;
        }
        batches.push_back(seen);
        if (batches.size() == 1) may_go_on.wait();
        if (seen.back() == 13) throw std::runtime_error("unlucky");
    }};
    std::latch may_go_on{1};
    std::vector<numbers> batches;  ///< read when it is over
};

task<> ask(slow_worker& of, int what, numbers& answers) {
    task<int> asking = of.work.run(what);
    answers.push_back(co_await asking);
}

class Batcher : public testing::TestWithParam<engine> {
protected:
    std::unique_ptr<loop> on = loop::create({.which = GetParam()});
};
INSTANTIATE_TEST_SUITE_P(each, Batcher, testing::Values(engine::uring, engine::epoll));

TEST_P(Batcher, WhatIsHandedOverMeanwhileIsOneCall) {
    std::optional<slow_worker> slow(std::in_place);
    numbers answers;
    std::vector<numbers> batches;
    const auto story = [&]() -> task<> {
        task_group all;
        all.spawn(ask(*slow, 1, answers));
        for (int i = 2; i <= 64; ++i)
            all.spawn(ask(*slow, i, answers));
        on->post([&] { slow->may_go_on.count_down(); });
        co_await all.join();
    };
    on->run(story());
    batches = slow->batches;
    ASSERT_LE(batches.size(), 2U);
    numbers seen;
    for (const numbers& each : batches)
        seen.insert(seen.end(), each.begin(), each.end());
    ASSERT_EQ(seen.size(), 64U);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    ASSERT_EQ(answers.size(), 64U);
    for (std::size_t i = 0; i < answers.size(); ++i)
        EXPECT_EQ(answers[i], 10 * seen[i]);
}

TEST_P(Batcher, WhatItThrowsIsThrownToEachOfItsBatchAndToNoOther) {
    slow_worker slow;
    slow.may_go_on.count_down();
    const auto story = [&]() -> task<int> {
        bool failed = false;
        try {
            task<int> unlucky = slow.work.run(13);
            co_await unlucky;
        } catch (const std::runtime_error& why) {
            failed = std::string(why.what()) == "unlucky";
        }
        EXPECT_TRUE(failed);
        task<int> next = slow.work.run(14);
        co_return co_await next;
    };
    EXPECT_EQ(on->run(story()), 140);
}

TEST_P(Batcher, WhoIsCancelledGoesOnAndItsItemIsDoneAllTheSame) {
    std::optional<slow_worker> slow(std::in_place);
    numbers answers;
    const auto story = [&]() -> task<> {
        task_group all;
        all.spawn(ask(*slow, 1, answers));
        all.cancel();
        co_await all.join();
    };
    on->run(story());
    slow->may_go_on.count_down();
    EXPECT_EQ(answers, numbers());
    std::vector<numbers> batches;
    const auto later = [&]() -> task<int> {
        task<int> asking = slow->work.run(2);
        co_return co_await asking;
    };
    EXPECT_EQ(on->run(later()), 20);
    batches = slow->batches;
    ASSERT_FALSE(batches.empty());
    EXPECT_EQ(batches.front().front(), 1);
}

TEST(BatcherOfManyLoops, EachIsAnsweredOnItsOwn) {
    std::vector<std::size_t> sizes;
    {
        batcher<int> twice([&](std::span<int* const> batch) {
            sizes.push_back(batch.size());
            for (int* const each : batch)
                *each *= 2;
        });
        std::vector<std::thread> threads;
        for (int at = 0; at < 3; ++at) {
            threads.emplace_back([&twice, at] {
                const auto on = loop::create();
                const auto story = [&]() -> task<> {
                    for (int i = 0; i < 200; ++i) {
                        task<int> asking = twice.run(at + i);
                        const int answer = co_await asking;
                        EXPECT_EQ(answer, 2 * (at + i));
                        EXPECT_EQ(&loop::current(), on.get());
                    }
                };
                on->run(story());
            });
        }
        for (std::thread& each : threads)
            each.join();
    }
    std::size_t all = 0;
    for (const std::size_t each : sizes)
        all += each;
    EXPECT_EQ(all, 600U);
}

}  // namespace
}  // namespace aperto
