// SPDX-License-Identifier: MIT
#include "aperto/choice.hpp"
#include "aperto/sleep.hpp"
#include "aperto/stream.hpp"
#include "core/utf8.hpp"
#include "net/duet.hpp"

#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using namespace duet;

class StreamRead : public StreamTest {};
INSTANTIATE_TEST_SUITE_P(Engines, StreamRead, testing::Values(engine::uring, engine::epoll), engine_name);

task<> send_in_pieces(plain_socket& peer, std::string_view bytes, std::size_t size) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) {
        peer.send(bytes.substr(0, size));
        task<> next = turn();
        co_await next;
    }
    peer.half_close();
}

task<> collect(stream& from, std::vector<std::string>& messages) {
    while (auto message = co_await from.read_message())
        messages.emplace_back(*message);
}

/// What our side reads as messages when `bytes` arrive in pieces of `size`.
task<std::vector<std::string>> read_in_pieces(framing which, std::string_view bytes, std::size_t size) {
    stream_options options;
    options.framing = which;
    task<pair> meeting = meet(options);
    pair both = co_await meeting;
    std::vector<std::string> messages;
    task_group group;
    group.spawn(collect(both.ours, messages));
    group.spawn(send_in_pieces(both.peer, bytes, size));
    task<> joining = group.join();
    co_await joining;
    co_return messages;
}

task<> every_split(framing which, std::string_view bytes, std::vector<std::string> expected) {
    for (std::size_t size = 1; size <= bytes.size(); ++size) {
        task<std::vector<std::string>> reading = read_in_pieces(which, bytes, size);
        const std::vector<std::string> messages = co_await reading;
        EXPECT_EQ(messages, expected) << to_string(which) << " in pieces of " << size;
    }
}

TEST_P(StreamRead, FindsLinesHoweverTheyAreCut) {
    play(every_split(framing::line, "one\r\n\nthree\nlast", {"one", "", "three", "last"}));
}

TEST_P(StreamRead, FindsFramesHoweverTheyAreCut) {
    using namespace std::string_literals;
    play(every_split(framing::length, std::string_view("\0\0\0\0\0\0\0\3a\0b\0\0\0\1z", 16),
                     {"", "a\0b"s, "z"}));
}

TEST_P(StreamRead, NeverCutsACharacter) {
    const auto story = []() -> task<> {
        const std::string_view text = "olá, €uro 😀";
        for (std::size_t size = 1; size <= text.size(); ++size) {
            task<std::vector<std::string>> reading = read_in_pieces(framing::stream, text, size);
            const std::vector<std::string> messages = co_await reading;
            std::string joined;
            for (const std::string& each : messages) {
                EXPECT_TRUE(utf8::is_valid(each)) << '"' << each << "\" in pieces of " << size;
                joined += each;
            }
            EXPECT_EQ(joined, text);
        }
    };
    play(story());
}

TEST_P(StreamRead, HandsOutTheBeginningOfACharacterWhoseRestDoesNotCome) {
    const auto story = []() -> task<> {
        stream_options options;
        options.message_deadline = 10s;
        task<pair> meeting = meet(options);
        pair both = co_await meeting;
        both.peer.send("a\xC3");
        EXPECT_EQ(co_await both.ours.read_message(), "a");
        const time_point before = loop::current().read_now();
        EXPECT_EQ(co_await both.ours.read_message(), "\xC3");
        EXPECT_GE(loop::current().read_now() - before, character_wait - 20ms);
        EXPECT_LT(loop::current().read_now() - before, 5s);
        both.peer.send("\xA9");
        EXPECT_EQ(co_await both.ours.read_message(), "\xA9") << "what comes late";
        const auto rest_later = [](plain_socket& peer) -> task<> {
            co_await sleep(5ms);
            peer.send("\xA9");
        };
        both.peer.send("\xC3");
        task_group group;
        group.spawn(rest_later(both.peer));
        EXPECT_EQ(co_await both.ours.read_message(), "é") << "what comes in time";
        task<> joining = group.join();
        co_await joining;
    };
    play(story());
}

