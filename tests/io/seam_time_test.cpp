// SPDX-License-Identifier: MIT
// Time and threads, on every engine: sleeps, timers, posts from elsewhere, stopping, blocking calls aside.
#include "aperto/aside.hpp"
#include "aperto/choice.hpp"
#include "aperto/group.hpp"
#include "aperto/sleep.hpp"
#include "io/seam.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

namespace aperto::seam {
namespace {

using namespace std::chrono_literals;

class time_and_threads : public seam_test {};

TEST_P(time_and_threads, a_sleep_never_ends_early) {
    auto story = [&]() -> task<> {
        duration worst{};
        for (int i = 0; i < 60; ++i) {
            const duration wanted = std::chrono::microseconds(137 * i);
            const time_point asked = clock::now();
            const time_point due = asked + wanted;
            co_await sleep(wanted);
            EXPECT_GE(clock::now(), due);
            EXPECT_GE(on->now(), due);
            worst = std::max(worst, clock::now() - asked - wanted);
        }
        std::cout << "latest by " << std::chrono::duration_cast<std::chrono::microseconds>(worst).count()
                  << " µs\n";
        EXPECT_LT(worst, 500ms);
    };
    on->run(story());
    expect_nothing_left();
}

TEST_P(time_and_threads, work_before_a_wait_is_no_part_of_it) {
    const auto work = [] {
        const time_point over = clock::now() + 30ms;
        while (clock::now() < over) {
        }
    };
    auto story = [&]() -> task<> {
        work();
        const time_point asked = clock::now();
        co_await sleep(20ms);
        EXPECT_GE(clock::now() - asked, 20ms);

        work();
        const time_point limited = clock::now();
        task<> long_pause = []() -> task<> { co_await sleep(10s); }();
        bool late = false;
        try {
            co_await with_timeout(20ms, std::move(long_pause));
        } catch (const error& failed) {
            late = failed.code() == std::errc::timed_out;
        }
        EXPECT_TRUE(late);
        EXPECT_GE(clock::now() - limited, 20ms);
    };
    on->run(story());
    expect_nothing_left();
}

struct numbered : timer {
    numbered() : timer(&note) {}
    static void note(timer& due) {
        numbered& mine = static_cast<numbered&>(due);
        mine.fired->push_back(&mine);
        if (mine.on->now() < mine.when) ++*mine.early;
    }
    std::vector<numbered*>* fired = nullptr;
    int* early = nullptr;
    loop* on = nullptr;
    time_point when;
};

TEST_P(time_and_threads, a_hundred_thousand_timers_fire_in_order_and_none_early) {
    constexpr std::size_t count = 100'000;
    std::vector<numbered> timers(count);
    std::vector<numbered*> fired;
    fired.reserve(count);
    int early = 0;
    auto story = [&]() -> task<> {
        const time_point start = on->now();
        for (numbered& each : timers) {
            each.fired = &fired;
            each.early = &early;
            each.on = on;
            each.when = start + std::chrono::microseconds(on->random() % 100'000);
            on->arm(each, each.when);
        }
        EXPECT_EQ(on->count().timers, count);
        for (std::size_t i = 0; i < count; i += 10)
            on->disarm(timers[i]);
        co_await sleep(110ms);
    };
    on->run(story());
    EXPECT_EQ(fired.size(), count - count / 10);
    EXPECT_EQ(early, 0);
    EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end(),
                               [](const numbered* a, const numbered* b) { return a->tick() < b->tick(); }));
    expect_nothing_left();
}

TEST_P(time_and_threads, the_time_of_a_turn_stands_still) {
    auto story = [&]() -> task<> {
        const time_point before = on->now();
        const time_point end = clock::now() + 3ms;
        while (clock::now() < end) {
        }
        EXPECT_EQ(on->now(), before);
        co_await turns(*on, 1);
        EXPECT_GT(on->now(), before);
    };
    on->run(story());
}

TEST_P(time_and_threads, the_time_is_read_anew_on_request) {
    if (is_simulated()) GTEST_SKIP() << "its time stands still while a program works";
    const auto story = [&]() -> task<> {
        const time_point began = on->now();
        std::this_thread::sleep_for(30ms);
        EXPECT_EQ(on->now(), began);
        EXPECT_GE(on->read_now_coarsely() - began, 15ms);  // coarse: by the kernel's tick, 10 ms at the most
        EXPECT_GE(on->read_now() - began, 30ms);
        co_return;
    };
    on->run(story());
}

TEST_P(time_and_threads, posts_from_other_threads_all_run_here_in_order) {
    constexpr int each_posts = 2000;
    std::vector<int> last(4, -1);
    int seen = 0;
    bool in_order = true;
    const auto here = std::this_thread::get_id();
    auto story = [&]() -> task<> {
        std::vector<std::thread> threads;
        for (std::size_t t = 0; t < last.size(); ++t)
            threads.emplace_back([&, t] {
                for (int i = 0; i < each_posts; ++i)
                    on->post([&, t, i] {
                        in_order = in_order && last[t] == i - 1 && std::this_thread::get_id() == here;
                        last[t] = i;
                        ++seen;
                    });
            });
        while (seen < each_posts * static_cast<int>(last.size()))
            co_await sleep(1ms);
        for (std::thread& each : threads)
            each.join();
    };
    on->run(story());
    EXPECT_TRUE(in_order);
}

TEST_P(time_and_threads, a_post_wakes_a_loop_that_sleeps) {
    auto story = [&]() -> task<> {
        waiting_event called(*on);
        std::thread elsewhere([&] { on->post([&] { on->notify(called, 7); }); });
        EXPECT_EQ(co_await called, 7);
        elsewhere.join();
    };
    on->run(story());
}

TEST_P(time_and_threads, a_loop_that_was_woken_sleeps_again) {
    const auto story = [&]() -> task<> {
        std::thread([&] { on->post([] {}); }).join();
        co_await sleep(1ms);
        const std::uint64_t before = on->turn();
        co_await sleep(20ms);
        EXPECT_LT(on->turn() - before, 10U);
    };
    on->run(story());
}

TEST_P(time_and_threads, stop_ends_a_run_from_another_thread_and_the_task_goes_on_in_the_next_run) {
    bool ended = false;
    waiting_event* waits = nullptr;
    auto story = [&]() -> task<> {
        waiting_event event(*on);
        waits = &event;
        co_await event;
        ended = true;
    };
    on->spawn(story());
    std::thread elsewhere([&] { on->stop(); });
    on->run();
    elsewhere.join();
    EXPECT_FALSE(ended);
    on->post([&] { on->notify(*waits); });
    on->run();
    EXPECT_TRUE(ended);
}

TEST_P(time_and_threads, a_stop_before_the_run_ends_it_at_once) {
    auto endless = []() -> task<> { co_await sleep(1h); };
    on->spawn(endless());
    on->stop();
    on->run();
    EXPECT_EQ(on->count().tasks, 1u);
}

TEST_P(time_and_threads, what_a_spawned_task_throws_comes_out_of_run) {
    auto failing = [](loop& loop_of_it) -> task<> {
        co_await turns(loop_of_it, 2);
        throw std::runtime_error("as planned");
    };
    on->spawn(failing(*on));
    EXPECT_THROW(on->run(), std::runtime_error);
    expect_nothing_left();
}

TEST_P(time_and_threads, a_call_aside_gives_its_value_or_its_exception) {
    auto story = [&]() -> task<> {
        const auto here = std::this_thread::get_id();
        auto ask = [here] { return std::this_thread::get_id() != here ? std::string("elsewhere") : "here"; };
        EXPECT_EQ(co_await aside(ask), "elsewhere");
        auto fail = []() -> int { throw std::invalid_argument("as planned"); };
        bool threw = false;
        try {
            co_await aside(fail);
        } catch (const std::invalid_argument&) {
            threw = true;
        }
        EXPECT_TRUE(threw);
    };
    on->run(story());
    expect_nothing_left();
}

TEST_P(time_and_threads, a_cancelled_call_aside_is_left_behind) {
    std::promise<void> go_on;
    auto ended = std::make_shared<std::promise<void>>();
    std::future<void> has_ended = ended->get_future();
    auto story = [&]() -> task<> {
        cancel_scope scope;
        bool threw = false;
        auto wait_aside = [](std::shared_future<void> until, std::shared_ptr<std::promise<void>> at_end,
                             bool& out) -> task<> {
            auto block = [until, at_end] {
                until.wait();
                at_end->set_value();
            };
            try {
                co_await aside(block);
            } catch (const cancellation&) {
                out = true;
            }
        };
        on->spawn(wait_aside(go_on.get_future().share(), ended, threw), &scope);
        co_await turns(*on, 3);
        scope.cancel();
        co_await turns(*on, 2);
        EXPECT_TRUE(threw) << "the caller goes on while the call still blocks";
        go_on.set_value();
        has_ended.wait();
        co_await turns(*on, 3);
    };
    on->run(story());
    expect_nothing_left();
}

TEST_P(time_and_threads, a_loop_may_end_before_its_call_aside) {
    std::promise<void> go_on;
    auto ended = std::make_shared<std::promise<void>>();
    std::future<void> has_ended = ended->get_future();
    {
        const auto other = loop::create({.which = GetParam().which});
        auto wait_aside = [](std::shared_future<void> until,
                             std::shared_ptr<std::promise<void>> at_end) -> task<> {
            auto block = [until, at_end] {
                until.wait();
                at_end->set_value();
            };
            co_await aside(block);
        };
        other->spawn(wait_aside(go_on.get_future().share(), ended));
        other->run(turns(*other, 3));
    }
    go_on.set_value();
    has_ended.wait();
}

APERTO_ON_BOTH_ENGINES(time_and_threads);

}  // namespace
}  // namespace aperto::seam
