// SPDX-License-Identifier: MIT
// Frames that a finder of the user's own finds, and lines that CR LF alone ends.
#include "aperto/choice.hpp"
#include "aperto/sleep.hpp"
#include "aperto/stream.hpp"
#include "net/duet.hpp"

#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using namespace duet;

class OwnFraming : public StreamTest {};
INSTANTIATE_TEST_SUITE_P(Engines, OwnFraming, testing::Values(engine::uring, engine::epoll), engine_name);

/// A digit, then so many bytes; counts its calls.
int calls = 0;
frame find_counted(std::string_view bytes, std::size_t, bool) noexcept {
    ++calls;
    const std::size_t whole = 1 + static_cast<std::size_t>(bytes[0] - '0');
    if (bytes.size() < whole) return {.needed = whole};
    return {.what = frame::state::complete, .message = bytes.substr(1, whole - 1), .consumed = whole};
}

/// Up to a semicolon; does not know what it needs.
frame find_clause(std::string_view bytes, std::size_t, bool) noexcept {
    ++calls;
    const std::size_t end = bytes.find(';');
    if (end == std::string_view::npos) return {};
    return {.what = frame::state::complete, .message = bytes.substr(0, end), .consumed = end + 1};
}

task<> collect(stream& from, frame_finder finder, std::vector<std::string>& found) {
    while (auto message = co_await from.read_frame(finder))
        found.emplace_back(*message);
}

task<> send_byte_by_byte(plain_socket& peer, std::string_view bytes) {
    for (const char& each : bytes) {
        peer.send({&each, 1});
        co_await sleep(1ms);
    }
    peer.half_close();
}

task<std::vector<std::string>> read_byte_by_byte(frame_finder finder, std::string_view bytes) {
    task<pair> meeting = meet();
    pair both = co_await meeting;
    std::vector<std::string> found;
    calls = 0;
    task_group group;
    group.spawn(collect(both.ours, finder, found));
    group.spawn(send_byte_by_byte(both.peer, bytes));
    task<> joining = group.join();
    co_await joining;
    co_return found;
}

TEST_P(OwnFraming, FindsFramesHoweverTheyAreCut) {
    const auto story = []() -> task<> {
        task<std::vector<std::string>> counted = read_byte_by_byte(find_counted, "3abc05hello1x");
        const std::vector<std::string> expected{"abc", "", "hello", "x"};
        EXPECT_EQ(co_await counted, expected);
        EXPECT_LE(calls, 8) << "asked again before what it needs was there";
        task<std::vector<std::string>> clauses = read_byte_by_byte(find_clause, "one;;three;");
        const std::vector<std::string> three{"one", "", "three"};
        EXPECT_EQ(co_await clauses, three);
    };
    play(story());
}

task<std::error_code> failure_after(std::string_view bytes, frame_finder finder,
                                    stream_options options = {}) {
    task<pair> meeting = meet(options);
    pair both = co_await meeting;
    both.peer.send(bytes);
    both.peer.half_close();
    const auto read = [](stream& from, frame_finder find) -> task<> {
        for (bool more = true; more;) {
            const auto found = co_await from.read_frame(find);
            more = found.has_value();
        }
    };
    task<std::error_code> reading = failure_of(read(both.ours, finder));
    co_return co_await reading;
}

TEST_P(OwnFraming, TellsWhatWasCutShortAndWhatIsTooLarge) {
    const auto story = []() -> task<> {
        task<std::error_code> cut = failure_after("2ab9abc", find_counted);
        EXPECT_EQ(co_await cut, errc::cut_short);
        stream_options small;
        small.max_message = 5;
        task<std::error_code> announced = failure_after("2ab9", find_counted, small);
        EXPECT_EQ(co_await announced, errc::message_too_large) << "seen from what is needed";
        task<std::error_code> endless = failure_after("abcdef", find_clause, small);
        EXPECT_EQ(co_await endless, errc::message_too_large) << "seen from what has come";
        task<std::error_code> at_once = failure_after("5abcde", find_counted, small);
        EXPECT_EQ(co_await at_once, errc::message_too_large) << "whole, and larger than allowed";
        task<std::error_code> fits = failure_after("4abcd", find_counted, small);
        EXPECT_EQ(co_await fits, std::error_code());
    };
    play(story());
}

TEST_P(OwnFraming, TellsWhatIsNotOfTheProtocol) {
    const auto story = []() -> task<> {
        const frame_finder digits = [](std::string_view bytes, std::size_t, bool) noexcept {
            if (bytes[0] < '0' || bytes[0] > '9') return frame{.what = frame::state::malformed};
            return frame{.what = frame::state::complete, .message = bytes.substr(0, 1), .consumed = 1};
        };
        task<pair> meeting = meet();
        pair both = co_await meeting;
        both.peer.send("1x");
        EXPECT_EQ(co_await both.ours.read_frame(digits), "1");
        task<std::error_code> reading = failure_of(read_frame(both.ours, digits));
        EXPECT_EQ(co_await reading, errc::malformed);
        EXPECT_EQ(co_await both.ours.read_some(), "x") << "who wants to know what it was may look";

        stream_options few;
        few.max_message = 64;
        task<pair> again = meet(few);
        pair others = co_await again;
        others.peer.send(std::string(100, 'x'));
        co_await others.ours.peek(60);
        task<std::error_code> much = failure_of(read_frame(others.ours, digits));
        EXPECT_EQ(co_await much, errc::malformed) << "however much of it there is";
    };
    play(story());
}

