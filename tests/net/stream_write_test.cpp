// SPDX-License-Identifier: MIT
#include "aperto/choice.hpp"
#include "aperto/sleep.hpp"
#include "aperto/stream.hpp"
#include "net/duet.hpp"

#include <thread>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using namespace duet;

class StreamWrite : public StreamTest {};
INSTANTIATE_TEST_SUITE_P(Engines, StreamWrite, testing::Values(engine::uring, engine::epoll), engine_name);

/// Bytes of which no two stretches are alike, so that any that is lost, doubled or moved shows.
std::string pattern(std::size_t size) {
    std::string bytes(size, '\0');
    std::uint32_t state = 1;
    for (char& each : bytes) {
        state = state * 1664525u + 1013904223u;
        each = static_cast<char>(state >> 24);
    }
    return bytes;
}

task<> write_all(stream& to, std::string_view bytes, std::size_t piece) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size())))
        co_await to.write(bytes.substr(0, piece));
    co_await to.shutdown_write();
}

task<> read_all(stream& from, std::string& into) {
    while (auto part = co_await from.read_some())
        into += *part;
}

TEST_P(StreamWrite, DeliversEveryByteInOrderWhateverTheSizeOfTheWrites) {
    const auto story = []() -> task<> {
        const std::string sent = pattern(8 * 1024 * 1024);
        for (const std::size_t piece : {1000u, 32u * 1024, 32u * 1024 + 1, 700'001u, 8u * 1024 * 1024}) {
            task<streams> meeting = meet_ours();
            streams both = co_await meeting;
            std::string received;
            task_group group;
            group.spawn(write_all(both.left, sent, piece));
            group.spawn(read_all(both.right, received));
            task<> joining = group.join();
            co_await joining;
            EXPECT_TRUE(received == sent) << "in writes of " << piece;
            EXPECT_EQ(both.left.bytes_sent(), sent.size());
            EXPECT_EQ(both.right.bytes_received(), sent.size());
        }
    };
    play(story());
}

TEST_P(StreamWrite, GoesBothWaysAtOnce) {
    const auto story = []() -> task<> {
        const std::string sent = pattern(4 * 1024 * 1024);
        task<streams> meeting = meet_ours();
        streams both = co_await meeting;
        std::string left;
        std::string right;
        task_group group;
        group.spawn(write_all(both.left, sent, 100'000));
        group.spawn(write_all(both.right, sent, 5'000));
        group.spawn(read_all(both.right, right));
        group.spawn(read_all(both.left, left));
        task<> joining = group.join();
        co_await joining;
        EXPECT_TRUE(left == sent);
        EXPECT_TRUE(right == sent);
    };
    play(story());
}

TEST_P(StreamWrite, JoinsPartsAndFramesMessages) {
    const auto story = []() -> task<> {
        stream_options options;
        options.framing = framing::length;
        task<pair> meeting = meet(options);
        pair both = co_await meeting;
        const std::vector<std::string_view> parts{"HTTP/1.1 ", "200", " OK\r\n"};
        co_await both.ours.write(parts);
        task<> framed = both.ours.write_message("texto");
        co_await framed;
        task<> empty = both.ours.write_message("");
        co_await empty;
        co_await both.ours.flush();
        EXPECT_EQ(both.peer.take(), std::string("HTTP/1.1 200 OK\r\n\0\0\0\5texto\0\0\0\0", 30));
        EXPECT_EQ(both.ours.bytes_sent(), 30u);
    };
    play(story());
}

TEST_P(StreamWrite, AMessageThatWasMadeForItIsKeptUntilTheTaskRuns) {
    const auto story = []() -> task<> {
        stream_options options;
        options.framing = framing::line;
        task<pair> meeting = meet(options);
        pair both = co_await meeting;
        constexpr std::size_t size = 1000;
        task<> later = both.ours.write_message(std::string(size, 'a'));
        std::string lives(size, 'b');
        task<> viewed = both.ours.write_message(lives);
        std::vector<std::string> others;  // where the first one was, if it is gone
        for (int i = 0; i < 100; ++i)
            others.emplace_back(size, 'x');
        lives.assign(size, 'c');
        co_await later;
        co_await viewed;
        co_await both.ours.flush();
        EXPECT_EQ(both.peer.take(), std::string(size, 'a') + "\n" + std::string(size, 'c') + "\n");
    };
    play(story());
}

TEST_P(StreamWrite, GathersManyLargePartsWhereTheyAre) {
    const auto story = []() -> task<> {
        const std::string bytes = pattern(2'000'000);
        // More than one call of the kernel takes, of every size, and some of them nothing.
        std::vector<std::string_view> parts;
        for (std::size_t at = 0, size = 0; at < bytes.size(); at += size, size = (size * 5 + 7'001) % 90'001)
            parts.push_back(std::string_view(bytes).substr(at, size));
        EXPECT_GT(parts.size(), 2 * send_operation::parts_max);
        task<streams> meeting = meet_ours();
        streams both = co_await meeting;
        std::string received;
        task_group group;
        group.spawn(read_all(both.right, received));
        co_await both.left.write("small, ");
        co_await both.left.write(parts);
        co_await both.left.write(" and small");
        co_await both.left.shutdown_write();
        task<> joining = group.join();
        co_await joining;
        EXPECT_TRUE(received == "small, " + bytes + " and small");
    };
    play(story());
}

TEST_P(StreamWrite, ACorkKeepsTogetherWhatIsWrittenAcrossWaits) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        {
            const cork together(both.ours);
            co_await both.ours.write("head, ");
            co_await sleep(std::chrono::milliseconds(5));
            EXPECT_EQ(both.peer.take(), "");
            {
                const cork inner(both.ours);
                co_await both.ours.write("middle, ");
            }
            co_await sleep(std::chrono::milliseconds(5));
            co_await both.ours.write("tail");
        }
        co_await both.ours.flush();
        EXPECT_EQ(both.peer.take(), "head, middle, tail");
        EXPECT_EQ(both.ours.facts().data_segments_out, 1u);

        const cork asked(both.ours);
        co_await both.ours.write("now");
        co_await both.ours.flush();
        EXPECT_EQ(both.peer.take(), "now");
    };
    play(story());
}

TEST_P(StreamWrite, ACorkHoldsWhatIsWrittenBesideASendInFlight) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        co_await both.ours.write("before, ");
        {
            const cork together(both.ours);
            co_await both.ours.write("in the same turn, ");
            co_await sleep(std::chrono::milliseconds(5));
            EXPECT_EQ(both.peer.take(), "") << "what was written before waits with it";
        }
        co_await both.ours.flush();
        EXPECT_EQ(both.peer.take(), "before, in the same turn, ");

        const std::string large = pattern(20'000);
        co_await both.ours.write(large);
        {
            const cork together(both.ours);
            co_await both.ours.write("HEADER ");
            co_await sleep(std::chrono::milliseconds(5));
            EXPECT_EQ(both.peer.take(), large);
            co_await both.ours.write("BODY");
        }
        co_await both.ours.flush();
        EXPECT_EQ(both.peer.take(), "HEADER BODY");
    };
    play(story());
}

TEST_P(StreamWrite, TryWriteIsNotInTheWayOfACork) {
    const auto story = []() -> task<> {
        stream_options options;
        options.high_water = 20'000;
        task<pair> meeting = meet(options);
        pair both = co_await meeting;
        const cork together(both.ours);
        const std::string piece = pattern(9'000);
        for (int i = 0; i < 10; ++i) {
            EXPECT_TRUE(both.ours.try_write(piece)) << "the peer is not slow";
            co_await sleep(std::chrono::milliseconds(1));
        }
    };
    play(story());
}

TEST_P(StreamWrite, ACorkHoldsNoMoreThanTheHighWaterMark) {
    const auto story = []() -> task<> {
        stream_options options;
        options.high_water = 20'000;
        task<pair> meeting = meet(options);
        pair both = co_await meeting;
        const cork together(both.ours);
        const std::string piece = pattern(9'000);
        std::string arrived;
        for (int i = 0; i < 10; ++i) {
            co_await both.ours.write(piece);
            EXPECT_LE(both.ours.unsent(), options.high_water);
        }
        co_await sleep(std::chrono::milliseconds(5));
        arrived += both.peer.take();
        EXPECT_GE(arrived.size(), 70'000);
        co_await both.ours.shutdown_write();
        arrived += both.peer.take_all();
        EXPECT_EQ(arrived.size(), 90'000);
    };
    play(story());
}

TEST_P(StreamWrite, SendsManySmallWritesOfOneTurnTogether) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        for (int i = 0; i < 100; ++i)
            co_await both.ours.write("0123456789");
        co_await both.ours.flush();
        EXPECT_EQ(both.peer.take().size(), 1000u);
        EXPECT_EQ(both.ours.facts().data_segments_out, 1u);
    };
    play(story());
}

TEST_P(StreamWrite, WaitsForAPeerThatDoesNotRead) {
    const auto story = []() -> task<> {
        const std::string small = pattern(1000);
        task<pair> meeting = meet();
        pair both = co_await meeting;
        const auto flood = [](stream& to, std::string_view bytes, std::size_t& written) -> task<> {
            for (;;) {
                co_await to.write(bytes);
                written += bytes.size();
            }
        };
        std::size_t written = 0;
        task<std::error_code> flooding = failure_of(with_timeout(50ms, flood(both.ours, small, written)));
        EXPECT_EQ(co_await flooding, std::errc::timed_out) << "it waited";
        const std::size_t held = written - both.ours.bytes_sent();
        EXPECT_LE(held, both.ours.options().high_water);

        // What was accepted arrives all the same.
        std::string received;
        std::thread reading([&] { received = both.peer.take_all(); });
        co_await both.ours.shutdown_write();
        reading.join();
        EXPECT_EQ(received.size(), written);
    };
    play(story());
}

TEST_P(StreamWrite, TriesWithoutWaitingAndWritesAllOfItOrNothing) {
    const auto story = []() -> task<> {
        const std::string small = pattern(1000);
        task<pair> meeting = meet();
        pair both = co_await meeting;
        std::size_t written = 0;
        EXPECT_TRUE(both.ours.try_write({}));
        EXPECT_EQ(both.ours.unsent(), 0U);
        // The kernel takes what it takes; then the stream is full to its mark, and says so.
        for (int refused = 0; refused < 5;) {
            if (both.ours.try_write(small))
                written += small.size();
            else
                ++refused;
            EXPECT_EQ(both.ours.unsent() + both.ours.bytes_sent(), written);
            EXPECT_LE(both.ours.unsent(), both.ours.options().high_water);
            if (refused > 0) co_await sleep(1ms);
        }
        EXPECT_FALSE(both.ours.try_write(pattern(both.ours.options().high_water)));

        std::string received;
        std::thread reading([&] { received = both.peer.take_all(); });
        co_await both.ours.flush();
        EXPECT_EQ(both.ours.unsent(), 0U);
        EXPECT_TRUE(both.ours.try_write("the end"));
        co_await both.ours.shutdown_write();
        EXPECT_FALSE(both.ours.try_write("more"));
        reading.join();
        EXPECT_EQ(received.size(), written + 7);
        EXPECT_EQ(received.substr(written), "the end");
    };
    play(story());
}

TEST_P(StreamWrite, TriesNothingWhileAnotherWriteWaits) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        const std::string large = pattern(8 * 1024 * 1024);
        task_group writing;
        writing.spawn(
            [](stream& to, std::string_view data) -> task<> { co_await to.write(data); }(both.ours, large));
        EXPECT_FALSE(both.ours.try_write("between"));
        std::string received;
        std::thread reading([&] { received = both.peer.take_all(); });
        task<> joining = writing.join();
        co_await joining;
        EXPECT_TRUE(both.ours.try_write("after"));
        co_await both.ours.shutdown_write();
        reading.join();
        EXPECT_TRUE(received == large + "after");
    };
    play(story());
}

TEST_P(StreamWrite, GivesUpAPeerThatTakesNothingForTheWriteDeadline) {
    const auto story = []() -> task<> {
        stream_options options;
        options.write_deadline = 30ms;
        task<pair> meeting = meet(options);
        pair both = co_await meeting;
        const std::string large = pattern(32 * 1024 * 1024);
        task<> next = turn();  // making it took its time; a deadline counts from the turn's beginning
        co_await next;
        const time_point before = loop::current().now();
        task<std::error_code> writing = failure_of(write(both.ours, large));
        EXPECT_EQ(co_await writing, std::errc::timed_out);
        EXPECT_GE(loop::current().now() - before, 30ms);
        EXPECT_LT(loop::current().now() - before, 5s);
        task<std::error_code> again = failure_of(write(both.ours, "more"));
        EXPECT_EQ(co_await again, std::errc::timed_out) << "for good";
    };
    play(story());
}

TEST_P(StreamWrite, GivesTimeToAPeerThatReadsSlowlyButReads) {
    const auto sip = [](plain_socket& peer, std::size_t total) -> task<> {
        for (std::size_t taken = 0; taken < total;) {
            taken += peer.take(1024 * 1024).size();
            co_await sleep(60ms);
        }
    };
    const auto story = [](auto& slowly) -> task<> {
        stream_options options;
        options.write_deadline = 1s;
        options.high_water = 64 * 1024;
        task<pair> meeting = meet(options);
        pair both = co_await meeting;
        const std::string large = pattern(32 * 1024 * 1024);
        task_group group;
        group.spawn(slowly(both.peer, large.size()));
        task<> next = turn();
        co_await next;
        const time_point before = loop::current().now();
        co_await both.ours.write(large);
        EXPECT_GT(loop::current().now() - before, 1s)
            << "each offer was in time, all of them together took longer";
        task<> joining = group.join();
        co_await joining;
    };
    play(story(sip));
}

TEST_P(StreamWrite, TellsAPeerThatHasGone) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        both.peer.reset();
        const auto insist = [](stream& to) -> task<> {
            for (;;) {
                co_await to.write("anybody there?");
                co_await to.flush();
            }
        };
        task<std::error_code> writing = failure_of(insist(both.ours));
        const std::error_code code = co_await writing;
        EXPECT_TRUE(code == std::errc::connection_reset || code == std::errc::broken_pipe) << code.message();
    };
    play(story());
}

TEST_P(StreamWrite, AnswersAfterThePeersHalfClose) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        both.peer.send("question");
        both.peer.half_close();
        std::string question;
        task<> reading = read_all(both.ours, question);
        co_await reading;
        EXPECT_EQ(question, "question");
        co_await both.ours.write("answer");
        co_await both.ours.shutdown_write();
        EXPECT_EQ(both.peer.take_all(), "answer");
        EXPECT_EQ(both.peer.failure(), 0);
    };
    play(story());
}

TEST_P(StreamWrite, ReadsOnAfterItsOwnHalfClose) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        co_await both.ours.write("question");
        co_await both.ours.shutdown_write();
        EXPECT_EQ(both.peer.take_all(), "question");
        both.peer.send("answer\n");
        EXPECT_EQ(co_await both.ours.read_line(), "answer");
        task<std::error_code> writing = failure_of(write(both.ours, "more"));
        EXPECT_EQ(co_await writing, errc::closed);
    };
    play(story());
}

TEST_P(StreamWrite, CancelledInTheMiddleLetsNothingFollow) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        const std::string large = pattern(32 * 1024 * 1024);
        task<std::error_code> writing = failure_of(with_timeout(10ms, write(both.ours, large)));
        EXPECT_EQ(co_await writing, std::errc::timed_out);
        // Part of it is sent; what would follow could not be told from it.
        task<std::error_code> more = failure_of(write(both.ours, "more"));
        EXPECT_NE(co_await more, std::error_code());
    };
    play(story());
}

}  // namespace
}  // namespace aperto
