// SPDX-License-Identifier: MIT
#include "server/accept_pace.hpp"

#include <gtest/gtest.h>

#include <string>

namespace aperto {
namespace {

using namespace std::chrono_literals;

source_key key(const std::string& address) { return source_key::of(*endpoint::from_address(address, 1)); }

const time_point begin{};
constexpr std::uint64_t seed = 7;

TEST(AcceptPace, GivesASecondsWorthAtOnceAndThenTheRate) {
    accept_pace pace(10, seed);
    for (int i = 0; i < 10; ++i)
        EXPECT_TRUE(pace.take(key("192.0.2.1"), begin));
    EXPECT_FALSE(pace.take(key("192.0.2.1"), begin));
    EXPECT_FALSE(pace.take(key("192.0.2.1"), begin + 99ms));
    EXPECT_TRUE(pace.take(key("192.0.2.1"), begin + 101ms));
    EXPECT_FALSE(pace.take(key("192.0.2.1"), begin + 101ms));
    int after_an_hour = 0;
    while (pace.take(key("192.0.2.1"), begin + 1h))
        ++after_an_hour;
    EXPECT_EQ(after_an_hour, 10);
}

TEST(AcceptPace, HoldsEachAddressToItsOwn) {
    accept_pace pace(1, seed);
    EXPECT_TRUE(pace.take(key("192.0.2.1"), begin));
    EXPECT_FALSE(pace.take(key("192.0.2.1"), begin));
    EXPECT_TRUE(pace.take(key("192.0.2.2"), begin));
}

TEST(AcceptPace, SlowerThanOneASecondStillLetsTheFirstIn) {
    accept_pace pace(0.5, seed);
    EXPECT_TRUE(pace.take(key("192.0.2.1"), begin));
    EXPECT_FALSE(pace.take(key("192.0.2.1"), begin + 1900ms));
    EXPECT_TRUE(pace.take(key("192.0.2.1"), begin + 2100ms));
}

TEST(AcceptPace, TakesAnIPv6NetworkOf64BitsForOne) {
    accept_pace pace(1, seed);
    EXPECT_TRUE(pace.take(key("2001:db8:0:1::1"), begin));
    EXPECT_FALSE(pace.take(key("2001:db8:0:1:ffff::2"), begin));
    EXPECT_TRUE(pace.take(key("2001:db8:0:2::1"), begin));
}

TEST(AcceptPace, AFloodOfAddressesMakesItForgetTheLeastActiveFirst) {
    accept_pace pace(100, seed);
    for (int i = 0; i < 100; ++i)
        EXPECT_TRUE(pace.take(key("192.0.2.1"), begin));
    EXPECT_FALSE(pace.take(key("192.0.2.1"), begin));
    for (int i = 0; i < 1'000'000; ++i)
        pace.take({.high = static_cast<std::uint64_t>(i), .low = 0}, begin);
    EXPECT_FALSE(pace.take(key("192.0.2.1"), begin));
}

}  // namespace
}  // namespace aperto
