// SPDX-License-Identifier: MIT
// The options of a loop at the ends of their ranges, and just past them.
#include "aperto/loop.hpp"

#include <gtest/gtest.h>

#include <string>

namespace aperto {
namespace {

std::string complaint(loop_options chosen) {
    try {
        loop::create(chosen);
        return {};
    } catch (const error& refused) {
        EXPECT_EQ(refused.code(), errc::malformed);
        EXPECT_EQ(refused.tried(), "use the option");
        return refused.advice();
    }
}

class loop_options_of : public testing::TestWithParam<engine> {
protected:
    void expect_range(std::uint32_t loop_options::* option, std::initializer_list<std::uint32_t> inside,
                      std::initializer_list<std::uint32_t> outside) {
        loop_options chosen{.which = GetParam()};
        for (const std::uint32_t each : inside) {
            chosen.*option = each;
            EXPECT_EQ(complaint(chosen), "") << each;
        }
        for (const std::uint32_t each : outside) {
            chosen.*option = each;
            EXPECT_NE(complaint(chosen), "") << each << " was taken";
        }
    }
};

INSTANTIATE_TEST_SUITE_P(engines, loop_options_of, testing::Values(engine::uring, engine::epoll),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST_P(loop_options_of, are_taken_to_the_ends_of_their_ranges_and_not_past_them) {
    constexpr std::uint32_t mebi = 1024 * 1024;
    expect_range(&loop_options::receive_buffers, {2, 4, 128, 32'768}, {0, 1, 3, 100, 32'767, 65'536, ~0U});
    expect_range(&loop_options::receive_buffer_size, {64, 16 * mebi}, {0, 63, 16 * mebi + 1, ~0U});
    expect_range(&loop_options::bulk_buffer_size, {0, 1, 256 * mebi}, {256 * mebi + 1, ~0U});
}

TEST_P(loop_options_of, are_named_with_their_value_and_range) {
    EXPECT_EQ(complaint({.which = GetParam(), .receive_buffers = 100}),
              "receive_buffers takes a power of two from 2 to 32768, not \"100\"");
    EXPECT_EQ(complaint({.which = GetParam(), .receive_buffer_size = 1}),
              "receive_buffer_size takes a whole number from 64 to 16777216, not \"1\"");
}

}  // namespace
}  // namespace aperto
