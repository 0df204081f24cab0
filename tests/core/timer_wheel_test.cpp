// SPDX-License-Identifier: MIT
#include "core/timer_wheel.hpp"

#include "core/split_mix.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <vector>

namespace aperto {
namespace {

/// A wheel, and what has rung so far as the ticks that were set.
class bell_tower {
public:
    struct bell : timer {
        explicit bell(bell_tower& of)
            : timer([](timer& due) { static_cast<bell&>(due).rang(); }), tower(&of) {}
        void rang() { tower->rung.push_back({tick(), tower->wheel.now()}); }
        bell_tower* tower;
    };
    struct ring {
        std::uint64_t wanted;
        std::uint64_t at;
    };

    bell& add(std::uint64_t tick) {
        bell& added = bells.emplace_back(*this);
        wheel.set(added, tick);
        return added;
    }
    void advance(std::uint64_t now) {
        wheel.advance(now);
        while (timer* due = wheel.pop_due())
            timer_wheel::fire(*due);
    }

    timer_wheel wheel{0};
    std::deque<bell> bells;
    std::vector<ring> rung;
};

TEST(timer_wheel, fires_at_its_tick_and_not_before) {
    bell_tower tower;
    tower.add(100);
    tower.advance(99);
    EXPECT_TRUE(tower.rung.empty());
    tower.advance(100);
    ASSERT_EQ(tower.rung.size(), 1U);
}

TEST(timer_wheel, does_not_wait_where_a_timer_that_is_due_was_not_taken_out) {
    bell_tower tower;
    tower.add(20);
    tower.add(30);
    tower.add(500);
    tower.wheel.advance(40);
    ASSERT_NE(tower.wheel.pop_due(), nullptr);  // as when its action throws
    EXPECT_EQ(tower.wheel.next(), 40U);
    ASSERT_NE(tower.wheel.pop_due(), nullptr);
    EXPECT_GT(tower.wheel.next(), 40U);
}

TEST(timer_wheel, fires_what_has_passed_at_the_next_advance) {
    bell_tower tower;
    tower.advance(50);
    tower.add(20);
    EXPECT_EQ(tower.wheel.next(), 50U);
    tower.advance(50);
    EXPECT_EQ(tower.rung.size(), 1U);
}

TEST(timer_wheel, a_cleared_timer_never_fires_and_leaves_nothing_to_wait_for) {
    bell_tower tower;
    bell_tower::bell& silent = tower.add(1'000'000);
    tower.wheel.clear(silent);
    EXPECT_FALSE(tower.wheel.next());
    tower.advance(2'000'000);
    EXPECT_TRUE(tower.rung.empty());
    EXPECT_EQ(tower.wheel.count(), 0U);
}

TEST(timer_wheel, a_timer_set_again_moves) {
    bell_tower tower;
    bell_tower::bell& moved = tower.add(10);
    tower.wheel.set(moved, 5'000);
    tower.advance(4'999);
    EXPECT_TRUE(tower.rung.empty());
    tower.advance(5'000);
    EXPECT_EQ(tower.rung.size(), 1U);
}

TEST(timer_wheel, an_action_may_clear_a_timer_that_is_due_with_it) {
    bell_tower tower;
    struct silencer : timer {
        explicit silencer(timer_wheel& on, timer& of)
            : timer([](timer& due) {
                  static_cast<silencer&>(due).wheel->clear(*static_cast<silencer&>(due).other);
              }),
              wheel(&on),
              other(&of) {}
        timer_wheel* wheel;
        timer* other;
    };
    bell_tower::bell later(tower);
    silencer first(tower.wheel, later);
    tower.wheel.set(first, 7);
    tower.wheel.set(later, 7);
    tower.advance(7);
    EXPECT_TRUE(tower.rung.empty());
}

TEST(timer_wheel, spans_every_level_and_the_far_end) {
    bell_tower tower;
    for (unsigned level = 0; level < timer_wheel::levels; ++level)
        tower.add(std::uint64_t{3} << (level * timer_wheel::slot_bits));
    tower.add(~std::uint64_t{0});  // beyond the last level: kept at its end
    while (const auto next = tower.wheel.next())
        tower.advance(*next);
    ASSERT_EQ(tower.rung.size(), timer_wheel::levels + 1U);
    for (const bell_tower::ring& each : tower.rung)
        EXPECT_EQ(each.at, each.wanted);
}

/// 100,000 random settings, moves and clearings against a plain account of what must fire when.
TEST(timer_wheel, agrees_with_a_plain_account_over_random_use) {
    bell_tower tower;
    split_mix random(2026);
    std::vector<std::uint64_t> expected(2'000, 0);  // 0: not set
    for (std::size_t index = 0; index < expected.size(); ++index)
        tower.bells.emplace_back(tower);
    std::uint64_t now = 0;
    for (int step = 0; step < 100'000; ++step) {
        const std::size_t index = random() % expected.size();
        const unsigned reach = static_cast<unsigned>(random() % 24);
        switch (random() % 4) {
        case 0:
            tower.wheel.clear(tower.bells[index]);
            expected[index] = 0;
            break;
        case 1: {
            now += random() % (std::uint64_t{1} << reach % 12);
            tower.rung.clear();
            tower.advance(now);
            std::size_t due = 0;
            for (std::uint64_t& tick : expected)
                if (tick != 0 && tick <= now) {
                    tick = 0;
                    ++due;
                }
            ASSERT_EQ(tower.rung.size(), due) << "step " << step;
            for (std::size_t at = 1; at < tower.rung.size(); ++at)
                ASSERT_LE(tower.rung[at - 1].wanted, tower.rung[at].wanted);
            break;
        }
        default:
            expected[index] = now + 1 + random() % (std::uint64_t{1} << reach);
            tower.wheel.set(tower.bells[index], expected[index]);
        }
    }
}

/// What `next` promises: advancing only when it says so makes no timer late.
TEST(timer_wheel, next_is_never_later_than_any_timer) {
    bell_tower tower;
    split_mix random(7);
    for (int count = 0; count < 1'000; ++count)
        tower.add(1 + random() % 10'000'000);
    while (const auto next = tower.wheel.next())
        tower.advance(*next);
    ASSERT_EQ(tower.rung.size(), 1'000U);
    for (const bell_tower::ring& each : tower.rung)
        EXPECT_EQ(each.at, each.wanted);
}

}  // namespace
}  // namespace aperto
