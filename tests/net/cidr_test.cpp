// SPDX-License-Identifier: MIT
#include "aperto/cidr.hpp"

#include "aperto/error.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace aperto {
namespace {

endpoint at(std::string_view address) { return *endpoint::from_address(address, 7); }

bool has(std::string_view range, std::string_view address) {
    return cidr::parse(range).contains(at(address));
}

std::string complaint(std::string_view text) {
    try {
        cidr::parse(text);
    } catch (const error& why) {
        EXPECT_EQ(why.code(), errc::malformed);
        return why.advice();
    }
    return {};
}

TEST(Cidr, HoldsTheAddressesThatShareItsFirstBits) {
    EXPECT_TRUE(has("192.0.2.0/24", "192.0.2.0"));
    EXPECT_TRUE(has("192.0.2.0/24", "192.0.2.255"));
    EXPECT_FALSE(has("192.0.2.0/24", "192.0.3.0"));
    EXPECT_FALSE(has("192.0.2.0/24", "192.0.1.255"));
    EXPECT_TRUE(has("192.0.2.128/25", "192.0.2.128"));
    EXPECT_FALSE(has("192.0.2.128/25", "192.0.2.127"));
    EXPECT_TRUE(has("2001:db8::/32", "2001:db8:ffff::1"));
    EXPECT_FALSE(has("2001:db8::/32", "2001:db9::1"));
    EXPECT_TRUE(has("2001:db8::/47", "2001:db8:1::"));
    EXPECT_FALSE(has("2001:db8::/47", "2001:db8:2::"));
}

TEST(Cidr, WithoutALengthIsThatAddressAlone) {
    EXPECT_TRUE(has("192.0.2.7", "192.0.2.7"));
    EXPECT_FALSE(has("192.0.2.7", "192.0.2.6"));
    EXPECT_TRUE(has("::1", "::1"));
    EXPECT_EQ(cidr::parse("192.0.2.7").length(), 32U);
    EXPECT_EQ(cidr::parse("::1").length(), 128U);
}

TEST(Cidr, OfLengthZeroIsEveryAddressOfItsFamily) {
    EXPECT_TRUE(has("0.0.0.0/0", "203.0.113.9"));
    EXPECT_FALSE(has("0.0.0.0/0", "2001:db8::1"));
    EXPECT_TRUE(has("::/0", "2001:db8::1"));
    EXPECT_FALSE(has("::/0", "203.0.113.9"));
    EXPECT_FALSE(cidr::parse("::/0").contains(endpoint()));
}

TEST(Cidr, TakesAMappedAddressForTheIPv4ThatItIs) {
    EXPECT_TRUE(has("10.0.0.0/8", "::ffff:10.9.8.7"));
    EXPECT_FALSE(has("::/64", "::ffff:10.9.8.7"));
}

TEST(Cidr, IsWrittenAsItIsRead) {
    for (const std::string_view text :
         {"192.0.2.0/24", "0.0.0.0/0", "2001:db8::/32", "::1/128", "10.0.0.1/32"})
        EXPECT_EQ(cidr::parse(text).to_string(), text);
}

TEST(Cidr, RefusesWhatIsNoneAndSaysWhy) {
    for (const std::string_view text : {"", "/8", "sala-3/8", "192.0.2/24", "[::1]/128", "fe80::1%lo/64"})
        EXPECT_NE(complaint(text).find("like 192.0.2.0/24"), std::string::npos) << text;
    for (const std::string_view text :
         {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8 ", "10.0.0.0/4294967304"})
        EXPECT_NE(complaint(text).find("0 to 32"), std::string::npos) << text;
    EXPECT_NE(complaint("2001:db8::/129").find("0 to 128"), std::string::npos);
    EXPECT_NE(complaint("192.0.2.7/24").find("past the length"), std::string::npos);
    EXPECT_NE(complaint("2001:db8::1/127").find("past the length"), std::string::npos);
}

TEST(Cidr, AListHasWhatOneOfItsRangesHas) {
    const std::vector<cidr> home{cidr::parse("127.0.0.0/8"), cidr::parse("::1")};
    EXPECT_TRUE(any_contains(home, at("127.1.2.3")));
    EXPECT_TRUE(any_contains(home, at("::1")));
    EXPECT_FALSE(any_contains(home, at("192.0.2.1")));
    EXPECT_FALSE(any_contains({}, at("::1")));
}

}  // namespace
}  // namespace aperto
