// SPDX-License-Identifier: MIT
// Reading into memory of the caller's, looking before taking, and errors as values.
#include "aperto/group.hpp"
#include "aperto/result.hpp"
#include "aperto/stream.hpp"
#include "net/duet.hpp"

#include <array>
#include <span>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using namespace duet;

class ReadingForms : public StreamTest {};
INSTANTIATE_TEST_SUITE_P(Engines, ReadingForms, testing::Values(engine::uring, engine::epoll), engine_name);

TEST_P(ReadingForms, IntoMemoryOfTheCallersAsMuchAsItHolds) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        both.peer.send("abcdefgh");
        both.peer.half_close();
        std::array<char, 5> text{};
        const std::size_t first = co_await both.ours.read_into(text);
        EXPECT_EQ(std::string_view(text.data(), first), "abcde");
        std::array<std::byte, 2> bytes{};
        const std::size_t second = co_await both.ours.read_into(bytes);
        EXPECT_EQ(second, 2U);
        EXPECT_EQ(bytes[1], std::byte{'g'});
        const auto rest = co_await both.ours.read_some();
        EXPECT_EQ(rest, "h");
        EXPECT_EQ(co_await both.ours.read_into(text), 0U) << "the end of the stream";
    };
    play(story());
}

TEST_P(ReadingForms, LookedAtIsNotTaken) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        both.peer.send("ab");
        const auto begin = co_await both.ours.peek();
        EXPECT_EQ(begin, "ab");
        both.peer.send("cd\nrest");
        const auto four = co_await both.ours.peek(4);
        EXPECT_TRUE(four.has_value() && four->substr(0, 4) == "abcd");
        both.ours.consume(1);
        const auto line = co_await both.ours.read_line();
        EXPECT_EQ(line, "bcd");
        const auto rest = co_await both.ours.peek(4);
        EXPECT_EQ(rest, "rest");
        EXPECT_THROW(both.ours.consume(5), error);
        both.ours.consume(4);
        EXPECT_EQ(*rest, "rest") << "good until the next read";
        both.peer.half_close();
        const auto end = co_await both.ours.peek();
        EXPECT_FALSE(end.has_value());
    };
    play(story());
}

TEST_P(ReadingForms, WhatStandsBehindARequestIsTold) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        EXPECT_EQ(both.ours.unread(), 0U);
        both.peer.send("request\nand more");
        const auto line = co_await both.ours.read_line();
        EXPECT_EQ(line, "request");
        EXPECT_EQ(both.ours.unread(), 8U);
        const auto more = co_await both.ours.read_some();
        EXPECT_EQ(more, "and more");
        EXPECT_EQ(both.ours.unread(), 0U);
    };
    play(story());
}

task<> peek(stream& from, std::size_t count) { co_await from.peek(count); }

TEST_P(ReadingForms, LookingKeepsTheLimitsOfReading) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet({.max_message = 8, .message_deadline = 50ms});
        pair both = co_await meeting;
        task<std::error_code> large = failure_of(peek(both.ours, 9));
        EXPECT_EQ(co_await large, errc::message_too_large);
        task<pair> again = meet({.max_message = 8, .idle_timeout = 1h, .message_deadline = 50ms});
        pair slow = co_await again;
        slow.peer.send("a");
        co_await slow.ours.peek();
        // The message has begun, though nothing of it was taken: a byte now and then does not extend it.
        task<std::error_code> late = failure_of(peek(slow.ours, 2));
        EXPECT_EQ(co_await late, errc::deadline);
        task<pair> third = meet();
        pair cut = co_await third;
        cut.peer.send("abc");
        cut.peer.half_close();
        task<std::error_code> cut_short = failure_of(peek(cut.ours, 4));
        EXPECT_EQ(co_await cut_short, errc::cut_short);
    };
    play(story());
}

TEST_P(ReadingForms, AnErrorAsAValueIsGoneOnFromWithAnotherWait) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet({.max_message = 4});
        pair both = co_await meeting;
        both.peer.send("abc\ntoo long a line\n");
        auto line = co_await as_result(both.ours.read_line());
        EXPECT_TRUE(line && *line && **line == "abc");
        auto failed = co_await as_result(both.ours.read_line());
        EXPECT_FALSE(failed);
        if (!failed) co_await both.ours.write(failed.error().code() == errc::message_too_large ? "n" : "?");
        EXPECT_THROW(failed.value(), error);
        co_await both.ours.flush();
        EXPECT_EQ(both.peer.take(1), "n");
        const auto five = []() -> task<int> { co_return 5; };
        auto number = co_await as_result(five());
        EXPECT_EQ(number.value(), 5);
    };
    play(story());
}

TEST_P(ReadingForms, ACancellationIsNoResult) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        bool went_on = false;
        const auto wait = [](stream& from, bool& after) -> task<> {
            const auto line = co_await as_result(from.read_line());
            after = line.has_value() || !line.has_value();
        };
        task_group group;
        group.spawn(wait(both.ours, went_on));
        group.cancel();
        task<> joining = group.join();
        co_await joining;
        EXPECT_FALSE(went_on);
    };
    play(story());
}

}  // namespace
}  // namespace aperto
