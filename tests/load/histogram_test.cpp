// SPDX-License-Identifier: MIT
#include "load/histogram.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

namespace {

using aperto::load::histogram;

TEST(histogram, an_empty_one_says_zero) {
    const histogram empty;
    EXPECT_EQ(empty.count(), 0U);
    EXPECT_EQ(empty.min(), 0);
    EXPECT_EQ(empty.max(), 0);
    EXPECT_EQ(empty.at_percentile(99), 0);
    EXPECT_EQ(empty.mean(), 0.0);
}

TEST(histogram, percentiles_of_one_to_a_thousand) {
    histogram all;
    for (int value = 1; value <= 1000; ++value) {
        all.record(value);
    }
    EXPECT_EQ(all.at_percentile(50), 500);
    EXPECT_EQ(all.at_percentile(99), 990);
    EXPECT_EQ(all.at_percentile(99.9), 999);
    EXPECT_EQ(all.at_percentile(100), 1000);
    EXPECT_EQ(all.at_percentile(0), 1);
    EXPECT_DOUBLE_EQ(all.mean(), 500.5);
}

TEST(histogram, every_size_of_value_is_kept_to_one_part_in_512) {
    for (std::int64_t value = 1; value < std::int64_t{1} << 41; value = value * 3 / 2 + 1) {
        histogram one;
        one.record(value);
        one.record(value * 2);  // so that the largest value seen does not give the answer away
        const std::int64_t told = one.at_percentile(50);
        EXPECT_GE(told, value);
        EXPECT_LE(static_cast<double>(told - value), static_cast<double>(value) / 512) << value;
    }
}

TEST(histogram, the_tail_is_not_averaged_away) {
    histogram mostly_quick;
    for (int i = 0; i < 99'999; ++i) {
        mostly_quick.record(50'000);
    }
    mostly_quick.record(2'000'000'000);
    EXPECT_EQ(mostly_quick.max(), 2'000'000'000);
    EXPECT_LT(mostly_quick.at_percentile(99.99), 51'000);
    EXPECT_EQ(mostly_quick.at_percentile(100), 2'000'000'000);
}

TEST(histogram, what_cannot_be_is_counted_at_the_border) {
    histogram odd;
    odd.record(-5);
    odd.record(INT64_MAX);
    EXPECT_EQ(odd.count(), 2U);
    EXPECT_EQ(odd.min(), 0);
    EXPECT_EQ(odd.max(), (std::int64_t{1} << 42) - 1);
}

TEST(histogram, merging_is_recording_both) {
    histogram left;
    histogram right;
    histogram both;
    for (int i = 1; i < 10'000; ++i) {
        (i % 3 == 0 ? left : right).record(i * 977);
        both.record(i * 977);
    }
    left.merge(right);
    EXPECT_EQ(left.count(), both.count());
    EXPECT_EQ(left.min(), both.min());
    for (const double percentile : {1.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
        EXPECT_EQ(left.at_percentile(percentile), both.at_percentile(percentile));
    }
    left.reset();
    EXPECT_EQ(left.count(), 0U);
    EXPECT_EQ(left.max(), 0);
}

TEST(histogram, the_file_ends_at_the_largest_value) {
    histogram some;
    for (int i = 1; i <= 1000; ++i) {
        some.record(i * 1'000'000);
    }
    char* text = nullptr;
    std::size_t size = 0;
    std::FILE* const file = ::open_memstream(&text, &size);
    EXPECT_TRUE(some.write(file));
    std::fclose(file);
    const std::unique_ptr<char, decltype(&std::free)> owner(text, std::free);
    const std::string written(text, size);
    std::printf("%s", written.c_str());
    EXPECT_NE(written.find("Value     Percentile TotalCount 1/(1-Percentile)"), std::string::npos);
    EXPECT_NE(written.find(" 1000.000000 1.000000000000       1000\n"), std::string::npos);
    EXPECT_NE(written.find("#[Total count =         1000]"), std::string::npos);
}

}  // namespace
