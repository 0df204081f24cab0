// SPDX-License-Identifier: MIT
// What the program does beside the conversations, in virtual time: a day takes milliseconds.
#include "cli/serve/beside.hpp"

#include "aperto/server.hpp"
#include "aperto/sim.hpp"
#include "aperto/sleep.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aperto::cli {
namespace {

using namespace std::chrono_literals;
using std::chrono::system_clock;

task<> stop_after(duration time, server& serving) {
    co_await sleep(time);
    serving.stop();
}

/// What is told in so long, of a certificate that has so long.
std::vector<system_clock::time_point> told_in(duration time, system_clock::duration left) {
    std::vector<system_clock::time_point> told;
    sim::world world({.time_max = 2 * time});
    sim::host& office = world.add_host("office");
    options chosen{.host = "office", .idle_timeout = forever, .drain_grace = 0ms};
    chosen.background =
        all_of({expiry_watch([left] { return system_clock::now() + left; },
                             [&told](system_clock::time_point when) { told.push_back(when); }),
                lag_watch([](duration late) { EXPECT_GE(late, 0ms); })});
    server serving(chosen, [](std::string_view message) { return std::string(message); });
    office.spawn(serving.run_on(office.loop()));
    office.spawn(stop_after(time, serving));
    world.run();
    return told;
}

TEST(beside_the_conversations, a_certificate_that_expires_soon_is_told_of_once_a_day) {
    EXPECT_EQ(told_in(84h, 13 * 24h).size(), 3U);
    EXPECT_EQ(told_in(23h, 13 * 24h).size(), 0U);  // at the start it is told of by who read it
}

TEST(beside_the_conversations, one_that_has_expired_is_told_of_too) {
    EXPECT_EQ(told_in(25h, -24h).size(), 1U);
}

TEST(beside_the_conversations, one_that_is_good_for_longer_is_not) {
    EXPECT_EQ(told_in(84h, 15 * 24h).size(), 0U);
}

TEST(beside_the_conversations, nothing_beside_is_no_task) { EXPECT_FALSE(all_of({})); }

}  // namespace
}  // namespace aperto::cli
