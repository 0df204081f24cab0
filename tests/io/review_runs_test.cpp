// SPDX-License-Identifier: MIT
// What a run leaves behind when something else ends it, and when its clock starts.
#include "aperto/aside.hpp"
#include "aperto/sleep.hpp"
#include "io/seam.hpp"

#include <chrono>
#include <stdexcept>
#include <thread>

namespace aperto::seam {
namespace {

using namespace std::chrono_literals;

class runs : public seam_test {};

task<int> slow_answer() {
    co_await sleep(20ms);
    co_return 42;
}

task<> fail_soon() {
    co_await sleep(1ms);
    throw std::runtime_error("something else failed");
}

TEST_P(runs, a_main_task_outlives_a_run_that_another_task_s_failure_ended) {
    on->spawn(fail_soon());
    EXPECT_THROW(on->run(slow_answer()), std::runtime_error);
    on->run();
    EXPECT_EQ(on->count().tasks, 0u);
}

TEST_P(runs, a_stopped_run_has_no_result_and_its_main_task_ends_in_a_later_one) {
    on->stop();
    try {
        on->run(slow_answer());
        ADD_FAILURE() << "it gave a result before there was one";
    } catch (const error& why) {
        EXPECT_EQ(why.code(), errc::cancelled);
    }
    auto longer = []() -> task<int> {
        co_await sleep(60ms);
        co_return 7;
    };
    // The first one ends meanwhile: that must not end this run.
    EXPECT_EQ(on->run(longer()), 7);
    EXPECT_EQ(on->count().tasks, 0u);
}

TEST_P(runs, a_deadline_counts_from_the_run_not_from_the_run_before) {
    std::this_thread::sleep_for(60ms);
    const time_point begin = clock::now();
    auto nap = []() -> task<> { co_await sleep(50ms); };
    on->run(nap());
    EXPECT_GE(clock::now() - begin, 50ms);
}

TEST_P(runs, a_sleep_that_ended_before_it_began_does_not_last) {
    auto story = []() -> task<> {
        co_await sleep(-1ms);
        co_await sleep(duration::min());
    };
    on->run(story());
}

TEST_P(runs, a_loop_may_end_at_the_very_moment_that_its_call_aside_does) {
    for (int i = 0; i < 300; ++i) {
        loop_options options;
        options.which = GetParam().which;
        const std::unique_ptr<loop> brief = loop::create(options);
        auto left_behind = [i]() {
            const time_point until = clock::now() + std::chrono::microseconds(4 * i);
            while (clock::now() < until) {
            }
        };
        brief->spawn(aside(std::move(left_behind)));
        brief->stop();
        brief->run();
    }
}

APERTO_ON_BOTH_ENGINES(runs);

}  // namespace
}  // namespace aperto::seam
