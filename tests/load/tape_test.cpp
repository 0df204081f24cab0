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
using aperto::load::message_loop;
using aperto::load::plan;
using aperto::load::reply_reader;
using aperto::load::tape;

std::string capitals(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::toupper(c); });
    return out;
}

plan plan_of(framing how, std::size_t size, expectation expect) {
    plan what;
    what.framing = how;
    what.size = size;
    what.expect = expect;
    return what;
}

TEST(tape, lines_have_their_size_and_come_back_in_capitals) {
    const tape lines(plan_of(framing::line, 32, expectation::upper));
    EXPECT_EQ(lines.request_size(), 33U);
    EXPECT_EQ(lines.requests().length() % 33, 0U);
    std::set<std::string> seen;
    for (std::size_t i = 0; i < 100; ++i) {
        const std::string_view sent = lines.requests().from(lines.requests().place_of(i)).substr(0, 33);
        EXPECT_EQ(sent.find('\n'), 32U);
        EXPECT_EQ(lines.replies().from(lines.replies().place_of(i)).substr(0, 33), capitals(sent));
        seen.insert(std::string(sent));
    }
    EXPECT_EQ(seen.size(), 100U) << "a reply to another request would pass for the right one";
}

TEST(tape, a_length_stands_before_each_framed_message_and_stays_as_it_is) {
    const tape framed(
        plan_of(framing::length, 0x6162, expectation::upper));  // its bytes are the letters a and b
    const std::string_view sent = framed.requests().from(framed.requests().place_of(1));
    const std::string_view back = framed.replies().from(framed.replies().place_of(1));
    EXPECT_EQ(sent.substr(0, 4), std::string_view("\0\0ab", 4));
    EXPECT_EQ(back.substr(0, 4), std::string_view("\0\0ab", 4));
    EXPECT_EQ(back.substr(4, 0x6162), capitals(sent.substr(4, 0x6162)));
}

TEST(tape, an_echo_is_the_same) {
    const tape same(plan_of(framing::stream, 64, expectation::echo));
    EXPECT_EQ(same.requests().from(64), same.replies().from(64));
}

TEST(tape, a_gigabyte_of_stream_needs_no_gigabyte) {
    const tape large(plan_of(framing::stream, std::uint64_t{1} << 30, expectation::upper));
    EXPECT_EQ(large.request_size(), std::uint64_t{1} << 30);
    EXPECT_LE(large.requests().length(), 1U << 20);
}

TEST(tape, a_text_that_is_given_is_each_request_and_another_each_reply) {
    plan what;
    what.request_text = "PING\r\n";
    what.expect = expectation::text;
    what.reply_text = "+PONG\r\n";
    const tape pings(what);
    EXPECT_EQ(pings.request_size(), 6U);
    EXPECT_EQ(pings.reply_size(), 7U);
    EXPECT_EQ(pings.requests().from(pings.requests().place_of(5)).substr(0, 12), "PING\r\nPING\r\n");
    EXPECT_EQ(pings.replies().from(pings.replies().place_of(5)).substr(0, 14), "+PONG\r\n+PONG\r\n");
    EXPECT_EQ(pings.replies_to(0), 0U);
    EXPECT_EQ(pings.replies_to(6), 7U);
    EXPECT_EQ(pings.replies_to(7), 14U) << "a server may answer before it has read all";

    what.expect = expectation::upper;
    what.request_text = "get a1\n";
    const tape capitals_of_it(what);
    EXPECT_EQ(capitals_of_it.reply_size(), 7U);
    EXPECT_EQ(capitals_of_it.replies().from(0).substr(0, 7), "GET A1\n");
    EXPECT_EQ(capitals_of_it.replies_to(3), 3U) << "each byte may come back as it is sent";
}

TEST(tape, replies_of_a_known_number_of_bytes) {
    plan what = plan_of(framing::line, 9, expectation::bytes);
    what.reply_bytes = 250;
    const tape lines(what);
    EXPECT_EQ(lines.request_size(), 10U);
    EXPECT_EQ(lines.reply_size(), 250U);
    EXPECT_EQ(lines.replies_to(20), 500U);
}

// The server's side of a conversation, cut into pieces of `step` bytes.
struct reading {
    explicit reading(const tape& of)
        : from(of.replies()), reader(from.place_of(3)), place(from.place_of(3)) {}
    std::optional<aperto::load::difference> feed(std::string bytes, std::uint64_t sent) {
        return reader.compare(bytes, from, sent);
    }
    std::string next(std::size_t size) {
        std::string out(from.from(place).substr(0, size));
        place = from.advance(place, size);
        return out;
    }
    const message_loop& from;
    reply_reader reader;
    std::size_t place;
};

TEST(reply_reader, any_cut_of_the_right_bytes_is_right) {
    const tape lines(plan_of(framing::line, 32, expectation::upper));
    for (const std::size_t step : {1U, 7U, 33U, 4096U, 60'000U}) {
        reading seen(lines);
        for (std::size_t done = 0; done < 3 * lines.requests().length(); done += step) {
            ASSERT_FALSE(seen.feed(seen.next(step), UINT64_MAX / 2)) << step;
        }
        EXPECT_GE(seen.reader.received(), 3 * lines.requests().length());
    }
}

TEST(reply_reader, one_wrong_byte_is_found_where_it_is) {
    const tape lines(plan_of(framing::line, 32, expectation::upper));
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
    const tape lines(plan_of(framing::line, 32, expectation::upper));
    reading seen(lines);
    const auto wrong = seen.feed(seen.next(67), 66);
    ASSERT_TRUE(wrong);
    EXPECT_TRUE(wrong->unasked);
    EXPECT_EQ(wrong->offset, 66U);
}

TEST(reply_reader, measures_what_it_does_not_compare) {
    reply_reader any;
    EXPECT_FALSE(any.measure("any", 5));
    EXPECT_FALSE(any.measure("ok", 5));
    EXPECT_EQ(any.received(), 5U);
    const auto more = any.measure("!", 5);
    ASSERT_TRUE(more);
    EXPECT_TRUE(more->unasked);
    EXPECT_EQ(more->offset, 5U);
    EXPECT_EQ(more->got, '!');
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
