// SPDX-License-Identifier: MIT
#include "aperto/aside.hpp"
#include "aperto/choice.hpp"
#include "aperto/sleep.hpp"
#include "aperto/stream.hpp"
#include "net/duet.hpp"
#include "tls/both_sides.hpp"

#include <cstring>
#include <thread>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using namespace duet;

class StreamEnd : public StreamTest {};
INSTANTIATE_TEST_SUITE_P(Engines, StreamEnd, testing::Values(engine::uring, engine::epoll), engine_name);

/// A peer on a thread of its own that reads to the end, and says what it got and how it ended.
class reader {
public:
    explicit reader(plain_socket& from) : reading_([this, &from] { got_ = from.take_all(); }) {}
    ~reader() {
        if (reading_.joinable()) reading_.join();
    }
    const std::string& got() {
        if (reading_.joinable()) reading_.join();
        return got_;
    }

private:
    std::string got_;
    std::thread reading_;
};

enum class ending { destroyed, closed, destroyed_after_a_failed_read };

/// The server answers and ends while the client has sent much that nobody reads.
task<plain_socket> end_with_unread_input(ending how, std::string_view answer) {
    stream_options options;
    options.max_message = 100'000;
    task<pair> meeting = meet(options);
    pair both = co_await meeting;
    both.peer.send("question\n" + std::string(200'000, 'x'));
    EXPECT_EQ(co_await both.ours.read_line(), "question");
    co_await both.ours.write(answer);
    if (how == ending::closed) {
        both.peer.half_close();
        task<> closing = both.ours.close();
        co_await closing;
    }
    if (how == ending::destroyed_after_a_failed_read) {
        task<std::error_code> failing = failure_of(read_line(both.ours));
        EXPECT_EQ(co_await failing, errc::message_too_large);
    }
    co_return std::move(both.peer);
}

TEST_P(StreamEnd, NeverDestroysTheReplyInFlight) {
    const auto story = [](ending how) -> task<> {
        const std::string answer(100'000, 'A');
        task<plain_socket> conversing = end_with_unread_input(how, answer);
        plain_socket peer = co_await conversing;
        if (how == ending::destroyed_after_a_failed_read) peer.send("and more");
        // The stream is gone; its end goes on in the background while this thread's loop runs.
        reader client(peer);
        const auto end_when_read = [](reader& by, std::string_view expected, plain_socket& from) -> task<> {
            auto wait = [&by] { return by.got(); };
            task<std::string> waiting = aside(std::move(wait));
            const std::string got = co_await waiting;
            EXPECT_TRUE(got == expected) << got.size() << " of " << expected.size() << " bytes";
            EXPECT_EQ(from.failure(), 0) << std::strerror(from.failure());
            from.close();
        };
        task<> ending_it = end_when_read(client, answer, peer);
        co_await ending_it;
    };
    play(story(ending::destroyed));
    play(story(ending::closed));
    play(story(ending::destroyed_after_a_failed_read));
}

TEST_P(StreamEnd, WaitsNoLongerThanTheCloseDeadlineForAPeerThatNeverEnds) {
    const auto story = []() -> task<> {
        stream_options options;
        options.close_deadline = 20ms;
        task<pair> meeting = meet(options);
        pair both = co_await meeting;
        co_await both.ours.write("bye");
        const time_point before = loop::current().now();
        task<> closing = both.ours.close();
        co_await closing;
        EXPECT_GE(loop::current().now() - before, 20ms);
        EXPECT_LT(loop::current().now() - before, 5s);
        EXPECT_EQ(both.peer.take_all(), "bye");
    };
    play(story());
}

TEST_P(StreamEnd, ReadsNoMoreThanTheDrainLimitOfAPeerThatNeverStops) {
    const auto flood = [](plain_socket& peer) -> task<> {
        for (;;) {
            peer.send(std::string(16 * 1024, 'x'));
            task<> next = turn();
            co_await next;
        }
    };
    const auto story = [](auto& pour) -> task<> {
        stream_options options;
        options.close_deadline = 30s;
        options.close_drain_max = 256 * 1024;
        task<pair> meeting = meet(options);
        pair both = co_await meeting;
        task_group group;
        group.spawn(pour(both.peer));
        task<> closing = both.ours.close();
        co_await closing;
        EXPECT_GE(both.ours.bytes_received(), 256u * 1024);
        EXPECT_LT(both.ours.bytes_received(), 2u * 1024 * 1024);
        group.cancel();
        task<> joining = group.join();
        co_await joining;
    };
    play(story(flood));
}

TEST_P(StreamEnd, AbortsWithAReset) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        both.ours.abort();
        task<> next = turn();
        co_await next;
        EXPECT_EQ(both.peer.take_all(), "");
        EXPECT_EQ(both.peer.failure(), ECONNRESET);
        task<std::error_code> reading = failure_of(read_some(both.ours));
        EXPECT_EQ(co_await reading, errc::closed);
        task<std::error_code> writing = failure_of(write(both.ours, "x"));
        EXPECT_EQ(co_await writing, errc::closed);
    };
    play(story());
}

TEST_P(StreamEnd, EndsTheWaitsOfAConnectionThatIsAborted) {
    const auto story = []() -> task<> {
        task<pair> meeting = meet();
        pair both = co_await meeting;
        const auto expect_closed = [](stream& of) -> task<> {
            task<std::error_code> reading = failure_of(read_line(of));
            EXPECT_EQ(co_await reading, errc::closed);
        };
        task_group group;
        group.spawn(expect_closed(both.ours));
        task<> next = turn();
        co_await next;
        both.ours.abort();
        task<> joining = group.join();
        co_await joining;
    };
    play(story());
}

// ---- destroyed while it waits: the end of a loop drops every task where it stands

task<> wait_to_accept() {
    listener door(endpoint::any(0));
    const stream nobody = co_await door.accept();
}
task<> wait_to_read(detail::want what) {
    task<pair> meeting = meet();
    pair both = co_await meeting;
    both.peer.send("half a mess");
    switch (what) {
    case detail::want::some:
        co_await both.ours.read_some();
        co_await both.ours.read_some();
        break;
    case detail::want::at_most: {
        std::array<char, 100> memory{};
        co_await both.ours.read_into(memory);
        co_await both.ours.read_into(memory);
        break;
    }
    case detail::want::at_least:
        co_await both.ours.peek(100);
        break;
    case detail::want::line:
        co_await both.ours.read_line();
        break;
    case detail::want::crlf_line:
        co_await both.ours.read_line(line_end::crlf);
        break;
    case detail::want::frame:
        co_await both.ours.read_frame([](std::string_view, std::size_t, bool) noexcept { return frame(); });
        break;
    case detail::want::exactly:
        co_await both.ours.read_exactly(100);
        break;
    case detail::want::message:
        co_await both.ours.read_message();
        co_await both.ours.read_message();
        break;
    case detail::want::handshake: {
        stream_options sealed;
        sealed.transport = tls::both_sides().server;
        auto [left, right] = stream::pair(sealed);
        co_await left.handshake();
        break;
    }
    }
}
task<> wait_to_write(std::size_t size) {
    task<pair> meeting = meet();
    pair both = co_await meeting;
    const std::string bytes(size, 'x');
    for (;;)
        co_await both.ours.write(bytes);
}
task<> wait_to_flush() {
    task<pair> meeting = meet();
    pair both = co_await meeting;
    // Little is more than the kernel's buffers take, however slow the machine.
    const int small = 4096;
    setsockopt(both.ours.native_handle(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    both.peer.take_little(small);
    const std::string bytes(200'000, 'x');
    const auto fill = [](stream& to, std::string_view with) -> task<> {
        for (;;)
            co_await to.write(with.substr(0, 10'000));
    };
    task<std::error_code> flooding = failure_of(with_timeout(5ms, fill(both.ours, bytes)));
    co_await flooding;
    co_await both.ours.shutdown_write();
}
task<> wait_to_close() {
    task<pair> meeting = meet();
    pair both = co_await meeting;
    task<> closing = both.ours.close();
    co_await closing;
}
// What looking a name up is, without the machine's name service, which may take as long as it likes.
task<> wait_for_a_blocking_call() {
    const auto block = [] { std::this_thread::sleep_for(30ms); };
    task<> blocked = aside(block);
    co_await blocked;
}
task<> wait_in_a_group() {
    task_group both;
    both.spawn(wait_to_accept());
    both.spawn(wait_to_close());
    task<> joining = both.join();
    co_await joining;
}

struct wait {
    const char* name;
    task<> (*begin)();
};
constexpr wait waits[] = {
    {"accept", [] { return wait_to_accept(); }},
    {"read some", [] { return wait_to_read(detail::want::some); }},
    {"read line", [] { return wait_to_read(detail::want::line); }},
    {"read exactly", [] { return wait_to_read(detail::want::exactly); }},
    {"read CR LF line", [] { return wait_to_read(detail::want::crlf_line); }},
    {"read frame", [] { return wait_to_read(detail::want::frame); }},
    {"read message", [] { return wait_to_read(detail::want::message); }},
    {"handshake", [] { return wait_to_read(detail::want::handshake); }},
    {"copied write", [] { return wait_to_write(10'000); }},
    {"large write", [] { return wait_to_write(10'000'000); }},
    {"flush and half-close", [] { return wait_to_flush(); }},
    {"close", [] { return wait_to_close(); }},
    {"blocking call", [] { return wait_for_a_blocking_call(); }},
    {"group", [] { return wait_in_a_group(); }},
};

TEST_P(StreamEnd, MayBeDestroyedAtEveryWait) {
    for (const wait& each : waits) {
        SCOPED_TRACE(each.name);
        const std::size_t before = open_descriptors();
        std::unique_ptr<loop> brief = loop::create({.which = GetParam()});
        brief->spawn(each.begin());
        const auto stop_soon = [](loop& stopped) -> task<> {
            co_await sleep(15ms);  // past the deadlines by which some of the waits above begin
            stopped.stop();
        };
        brief->spawn(stop_soon(*brief));
        brief->run();
        brief.reset();
        EXPECT_TRUE(descriptors_return_to(before));
    }
}

TEST_P(StreamEnd, MayBeCancelledAtEveryWait) {
    const auto story = [](task<> waiting) -> task<> {
        task<std::error_code> cancelled = failure_of(with_timeout(15ms, std::move(waiting)));
        EXPECT_EQ(co_await cancelled, std::errc::timed_out);
    };
    for (const wait& each : waits) {
        // A closing stream swallows what ends its wait.
        if (std::string_view(each.name) == "close") continue;
        SCOPED_TRACE(each.name);
        play(story(each.begin()));
    }
}

}  // namespace
}  // namespace aperto
