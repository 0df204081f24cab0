// SPDX-License-Identifier: MIT
#include "net/cidr_set.hpp"

#include "aperto/time.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <iostream>
#include <random>
#include <string>
#include <vector>

namespace aperto {
namespace {

endpoint at(const std::string& address) { return *endpoint::from_address(address, 7); }

cidr_set set_of(std::initializer_list<const char*> texts) {
    std::vector<cidr> ranges;
    for (const char* each : texts)
        ranges.push_back(cidr::parse(each));
    return cidr_set(ranges);
}

std::string ipv4(std::uint32_t number) {
    return std::to_string(number >> 24) + '.' + std::to_string(number >> 16 & 255) + '.' +
           std::to_string(number >> 8 & 255) + '.' + std::to_string(number & 255);
}

/// The network number `which`, of 48 bits, and the one of 64 bits in it.
std::string ipv6(std::uint32_t which, std::uint32_t within) {
    char text[64];
    std::snprintf(text, sizeof text, "2001:db8:%x:%x::", which, within);
    return text;
}

TEST(CidrSet, HasNothingOfNothing) {
    EXPECT_TRUE(set_of({}).empty());
    EXPECT_FALSE(set_of({}).contains(at("192.0.2.1")));
    EXPECT_FALSE(set_of({"0.0.0.0/0"}).contains(endpoint()));
}

TEST(CidrSet, HoldsToTheFirstAndTheLastAddressOfEach) {
    const cidr_set ranges = set_of({"192.0.2.0/24", "10.0.0.7", "2001:db8::/32", "192.0.2.128/25"});
    for (const char* inside : {"192.0.2.0", "192.0.2.255", "10.0.0.7",
                               "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "::ffff:192.0.2.9"})
        EXPECT_TRUE(ranges.contains(at(inside))) << inside;
    for (const char* outside : {"192.0.1.255", "192.0.3.0", "10.0.0.6", "10.0.0.8",
                                "2001:db7:ffff::", "2001:db9::", "0.0.0.0", "255.255.255.255", "::", "::1"})
        EXPECT_FALSE(ranges.contains(at(outside))) << outside;
}

TEST(CidrSet, WholeFamiliesAndTheEndsOfTheirNumbers) {
    const cidr_set all_ipv4 = set_of({"0.0.0.0/0"});
    EXPECT_TRUE(all_ipv4.contains(at("0.0.0.0")) && all_ipv4.contains(at("255.255.255.255")));
    EXPECT_FALSE(all_ipv4.contains(at("::1")));
    const cidr_set all_ipv6 = set_of({"::/0", "ffff::/16"});
    EXPECT_TRUE(all_ipv6.contains(at("::")));
    EXPECT_TRUE(all_ipv6.contains(at("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
    EXPECT_FALSE(all_ipv6.contains(at("192.0.2.1")));
    const cidr_set halves = set_of({"128.0.0.0/1", "0.0.0.0/1"});
    EXPECT_TRUE(halves.contains(at("127.255.255.255")) && halves.contains(at("128.0.0.0")));
}

TEST(CidrSet, AnswersAsTheListItIsMadeFrom) {
    std::mt19937 source(7);
    const auto chance = [&source] { return static_cast<std::uint32_t>(source()); };
    for (int round = 0; round < 200; ++round) {
        std::vector<cidr> ranges;
        for (unsigned i = 0; i < 1U + static_cast<unsigned>(round) % 40U; ++i) {
            const unsigned length = 18 + chance() % 15;
            const std::uint32_t first = 0x0A000000U | (chance() & 0xFFFF & ~0U << (32 - length));
            ranges.push_back(cidr::parse(ipv4(first) + "/" + std::to_string(length)));
            const bool whole = chance() % 4 == 0;
            ranges.push_back(
                cidr::parse(ipv6(chance() & 3, whole ? 0 : chance() & 15) + (whole ? "/48" : "/64")));
        }
        const cidr_set compiled(ranges);
        for (int i = 0; i < 500; ++i) {
            const endpoint who = chance() % 2 ? at(ipv4(0x0A000000U | (chance() & 0x1FFFF)))
                                              : at(ipv6(chance() & 3, chance() & 31));
            ASSERT_EQ(compiled.contains(who), any_contains(ranges, who))
                << who.address() << " in round " << round;
        }
    }
}

TEST(CidrSet, FindsOneAmongAHundredThousandInLittleTime) {
    std::vector<cidr> ranges;
    for (std::uint32_t i = 0; i < 100'000; ++i)
        ranges.push_back(cidr::parse(ipv4(0x0A000000U + i * 0x200) + "/24"));
    const cidr_set compiled(ranges);
    std::mt19937 source(7);
    const auto chance = [&source] { return static_cast<std::uint32_t>(source()); };
    std::vector<endpoint> who;
    for (int i = 0; i < 100'000; ++i)
        who.push_back(at(ipv4(0x0A000000U + chance() % (100'000 * 0x200))));
    std::size_t found = 0;
    const time_point began = clock::now();
    for (const endpoint& each : who)
        found += compiled.contains(each) ? 1U : 0U;
    const double nanoseconds = std::chrono::duration<double, std::nano>(clock::now() - began).count();
    std::cout << "    a look-up among 100,000 ranges: " << nanoseconds / 100'000 << " ns\n";
    EXPECT_NEAR(static_cast<double>(found), 50'000, 1000);
    EXPECT_LT(nanoseconds / 100'000, 20'000) << "a walk through them all takes 1.8 ms";
}

}  // namespace
}  // namespace aperto
