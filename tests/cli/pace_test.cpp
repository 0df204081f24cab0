// SPDX-License-Identifier: MIT
#include "cli/serve/report.hpp"

#include <gtest/gtest.h>

namespace aperto::cli {
namespace {

using namespace std::chrono_literals;

TEST(pace, a_screenful_may_come_at_once) {
    pace reader;
    for (std::int64_t i = 0; i < pace::burst; ++i)
        EXPECT_TRUE(reader.admit(time_point(1h))) << i;
    EXPECT_FALSE(reader.admit(time_point(1h)));
}

TEST(pace, lines_at_reading_speed_pass_for_ever) {
    pace reader;
    for (int i = 0; i < 1000; ++i)
        EXPECT_TRUE(reader.admit(time_point(1h + i * 100ms))) << i;
}

TEST(pace, once_too_fast_nothing_passes_before_a_calm_second) {
    pace reader;
    while (reader.admit(time_point(1h))) {
    }
    EXPECT_FALSE(reader.admit(time_point(2h))) << "time alone does not tell that it is calm";
    EXPECT_FALSE(reader.settle(5000));
    EXPECT_FALSE(reader.admit(time_point(2h)));
    EXPECT_TRUE(reader.settle(3));
    EXPECT_TRUE(reader.admit(time_point(2h)));
}

}  // namespace
}  // namespace aperto::cli