TEST_P(OwnFraming, HoldsAFinderToItsContract) {
    const auto takes_nothing = [](std::string_view, std::size_t, bool) noexcept -> frame {
        ++calls;
        return {.what = frame::state::complete};
    };
    const auto takes_too_much = [](std::string_view bytes, std::size_t, bool) noexcept -> frame {
        ++calls;
        return {.what = frame::state::complete, .message = bytes, .consumed = bytes.size() + 1};
    };
    const auto gives_what_follows = [](std::string_view bytes, std::size_t, bool) noexcept -> frame {
        ++calls;
        return {.what = frame::state::complete, .message = bytes, .consumed = 1};
    };
    const auto takes_too_much_for_nothing = [](std::string_view bytes, std::size_t, bool) noexcept -> frame {
        ++calls;
        return {.what = frame::state::complete, .consumed = bytes.size() + 1};
    };
    const auto story = [](frame_finder wrong) -> task<> {
        calls = 0;
        task<std::error_code> reading = failure_after("abc", wrong);
        EXPECT_EQ(co_await reading, errc::misuse);
        EXPECT_EQ(calls, 1) << "nothing of it was handed out";
    };
    for (const frame_finder wrong :
         {frame_finder(takes_nothing), frame_finder(takes_too_much), frame_finder(gives_what_follows),
          frame_finder(takes_too_much_for_nothing)})
        play(story(wrong));
}

TEST_P(OwnFraming, DoesNotLetATrickleExtendTheMessageDeadline) {
    const auto story = []() -> task<> {
        stream_options options;
        options.message_deadline = 50ms;
        task<pair> meeting = meet(options);
        pair both = co_await meeting;
        task_group group;
        group.spawn(trickle(both.peer));
        task<std::error_code> late = failure_of(read_frame(both.ours, find_clause));
        EXPECT_EQ(co_await late, errc::deadline);
        group.cancel();
        task<> joining = group.join();
        co_await joining;
    };
    play(story());
}

TEST_P(OwnFraming, IsWhatMessagesAreReadIn) {
    const auto story = []() -> task<> {
        stream_options options;
        options.finder = find_clause;
        task<pair> meeting = meet(options);
        pair both = co_await meeting;
        both.peer.send("\xC3;two;");  // framing `stream` would wait for the rest of a character
        EXPECT_EQ(co_await both.ours.read_message(), "\xC3");
        EXPECT_EQ(co_await both.ours.read_message(), "two");
        task<> writing = both.ours.write_message("as it is");
        co_await writing;
        co_await both.ours.flush();
        EXPECT_EQ(both.peer.take(), "as it is");
    };
    play(story());
}

TEST_P(OwnFraming, DoesNotMistakeWhatAnotherReadKnewOfTheBytes) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        both.peer.send("9a\n");
        task<std::error_code> waiting = failure_of(with_timeout(5ms, read_frame(both.ours, find_counted)));
        EXPECT_EQ(co_await waiting, errc::deadline);
        EXPECT_EQ(co_await both.ours.read_line(), "9a");
    };
    play(story());
}

TEST_P(OwnFraming, EndsALineByCrLfAloneWhereThatIsAsked) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        both.peer.send("DATA\r\na\nb\rc\r\n\r\n.\nMAIL\n");
        both.peer.half_close();
        EXPECT_EQ(co_await both.ours.read_line(line_end::crlf), "DATA");
        EXPECT_EQ(co_await both.ours.read_line(line_end::crlf), "a\nb\rc");
        EXPECT_EQ(co_await both.ours.read_line(line_end::crlf), "");
        EXPECT_EQ(co_await both.ours.read_line(line_end::crlf), ".\nMAIL\n") << "the last may lack its end";
        EXPECT_FALSE(co_await both.ours.read_line(line_end::crlf));
    };
    play(story());
}

TEST(FindLine, SearchesEachByteOnce) {
    const std::string bytes = "a\nb\r\nc";
    for (std::size_t scanned = 0; scanned <= 4; ++scanned) {
        const frame found = find_line(line_end::crlf, bytes, 100, false, scanned);
        EXPECT_EQ(found.message, "a\nb") << scanned;
        EXPECT_EQ(found.consumed, 5u);
    }
    EXPECT_EQ(find_line(line_end::crlf, bytes, 100, false, 5).what, frame::state::incomplete);
    EXPECT_EQ(find_line(line_end::crlf, "\n", 100, false).what, frame::state::incomplete);
    EXPECT_EQ(find_line(line_end::crlf, "a\nb\n", 3, false).what, frame::state::too_large);
}

}  // namespace
}  // namespace aperto
