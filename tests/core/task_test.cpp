// SPDX-License-Identifier: MIT
#include "aperto/task.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace aperto {
namespace {

/// Starts a task by hand and keeps what it gave: no loop is needed for tasks that wait for nothing.
struct runner {
    struct promise_type : detail::promise_base {
        runner get_return_object() { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const { throw; }
    };
};

template <class T>
runner run(task<T> work, T& into) {
    into = co_await work;
}

task<int> answer() { co_return 42; }
task<int> one_more(int depth) {
    if (depth == 0) co_return 0;
    co_return 1 + co_await one_more(depth - 1);
}
task<int> fails() {
    throw std::runtime_error("on purpose");
    co_return 0;
}
task<std::string> catches() {
    try {
        co_await fails();
    } catch (const std::runtime_error& failure) {
        co_return failure.what();
    }
    co_return "nothing was thrown";
}
task<std::size_t> counts_a_million() {
    std::size_t sum = 0;
    for (int round = 0; round < 1'000'000; ++round)
        sum += static_cast<std::size_t>(co_await answer() == 42);
    co_return sum;
}

TEST(task, gives_its_value_to_the_one_who_awaits_it) {
    int value = 0;
    run(answer(), value);
    EXPECT_EQ(value, 42);
}

TEST(task, goes_as_deep_as_functions_do) {
    int value = 0;
    run(one_more(1'000), value);
    EXPECT_EQ(value, 1'000);
}

TEST(task, throws_out_of_the_await) {
    std::string value;
    run(catches(), value);
    EXPECT_EQ(value, "on purpose");
}

/// Without symmetric transfer as a tail call, as at -O0, each await would leave something on the stack.
TEST(task, a_million_awaits_that_end_at_once_use_no_stack) {
    std::size_t value = 0;
    run(counts_a_million(), value);
    EXPECT_EQ(value, 1'000'000U);
}

/// Its argument is in the frame from the call on, started or not.
task<> holds(std::shared_ptr<int> kept) {
    co_await std::suspend_always();
    ++*kept;
}

TEST(task, dropping_a_task_that_never_started_destroys_its_arguments) {
    auto kept = std::make_shared<int>(1);
    {
        const task<> work = holds(kept);
        EXPECT_EQ(kept.use_count(), 2);
    }
    EXPECT_EQ(kept.use_count(), 1);
}

}  // namespace
}  // namespace aperto