TEST_P(StreamRead, GivesRawBytesAsTheyCome) {
    const auto story = []() -> task<> {
        stream_options options;
        options.framing = framing::raw;
        options.max_message = 4;
        task<pair> meeting = meet(options);
        pair both = co_await meeting;
        both.peer.send(std::string_view("\0\xC3", 2));
        EXPECT_EQ(co_await both.ours.read_message(), std::string_view("\0\xC3", 2));
        both.peer.send("abc\xC3\xA9");
        EXPECT_EQ(co_await both.ours.read_message(), "abc\xC3") << "no more than the limit, at any byte";
        EXPECT_EQ(co_await both.ours.read_message(), "\xA9");
    };
    play(story());
}

TEST_P(StreamRead, HasUrgentBytesInTheirPlace) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        both.peer.send("a");
        both.peer.send_urgent('b');
        both.peer.send("c");
        task<std::optional<std::string_view>> reading =
            with_timeout(5s, [](stream& from) -> task<std::optional<std::string_view>> {
                co_return co_await from.read_exactly(3);
            }(both.ours));
        EXPECT_EQ(co_await reading, "abc");
    };
    play(story());
}

TEST_P(StreamRead, GivesPipelinedLinesOneByOne) {
    const auto story = []() -> task<> {
        constexpr int lines = 100'000;
        task<streams> meeting = meet_ours();
        streams both = co_await meeting;
        const auto chatter = [](stream& to) -> task<> {
            for (int i = 0; i < lines; ++i)
                co_await to.write(std::to_string(i) + "\n");
            co_await to.shutdown_write();
        };
        task_group group;
        group.spawn(chatter(both.left));
        int read = 0;
        while (auto line = co_await both.right.read_line()) {
            if (*line != std::to_string(read)) ADD_FAILURE() << *line << " is not line " << read;
            ++read;
        }
        EXPECT_EQ(read, lines);
        task<> joining = group.join();
        co_await joining;
    };
    play(story());
}

TEST_P(StreamRead, GivesAViewThatWritesLeaveAlone) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        both.peer.send("first\nsecond\n");
        const auto first = co_await both.ours.read_line();
        const std::string large(100'000, 'x');
        co_await both.ours.write(large);
        both.peer.send("third\n");
        co_await both.ours.write("small");
        co_await both.ours.flush();
        task<> next = turn();
        co_await next;
        EXPECT_EQ(first, "first");
        EXPECT_EQ(co_await both.ours.read_line(), "second");
        EXPECT_EQ(co_await both.ours.read_line(), "third");
        EXPECT_EQ(both.peer.take().size(), large.size() + 5);
    };
    play(story());
}

TEST_P(StreamRead, ReadsNoMoreAtOnceThanAMessageMayHave) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        both.peer.send("abc");
        const std::size_t most = both.ours.options().max_message;
        task<std::error_code> reading = failure_of(read_exactly(both.ours, most + 1));
        EXPECT_EQ(co_await reading, errc::message_too_large);
    };
    play(story());
}

TEST_P(StreamRead, MixesTheWaysOfReading) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        both.peer.send("GET /\r\nabcdefrest");
        EXPECT_EQ(co_await both.ours.read_line(), "GET /");
        EXPECT_EQ(co_await both.ours.read_exactly(6), "abcdef");
        EXPECT_EQ(co_await both.ours.read_some(), "rest");
        both.peer.half_close();
        EXPECT_EQ(co_await both.ours.read_some(), std::nullopt);
        EXPECT_EQ(co_await both.ours.read_line(), std::nullopt);
        EXPECT_EQ(co_await both.ours.read_exactly(1), std::nullopt);
        EXPECT_EQ(co_await both.ours.read_message(), std::nullopt);
        EXPECT_EQ(both.ours.bytes_received(), 17u);
    };
    play(story());
}

TEST_P(StreamRead, TellsAMessageThatWasCutShort) {
    const auto story = []() -> task<> {
        stream_options options;
        options.framing = framing::length;
        task<pair> meeting = meet(options);
        pair both = co_await meeting;
        both.peer.send(std::string_view("\0\0\0\5abc", 7));
        both.peer.half_close();
        task<std::error_code> reading = failure_of(read_message(both.ours));
        EXPECT_EQ(co_await reading, errc::cut_short);

        task<pair> again = meet();
        pair exactly = co_await again;
        exactly.peer.send("abc");
        exactly.peer.half_close();
        task<std::error_code> reading_five = failure_of(read_exactly(exactly.ours, 5));
        EXPECT_EQ(co_await reading_five, errc::cut_short);
    };
    play(story());
}

