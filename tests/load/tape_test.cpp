// SPDX-License-Identifier: MIT
#include "load/tape.hpp"

#include "load/reply_reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <string>
#include <string_view>

namespace {

using aperto::load::expectation;
using aperto::load::framing;
using aperto::load::reply_reader;
using aperto::load::tape;

std::string capitals(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::toupper(c); });
    return out;
}

TEST(tape, lines_have_their_size_and_come_back_in_capitals) {
    const tape lines(framing::line, 32, expectation::upper);
    EXPECT_EQ(lines.message_size(), 33U);
    EXPECT_EQ(lines.length() % 33, 0U);
    std::set<std::string> seen;
    for (std::size_t i = 0; i < 100; ++i) {
        const std::string_view sent = lines.requests_from(lines.place_of(i)).substr(0, 33);
        EXPECT_EQ(sent.find('\n'), 32U);
        EXPECT_EQ(lines.replies_from(lines.place_of(i)).substr(0, 33), capitals(sent));
        seen.insert(std::string(sent));
    }
    EXPECT_EQ(seen.size(), 100U) << "a reply to another request would pass for the right one";
}

TEST(tape, a_length_stands_before_each_framed_message_and_stays_as_it_is) {
    const tape framed(framing::length, 0x6162, expectation::upper);  // its bytes are the letters a and b
    const std::string_view sent = framed.requests_from(framed.place_of(1));
    const std::string_view back = framed.replies_from(framed.place_of(1));
    EXPECT_EQ(sent.substr(0, 4), std::string_view("\0\0ab", 4));
    EXPECT_EQ(back.substr(0, 4), std::string_view("\0\0ab", 4));
    EXPECT_EQ(back.substr(4, 0x6162), capitals(sent.substr(4, 0x6162)));
}

TEST(tape, an_echo_is_the_same) {
    const tape same(framing::stream, 64, expectation::echo);
    EXPECT_EQ(same.requests_from(64), same.replies_from(64));
}

TEST(tape, a_gigabyte_of_stream_needs_no_gigabyte) {
    const tape large(framing::stream, std::uint64_t{1} << 30, expectation::upper);
    EXPECT_EQ(large.message_size(), std::uint64_t{1} << 30);
    EXPECT_LE(large.length(), 1U << 20);
}

// The server's side of a conversation, cut into pieces of `step` bytes.
struct reading {
    explicit reading(const tape& of) : from(of), reader(of.place_of(3)), place(of.place_of(3)) {}
    std::optional<aperto::load::difference> feed(std::string bytes, std::uint64_t sent) {
        return reader.compare(bytes, from, sent);
    }
    std::string next(std::size_t size) {
        std::string out(from.replies_from(place).substr(0, size));
        place = from.advance(place, size);
        return out;
    }
    const tape& from;
    reply_reader reader;
    std::size_t place;
};

TEST(reply_reader, any_cut_of_the_right_bytes_is_right) {
    const tape lines(framing::line, 32, expectation::upper);
    for (const std::size_t step : {1U, 7U, 33U, 4096U, 60'000U}) {
        reading seen(lines);
        for (std::size_t done = 0; done < 3 * lines.length(); done += step) {
            ASSERT_FALSE(seen.feed(seen.next(step), UINT64_MAX / 2)) << step;
        }
        EXPECT_GE(seen.reader.received(), 3 * lines.length());
    }
}

TEST(reply_reader, one_wrong_byte_is_found_where_it_is) {
    const tape lines(framing::line, 32, expectation::upper);
    reading seen(lines);
    ASSERT_FALSE(seen.feed(seen.next(100), 10'000));
    std::string reply = seen.next(100);
    reply[41] = '!';
    const auto wrong = seen.feed(reply, 10'000);
    ASSERT_TRUE(wrong);
    EXPECT_EQ(wrong->offset, 141U);
    EXPECT_EQ(wrong->got, '!');
    EXPECT_NE(wrong->expected, '!');
    EXPECT_FALSE(wrong->unasked);
}

TEST(reply_reader, more_than_was_asked_for_is_wrong_even_if_it_would_be_next) {
    const tape lines(framing::line, 32, expectation::upper);
    reading seen(lines);
    const auto wrong = seen.feed(seen.next(67), 66);
    ASSERT_TRUE(wrong);
    EXPECT_TRUE(wrong->unasked);
    EXPECT_EQ(wrong->offset, 66U);
}

TEST(reply_reader, counts_what_it_does_not_compare) {
    reply_reader lines;
    EXPECT_EQ(lines.count("one\ntw", framing::line), 1U);
    EXPECT_EQ(lines.count("o\n\n", framing::line), 2U);

    reply_reader framed;
    const std::string two("\0\0\0\3abc\0\0\0\0\0\0\0\1", 15);
    EXPECT_EQ(framed.count(std::string_view(two).substr(0, 2), framing::length), 0U);
    EXPECT_EQ(framed.count(std::string_view(two).substr(2, 4), framing::length), 0U);
    EXPECT_EQ(framed.count(std::string_view(two).substr(6), framing::length), 2U);
    EXPECT_EQ(framed.count("x", framing::length), 1U);

    reply_reader stream;
    EXPECT_EQ(stream.count("anything", framing::stream), 1U);
}

}  // namespace
