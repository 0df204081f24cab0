// SPDX-License-Identifier: MIT
#include "cli/options/quantity.hpp"

#include <gtest/gtest.h>

namespace aperto::cli {
namespace {

using namespace std::chrono_literals;

TEST(quantity, a_time_is_a_number_and_a_unit) {
    EXPECT_EQ(parse_duration("200ms"), duration(200ms));
    EXPECT_EQ(parse_duration("5s"), duration(5s));
    EXPECT_EQ(parse_duration("1.5s"), duration(1500ms));
    EXPECT_EQ(parse_duration("2m"), duration(2min));
    EXPECT_EQ(parse_duration("2min"), duration(2min));
    EXPECT_EQ(parse_duration("1h"), duration(1h));
    EXPECT_EQ(parse_duration("30us"), duration(30us));
    EXPECT_EQ(parse_duration("30µs"), duration(30us));
    EXPECT_EQ(parse_duration("50ns"), duration(50ns));
    EXPECT_EQ(parse_duration("1.5 s"), duration(1500ms));
}

TEST(quantity, a_bare_number_is_seconds_and_never_is_for_ever) {
    EXPECT_EQ(parse_duration("30"), duration(30s));
    EXPECT_EQ(parse_duration("0"), duration(0s));
    EXPECT_EQ(parse_duration("never"), forever);
}

TEST(quantity, what_is_no_time_is_nothing) {
    for (const char* text : {"", "s", "ms", "-1s", "1 5s", " 5s", "5s ", "1S", "5x", "1e9h", "nan", "inf",
                             "0x5s", "1.2.3s", "٣s"})
        EXPECT_FALSE(parse_duration(text)) << text;
    EXPECT_FALSE(parse_duration("999999999999999h")) << "past what a clock counts";
}

TEST(quantity, a_size_is_bytes_in_powers_of_1024_or_1000) {
    EXPECT_EQ(parse_size("4096"), 4096u);
    EXPECT_EQ(parse_size("12B"), 12u);
    EXPECT_EQ(parse_size("64KiB"), 65536u);
    EXPECT_EQ(parse_size("1MiB"), 1048576u);
    EXPECT_EQ(parse_size("1.5KiB"), 1536u);
    EXPECT_EQ(parse_size("10MB"), 10000000u);
    EXPECT_EQ(parse_size("2GiB"), 2147483648u);
    EXPECT_EQ(parse_size("64k"), 64000u);
    EXPECT_EQ(parse_size("1 MiB"), 1048576u);
}

TEST(quantity, what_is_no_size_is_nothing) {
    for (const char* text : {"", "MiB", "-1", "1mib", "1.5", "1 M iB", "1e3", "9007199254740993GiB"})
        EXPECT_FALSE(parse_size(text)) << text;
}

TEST(quantity, a_number_stays_in_its_range) {
    EXPECT_EQ(parse_number("0", 0, 65535), 0u);
    EXPECT_EQ(parse_number("65535", 0, 65535), 65535u);
    for (const char* text : {"65536", "-1", "+1", "", "9x", " 9", "99999999999999999999"})
        EXPECT_FALSE(parse_number(text, 0, 65535)) << text;
    EXPECT_FALSE(parse_number("0", 1, 9));
}

TEST(quantity, people_read_groups_of_three) {
    EXPECT_EQ(grouped(0), "0");
    EXPECT_EQ(grouped(999), "999");
    EXPECT_EQ(grouped(1000), "1,000");
    EXPECT_EQ(grouped(65495), "65,495");
    EXPECT_EQ(grouped(1234567), "1,234,567");
}

TEST(quantity, a_number_keeps_the_decimals_it_has) {
    EXPECT_EQ(decimal_text(0.001), "0.001");
    EXPECT_EQ(decimal_text(12.5), "12.5");
    EXPECT_EQ(decimal_text(40), "40");
}

TEST(quantity, sizes_are_exact_while_they_are_short) {
    EXPECT_EQ(size_text(14), "14 B");
    EXPECT_EQ(size_text(999'999), "999,999 B");
    EXPECT_EQ(size_text(1'000'000), "1.0 MB");
    EXPECT_EQ(size_text(104'857'600), "104.9 MB");
    EXPECT_EQ(size_text(999'960'000), "1.0 GB");
}

TEST(quantity, times_keep_the_digits_that_matter) {
    EXPECT_EQ(duration_text(60us), "0.06 ms");
    EXPECT_EQ(duration_text(12345us), "12.3 ms");
    EXPECT_EQ(duration_text(201ms), "201 ms");
    EXPECT_EQ(duration_text(12500ms), "12.5 s");
    EXPECT_EQ(duration_text(200s), "3 min 20 s");
    EXPECT_EQ(duration_text(3h + 5min), "3 h 5 min");
}

TEST(quantity, defaults_read_as_an_option_takes_them) {
    for (const duration length : {duration(250ms), duration(5s), duration(1min), duration(0s), forever})
        EXPECT_EQ(parse_duration(duration_option_text(length)), length) << duration_option_text(length);
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{1000}, std::size_t{65536}, std::size_t{1048576}})
        EXPECT_EQ(parse_size(size_option_text(size)), size) << size_option_text(size);
}

}  // namespace
}  // namespace aperto::cli
