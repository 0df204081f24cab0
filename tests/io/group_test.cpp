// SPDX-License-Identifier: MIT
#include "aperto/group.hpp"

#include "aperto/choice.hpp"
#include "aperto/sleep.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace aperto {
namespace {

using namespace std::chrono_literals;

task<> wait_for_ever(std::string& ended) {
    try {
        co_await sleep(forever);
    } catch (const cancellation&) {
        ended += "cancelled ";
        throw;
    }
}

task<> wait_then_append(duration how_long, std::string& out, std::string what) {
    co_await sleep(how_long);
    out += what;
}

task<> fail(std::string what) {
    co_await sleep(0ms);
    throw std::runtime_error(what);
}

class Group : public testing::Test {
protected:
    std::unique_ptr<loop> on = loop::create({.which = engine::epoll});
};

TEST_F(Group, JoinsWhenEveryTaskHasEnded) {
    const auto story = []() -> task<std::string> {
        std::string out;
        task_group both;
        both.spawn(wait_then_append(4ms, out, "second "));
        both.spawn(wait_then_append(1ms, out, "first "));
        EXPECT_EQ(both.running(), 2u);
        co_await both.join();
        EXPECT_EQ(both.running(), 0u);
        co_return out;
    };
    EXPECT_EQ(on->run(story()), "first second ");
}

TEST_F(Group, LeavesItsTasksToEndByThemselvesWhenItGoesUnjoined) {
    std::string ended;
    const auto story = [&ended]() -> task<> {
        task_group lost;
        lost.spawn(wait_for_ever(ended));
        co_await sleep(0ms);
        throw std::runtime_error("before the group was joined");
    };
    EXPECT_THROW(on->run(story()), std::runtime_error);
    const auto later = []() -> task<> { co_await sleep(1ms); };
    on->run(later());
    EXPECT_EQ(ended, "cancelled ");
    EXPECT_EQ(on->count().tasks, 0u);
}

TEST_F(Group, WithoutTasksJoinsAtOnce) {
    const auto story = []() -> task<> {
        task_group none;
        co_await none.join();
    };
    on->run(story());
}

TEST_F(Group, IsJoinedAgainAfterMoreTasks) {
    const auto story = []() -> task<std::string> {
        std::string out;
        task_group again;
        again.spawn(wait_then_append(1ms, out, "a"));
        co_await again.join();
        again.spawn(wait_then_append(1ms, out, "b"));
        co_await again.join();
        co_return out;
    };
    EXPECT_EQ(on->run(story()), "ab");
}

TEST_F(Group, EndsItsTasksAtTheFirstFailureAndThrowsIt) {
    const auto story = [](std::string& ended) -> task<> {
        task_group all;
        all.spawn(wait_for_ever(ended));
        all.spawn(fail("broke"));
        all.spawn(wait_for_ever(ended));
        co_await all.join();
    };
    std::string ended;
    try {
        on->run(story(ended));
        FAIL();
    } catch (const std::runtime_error& why) {
        EXPECT_STREQ(why.what(), "broke");
    }
    EXPECT_EQ(ended, "cancelled cancelled ");
    EXPECT_EQ(on->count(), loop::census{});
}

TEST_F(Group, ToldToEndEndsWithoutAFailure) {
    const auto story = [](std::string& ended) -> task<> {
        task_group all;
        all.spawn(wait_for_ever(ended));
        all.cancel();
        co_await all.join();
    };
    std::string ended;
    on->run(story(ended));
    EXPECT_EQ(ended, "cancelled ");
}

TEST_F(Group, EndsWithTheOneWhoJoinsIt) {
    const auto joiner = [](std::string& ended) -> task<> {
        task_group all;
        all.spawn(wait_for_ever(ended));
        try {
            co_await all.join();
        } catch (const cancellation&) {
            ended += all.running() == 0 ? "joined " : "?";
            throw;
        }
    };
    std::string ended;
    try {
        task<> inner = joiner(ended);
        on->run(with_timeout(2ms, std::move(inner)));
        FAIL();
    } catch (const error& why) {
        EXPECT_EQ(why.code(), std::errc::timed_out);
    }
    EXPECT_EQ(ended, "cancelled joined ");
}

TEST_F(Group, IsDroppedWithItsLoop) {
    const auto story = [](std::string& ended) -> task<> {
        task_group all;
        all.spawn(wait_for_ever(ended));
        co_await all.join();
    };
    std::string ended;
    on->spawn(story(ended));
    on->post([this] { on->stop(); });
    on->run();
    on.reset();
    EXPECT_EQ(ended, "") << "a dropped task is destroyed, not resumed";
}

TEST_F(Group, WorkInTimeGivesItsResult) {
    const auto answer = []() -> task<int> {
        co_await sleep(1ms);
        co_return 42;
    };
    EXPECT_EQ(on->run(with_timeout(10s, answer())), 42);
    EXPECT_EQ(on->run(with_timeout(forever, answer())), 42);
    EXPECT_EQ(on->count(), loop::census{});
}

TEST_F(Group, WorkThatFailsInTimeThrowsItsOwnError) {
    try {
        on->run(with_timeout(10s, fail("broke")));
        FAIL();
    } catch (const std::runtime_error& why) {
        EXPECT_STREQ(why.what(), "broke");
    }
}

TEST_F(Group, IsCancelledWithTheParentThatItWasGivenWhoeverJoinsIt) {
    cancel_scope parent;
    std::string ended;
    const auto join = [&]() -> task<> {
        task_group all(&parent);
        all.spawn(wait_for_ever(ended));
        co_await all.join();
        ended += "joined ";
    };
    const auto cancel = [&]() -> task<> {
        co_await sleep(1ms);
        parent.cancel();
    };
    on->spawn(cancel());
    on->run(join());
    EXPECT_EQ(ended, "cancelled joined ");
}

TEST_F(Group, WorkThatIsCancelledOfItselfIsNotLate) {
    const auto give_up = []() -> task<> {
        co_await sleep(0ms);
        throw cancellation();
    };
    try {
        on->run(with_timeout(10s, give_up()));
        FAIL();
    } catch (const error& why) {
        EXPECT_EQ(why.code(), errc::cancelled);
    }
}

TEST_F(Group, AnInnerLimitDoesNotPassForTheOuterOne) {
    const auto inner = [](std::string& ended) -> task<> {
        try {
            task<> slow = wait_for_ever(ended);
            co_await with_timeout(10s, std::move(slow));
        } catch (const cancellation&) {
            ended += "told ";
            throw;
        }
    };
    std::string ended;
    task<> work = inner(ended);
    EXPECT_THROW(on->run(with_timeout(2ms, std::move(work))), error);
    EXPECT_EQ(ended, "cancelled told ");
}

}  // namespace
}  // namespace aperto
