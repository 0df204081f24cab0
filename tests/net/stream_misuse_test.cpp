// SPDX-License-Identifier: MIT
// What a handler does wrong with a stream ends its own conversation, with an error that says so; the other
// side, and the other wait, have their due.
#include "aperto/aside.hpp"
#include "aperto/sleep.hpp"
#include "aperto/stream.hpp"
#include "net/duet.hpp"

#include <optional>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using namespace duet;

class StreamMisuse : public StreamTest {};
INSTANTIATE_TEST_SUITE_P(Engines, StreamMisuse, testing::Values(engine::uring, engine::epoll), engine_name);

/// More than the kernel takes at once.
constexpr std::size_t large = 20'000'000;

task<> expect_line(stream& from, std::string_view line) { EXPECT_EQ(co_await from.read_line(), line); }
task<> expect_misuse(task<> work) {
    task<std::error_code> failing = failure_of(std::move(work));
    EXPECT_EQ(co_await failing, errc::misuse);
}
task<> flush(stream& what) { co_await what.flush(); }
task<> close(stream& what) {
    task<> closing = what.close();
    co_await closing;
}

/// Everything that `peer` gets up to the end of the stream, without the loop's waiting for it.
task<std::string> all_of(plain_socket& peer) {
    auto take = [&peer] { return peer.take_all(); };
    task<std::string> taking = aside(take);
    co_return co_await taking;
}

TEST_P(StreamMisuse, ASecondReadIsAnErrorAndTheFirstGoesOn) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        task_group group;
        group.spawn(expect_line(both.ours, "hello"));
        task<> second = expect_misuse(read_some(both.ours));
        co_await second;
        both.peer.send("hello\nagain\n");
        task<> joining = group.join();
        co_await joining;
        EXPECT_EQ(co_await both.ours.read_line(), "again");
    };
    play(story());
}

TEST_P(StreamMisuse, ASecondWriteIsAnErrorAndTheFirstIsWhole) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        const std::string much(large, 'x');
        task_group group;
        group.spawn(write(both.ours, much));
        task<> second = expect_misuse(write(both.ours, "between"));
        co_await second;
        task<> flushing = expect_misuse(flush(both.ours));
        co_await flushing;
        const auto end_after = [](task_group& writes, stream& of) -> task<> {
            task<> joining = writes.join();
            co_await joining;
            co_await of.shutdown_write();
        };
        task_group ends;
        ends.spawn(end_after(group, both.ours));
        task<std::string> taking = all_of(both.peer);
        const std::string got = co_await taking;
        EXPECT_TRUE(got == much) << got.size() << " bytes";
        task<> joining = ends.join();
        co_await joining;
    };
    play(story());
}

TEST_P(StreamMisuse, ACloseBesideAReadIsAnErrorAndTheReadGoesOn) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        task_group group;
        group.spawn(expect_line(both.ours, "hello"));
        task<> closing = expect_misuse(close(both.ours));
        co_await closing;
        both.peer.send("hello\n");
        task<> joining = group.join();
        co_await joining;
    };
    play(story());
}

TEST_P(StreamMisuse, AReadWhoseStreamGoesEndsAndTheReplyArrives) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        std::optional<stream> brief = std::move(both.ours);
        co_await brief->write("reply");
        task_group group;
        group.spawn(expect_misuse(read_line(*brief)));
        both.peer.send("half a li");
        brief.reset();
        task<> joining = group.join();
        co_await joining;
        both.peer.half_close();
        task<std::string> taking = all_of(both.peer);
        EXPECT_EQ(co_await taking, "reply");
        EXPECT_EQ(both.peer.failure(), 0);
    };
    play(story());
}

TEST_P(StreamMisuse, AReadWhoseStreamGoesGivesNothingThatHadJustCome) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        std::optional<stream> brief = std::move(both.ours);
        task_group group;
        group.spawn(expect_misuse(read_line(*brief)));
        both.peer.send("a whole line\n");
        brief.reset();
        both.peer.close();
        task<> joining = group.join();
        co_await joining;
    };
    play(story());
}

TEST_P(StreamMisuse, AReadThatLetsOthersGoFirstEndsWhenItsStreamGoes) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        std::optional<stream> brief = std::move(both.ours);
        constexpr std::size_t many = 100'000;
        both.peer.send(std::string(many, '\n'));
        std::size_t count = 0;
        const auto read_lines = [](stream& from, std::size_t& read) -> task<> {
            for (;; ++read)
                co_await from.read_line();
        };
        task_group group;
        group.spawn(expect_misuse(read_lines(*brief, count)));
        while (count == 0)
            co_await yield();
        EXPECT_LT(count, many) << "the reader has had its share";
        const std::size_t before = count;
        brief.reset();
        both.peer.half_close();
        task<> joining = group.join();
        co_await joining;
        EXPECT_EQ(count, before) << "a stream that is gone gives nothing more";
    };
    play(story());
}

TEST_P(StreamMisuse, AWriteWhoseStreamGoesEndsAndThePeerIsToldThatItLacksSome) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        std::optional<stream> brief = std::move(both.ours);
        const std::string much(large, 'x');
        task_group group;
        group.spawn(expect_misuse(write(*brief, much)));
        brief.reset();
        task<> joining = group.join();
        co_await joining;
        task<std::string> taking = all_of(both.peer);
        EXPECT_LT((co_await taking).size(), large);
        EXPECT_EQ(both.peer.failure(), ECONNRESET);
    };
    play(story());
}

TEST_P(StreamMisuse, ACloseInProgressOutlivesItsStream) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        std::optional<stream> brief = std::move(both.ours);
        both.peer.send("unread");
        co_await brief->write("reply");
        task_group group;
        group.spawn(close(*brief));
        brief.reset();
        both.peer.send(" and more");
        both.peer.half_close();
        task<> joining = group.join();
        co_await joining;
        EXPECT_EQ(both.peer.take_all(), "reply");
        EXPECT_EQ(both.peer.failure(), 0);
    };
    play(story());
}

}  // namespace
}  // namespace aperto