TEST_P(StreamRead, RefusesAMessagePastTheLimit) {
    const auto story = []() -> task<> {
        for (const framing which : {framing::line, framing::length}) {
            stream_options options;
            options.framing = which;
            options.max_message = 1000;
            task<pair> meeting = meet(options);
            pair both = co_await meeting;
            std::string bytes;
            append_frame(which, std::string(1000, 'a'), bytes);
            append_frame(which, std::string(1001, 'b'), bytes);
            both.peer.send(bytes);
            const auto whole = co_await both.ours.read_message();
            EXPECT_EQ(whole, std::string(1000, 'a'));
            task<std::error_code> reading = failure_of(read_message(both.ours));
            EXPECT_EQ(co_await reading, errc::message_too_large) << to_string(which);
        }
    };
    play(story());
}

TEST_P(StreamRead, WaitsNoLongerThanTheIdleTimeout) {
    const auto story = []() -> task<> {
        stream_options options;
        options.idle_timeout = 20ms;
        task<pair> meeting = meet(options);
        pair both = co_await meeting;
        const time_point before = loop::current().now();
        task<std::error_code> reading = failure_of(read_line(both.ours));
        EXPECT_EQ(co_await reading, std::errc::timed_out);
        EXPECT_GE(loop::current().now() - before, 20ms);
        EXPECT_LT(loop::current().now() - before, 5s);
    };
    play(story());
}

TEST_P(StreamRead, DoesNotLetATrickleOfBytesExtendTheMessageDeadline) {
    const auto story = []() -> task<> {
        stream_options options;
        options.message_deadline = 50ms;
        task<pair> meeting = meet(options);
        pair both = co_await meeting;
        task_group group;
        group.spawn(trickle(both.peer));
        const time_point before = loop::current().now();
        task<std::error_code> reading = failure_of(read_line(both.ours));
        EXPECT_EQ(co_await reading, std::errc::timed_out);
        EXPECT_GE(loop::current().now() - before, 50ms);
        EXPECT_LT(loop::current().now() - before, 5s);
        group.cancel();
        task<> joining = group.join();
        co_await joining;
    };
    play(story());
}

TEST_P(StreamRead, LosesNothingToACancelledWait) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        both.peer.send("begun");
        task<std::error_code> waiting = failure_of(with_timeout(5ms, read_line(both.ours)));
        EXPECT_EQ(co_await waiting, std::errc::timed_out);
        both.peer.send(" and ended\n");
        EXPECT_EQ(co_await both.ours.read_line(), "begun and ended");
    };
    play(story());
}

TEST_P(StreamRead, KnowsWhatTheHandshakeAgreedHoweverOftenItIsAsked) {
    const auto story = []() -> task<> {
        task<streams> meeting = meet_ours();
        const streams both = co_await meeting;
        for (int i = 0; i < 2; ++i) {
            const tcp_facts server = both.right.facts();
            EXPECT_EQ(server.state, "ESTABLISHED");
            EXPECT_TRUE(server.client_syn && server.client_syn->mss);
            EXPECT_FALSE(both.left.facts().client_syn);
        }
    };
    play(story());
}

TEST_P(StreamRead, TellsAReset) {
    const auto story = []() -> task<> {
        task<pair> waiting = meet();
        pair both = co_await waiting;
        task_group group;
        const endpoint who = both.ours.remote();
        const auto reset_later = [](plain_socket& peer) -> task<> {
            task<> next = turn();
            co_await next;
            peer.reset();
        };
        group.spawn(reset_later(both.peer));
        task<std::error_code> reading = failure_of(read_line(both.ours));
        EXPECT_EQ(co_await reading, std::errc::connection_reset);
        task<std::error_code> again = failure_of(read_line(both.ours));
        EXPECT_EQ(co_await again, std::errc::connection_reset) << "for good";
        EXPECT_EQ(both.ours.remote(), who) << "the kernel has forgotten it";
        task<> joining = group.join();
        co_await joining;
    };
    play(story());
}

}  // namespace
}  // namespace aperto
