// SPDX-License-Identifier: MIT
// Descriptors that are not the loop's, and loops that another one runs, on every engine.
#include "aperto/aside.hpp"
#include "aperto/choice.hpp"
#include "aperto/descriptor.hpp"
#include "aperto/event.hpp"
#include "aperto/group.hpp"
#include "aperto/loop_handle.hpp"
#include "aperto/signals.hpp"
#include "aperto/sleep.hpp"
#include "aperto/stop_token.hpp"
#include "io/seam.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

namespace aperto::seam {
namespace {

using namespace std::chrono_literals;

struct ends {
    descriptor one;
    descriptor other;
};

ends open_pipe() {
    std::array<int, 2> both{};
    EXPECT_EQ(::pipe2(both.data(), O_CLOEXEC | O_NONBLOCK), 0);
    return {descriptor(both[0]), descriptor(both[1])};
}

ends open_pair() {
    std::array<int, 2> both{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, both.data()), 0);
    return {descriptor(both[0]), descriptor(both[1])};
}

#ifdef __has_feature
#if __has_feature(undefined_behavior_sanitizer)
#define APERTO_TESTS_NEED_PIPES
#endif
#endif
#ifdef APERTO_TESTS_NEED_PIPES
// It asks by a pipe of its own whether memory may be read, and takes what it cannot ask for a fault.
constexpr bool sanitizer_needs_descriptors = true;
#else
constexpr bool sanitizer_needs_descriptors = false;
#endif

class other_descriptors : public seam_test {};

TEST_P(other_descriptors, a_pipe_is_waited_for_until_something_is_in_it) {
    const ends pipe = open_pipe();
    std::vector<std::string> heard;
    auto reader = [&]() -> task<> {
        for (int i = 0; i < 3; ++i) {
            co_await on->readable(pipe.one.get());
            char one = 0;
            EXPECT_EQ(::read(pipe.one.get(), &one, 1), 1);
            heard.emplace_back(1, one);
        }
    };
    auto writer = [&]() -> task<> {
        co_await sleep(5ms);
        EXPECT_TRUE(heard.empty());
        EXPECT_EQ(::write(pipe.other.get(), "ab", 2),
                  2);  // what is left over makes the next wait end at once
        co_await sleep(5ms);
        EXPECT_EQ(heard.size(), 2);
        EXPECT_EQ(::write(pipe.other.get(), "c", 1), 1);
    };
    on->spawn(reader());
    on->spawn(writer());
    on->run();
    EXPECT_EQ(heard, (std::vector<std::string>{"a", "b", "c"}));
    expect_nothing_left();
}

TEST_P(other_descriptors, reading_and_writing_and_two_for_one_are_waited_for_together) {
    const ends pair = open_pair();
    std::string full(64 * 1024, 'x');
    while (::write(pair.one.get(), full.data(), full.size()) > 0) {
    }
    int readers = 0;
    bool written = false;
    auto reader = [&]() -> task<> {
        co_await on->readable(pair.one.get());
        ++readers;
    };
    auto writer = [&]() -> task<> {
        co_await on->writable(pair.one.get());
        written = true;
    };
    auto peer = [&]() -> task<> {
        co_await sleep(5ms);
        EXPECT_EQ(readers, 0);
        EXPECT_FALSE(written);
        EXPECT_EQ(::write(pair.other.get(), "!", 1), 1);
        co_await sleep(5ms);
        EXPECT_EQ(readers, 2);
        EXPECT_FALSE(written);
        while (::read(pair.other.get(), full.data(), full.size()) > 0) {
        }
    };
    on->spawn(reader());
    on->spawn(reader());
    on->spawn(writer());
    on->spawn(peer());
    on->run();
    EXPECT_TRUE(written);
    expect_nothing_left();
}

TEST_P(other_descriptors, one_that_hangs_up_or_never_makes_anybody_wait_is_ready) {
    ends pipe = open_pipe();
    const descriptor file(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
    auto story = [&]() -> task<> {
        co_await on->readable(file.get());
        pipe.other = descriptor();
        co_await on->readable(pipe.one.get());
    };
    on->run(story());
    expect_nothing_left();
}

TEST_P(other_descriptors, its_owner_may_close_it_while_somebody_waits) {
    ends pipe = open_pipe();
    const std::size_t open_before = open_descriptors();
    auto story = [&]() -> task<> {
        task_group group;
        group.spawn([](loop& of, int what) -> task<> { co_await of.readable(what); }(*on, pipe.one.get()));
        co_await sleep(1ms);
        pipe.one = descriptor();
        const ends next = open_pipe();  // has its number now
        EXPECT_EQ(::write(next.other.get(), "not for you", 11), 11);
        co_await sleep(1ms);
        EXPECT_EQ(group.running(), 1);
        EXPECT_EQ(::write(pipe.other.get(), "for you", 7), 7);
        co_await group.join();
    };
    on->run(story());
    expect_nothing_left();
    EXPECT_EQ(open_descriptors(), open_before - 1);
}

TEST_P(other_descriptors, a_wait_that_is_given_up_leaves_nothing) {
    const ends pipe = open_pipe();
    const std::size_t open_before = open_descriptors();
    auto story = [&]() -> task<> {
        for (int i = 0; i < 20; ++i) {
            const auto [read, slept] = co_await first(on->readable(pipe.one.get()), sleep(100us));
            EXPECT_FALSE(read);
            EXPECT_TRUE(slept);
        }
        // The pipe's other end sees nobody's handle but ours: what was waited for is not held.
        co_await sleep(1ms);
    };
    on->run(story());
    expect_nothing_left();
    EXPECT_EQ(open_descriptors(), open_before);
    abandonable given_up = [](loop& of, int what) -> abandonable { co_await of.readable(what); }(
                                                      *on, pipe.one.get());
    EXPECT_FALSE(given_up.ended());
}

TEST_P(other_descriptors, what_is_no_descriptor_is_an_error) {
    auto story = [&]() -> task<> {
        try {
            co_await on->readable(-1);
            ADD_FAILURE() << "it was waited for";
        } catch (const error& refused) {
            EXPECT_EQ(refused.code(), std::errc::bad_file_descriptor);
        }
    };
    on->run(story());
    expect_nothing_left();
}

TEST_P(other_descriptors, a_signal_is_waited_for) {
    auto story = [&]() -> task<> {
        signals wanted({SIGUSR1, SIGUSR2});
        on->spawn([]() -> task<> {
            co_await sleep(2ms);
            ::raise(SIGUSR1);
            co_await sleep(2ms);
            ::raise(SIGUSR2);
        }());
        EXPECT_EQ(co_await wanted.next(), SIGUSR1);
        EXPECT_EQ(co_await wanted.next(), SIGUSR2);
        const auto [came, slept] = co_await first(wanted.next(), sleep(1ms));
        EXPECT_FALSE(came);
    };
    on->run(story());
    expect_nothing_left();
    EXPECT_THROW(signals({SIGKILL}), error);
    EXPECT_THROW(signals({0}), error);
}

TEST_P(other_descriptors, a_signal_comes_also_where_there_is_no_descriptor_to_wait_with) {
    if (sanitizer_needs_descriptors) GTEST_SKIP() << "the sanitizer has use for descriptors too";
    auto story = [&]() -> task<> {
        signals wanted({SIGUSR1, SIGRTMAX});
        const no_descriptors_left poverty;
        on->spawn([]() -> task<> {
            co_await sleep(2ms);
            ::raise(SIGRTMAX);
        }());
        EXPECT_EQ(co_await wanted.next(), SIGRTMAX);
    };
    on->run(story());
    expect_nothing_left();
    EXPECT_THROW(signals({32}), error) << "the C library's own";
    EXPECT_THROW(signals({SIGRTMAX + 1}), error);
}

TEST_P(other_descriptors, another_thread_requests_a_stop) {
    std::stop_source source;
    auto story = [&]() -> task<> {
        EXPECT_EQ(co_await with_stop(source.get_token(), []() -> task<int> { co_return 7; }()), 7);
        const std::jthread other([&] {
            std::this_thread::sleep_for(5ms);
            source.request_stop();
        });
        try {
            co_await with_stop(source.get_token(), sleep(1h));
            ADD_FAILURE() << "it was not stopped";
        } catch (const error& stopped) {
            EXPECT_EQ(stopped.code(), errc::cancelled);
        }
        // One that was requested before.
        EXPECT_THROW(co_await with_stop(source.get_token(), sleep(1h)), error);
    };
    on->run(story());
    expect_nothing_left();
}

APERTO_ON_BOTH_ENGINES(other_descriptors);

class simulated_descriptors : public seam_test {};

TEST_P(simulated_descriptors, are_none) {
    auto story = [&]() -> task<> {
        if (!is_simulated()) co_return;
        EXPECT_THROW(on->poll_descriptor(), error);
        try {
            co_await on->readable(0);
            ADD_FAILURE() << "it was waited for";
        } catch (const error& refused) {
            EXPECT_EQ(refused.code(), std::errc::operation_not_supported);
        }
    };
    on->run(story());
    expect_nothing_left();
}

APERTO_ON_EVERY_ENGINE(simulated_descriptors);

// ---- another loop that runs ours

class in_another_loop : public other_descriptors {
protected:
    /// A loop of poll(2), which knows of ours what it tells. How many times it was woken. An engine without a
    /// descriptor for that is looked at every millisecond.
    int run_by_poll() {
        const int ours = GetParam().which == engine::epoll ? on->poll_descriptor() : -1;
        int wakes = 0;
        while (on->poll() && ++wakes < 10'000) {
            const time_point due =
                ours < 0 ? std::min(on->next_deadline(), clock::now() + 1ms) : on->next_deadline();
            pollfd watched{ours, POLLIN, 0};
            ::poll(&watched, 1, milliseconds_until(due));
        }
        EXPECT_LT(wakes, 10'000) << "it spins";
        return wakes;
    }

private:
    static int milliseconds_until(time_point due) {
        if (due == time_point::max()) return -1;
        const time_point now = clock::now();
        return due <= now ? 0
                          : static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(due - now).count());
    }
};

TEST_P(in_another_loop, sleeps_posts_and_blocking_calls_wake_it_and_nothing_else_does) {
    bool posted = false;
    auto story = [&]() -> task<> {
        co_await sleep(30ms);
        EXPECT_EQ(co_await aside([] {
                      std::this_thread::sleep_for(10ms);
                      return 42;
                  }),
                  42);
        waiting_event told(*on);
        const std::jthread other([&, handle = on->handle()] {
            std::this_thread::sleep_for(10ms);
            handle.post([&] {
                posted = true;
                on->notify(told);
            });
        });
        co_await told;
    };
    on->spawn(story());
    const int wakes = run_by_poll();
    EXPECT_TRUE(posted);
    std::cout << wakes << " wakes\n";
    if (GetParam().which == engine::epoll) {
        EXPECT_LE(wakes, 10);
    }
    EXPECT_FALSE(on->poll());
    expect_nothing_left();
}

TEST_P(in_another_loop, a_conversation_of_two_sockets_runs_to_its_end) {
    std::string got;
    auto story = [&]() -> task<> {
        const socket_id door = listen_on_loopback(*on);
        const pair both = co_await connect_to(*on, door);
        const std::string much(3'000'000, 'x');
        task_group group;
        group.spawn([](loop& of, socket_id to, std::string_view data) -> task<> {
            EXPECT_EQ(co_await send_all(of, to, data), 0);
        }(*on, both.client, much));
        got = co_await receive_exactly(*on, both.server, much.size());
        co_await group.join();
        EXPECT_EQ(got, much);
        for (int i = 0; i < 200; ++i) {
            EXPECT_EQ(co_await send_all(*on, both.client, "ping"), 0);
            EXPECT_EQ(co_await receive_exactly(*on, both.server, 4), "ping");
        }
        close_both(*on, both);
        on->close(door);
    };
    on->spawn(story());
    const int wakes = run_by_poll();
    std::cout << wakes << " wakes\n";
    expect_nothing_left();
}

TEST_P(in_another_loop, what_a_task_throws_is_thrown_and_stop_ends_it) {
    on->spawn([]() -> task<> {
        co_await sleep(1ms);
        throw std::runtime_error("it broke");
    }());
    EXPECT_THROW(run_by_poll(), std::runtime_error);
    on->spawn([](loop& of) -> task<> {
        co_await sleep(1ms);
        of.stop();
        co_await sleep(1ms);
    }(*on));
    run_by_poll();
    EXPECT_EQ(on->count().tasks, 1);
    run_by_poll();
    expect_nothing_left();
}

/// What the thread that has the loop as its guest does with the loop's objects, between two turns.
TEST_P(in_another_loop, what_its_host_does_with_its_objects_wakes_it) {
    if (GetParam().which != engine::epoll) GTEST_SKIP() << "there is nothing to wait for";
    event told;
    std::optional<cancel_scope> scope;
    scope.emplace();
    bool heard = false;
    bool cancelled = false;
    on->spawn([](event& what, bool& done) -> task<> {
        co_await what.wait();
        done = true;
    }(told, heard));
    on->spawn(
        [](bool& done) -> task<> {
            try {
                co_await sleep(1h);
            } catch (const cancellation&) {
                done = true;
                throw;
            }
        }(cancelled),
        &*scope);
    const auto is_woken = [&] {
        pollfd ours{on->poll_descriptor(), POLLIN, 0};
        return ::poll(&ours, 1, 0) == 1;
    };
    while (on->next_deadline() == time_point::min())
        ASSERT_TRUE(on->poll());
    EXPECT_FALSE(is_woken());
    told.set();
    EXPECT_TRUE(is_woken());
    while (!heard)
        ASSERT_TRUE(on->poll());
    while (on->next_deadline() == time_point::min())
        ASSERT_TRUE(on->poll());
    EXPECT_FALSE(is_woken());
    scope->cancel();
    EXPECT_TRUE(is_woken());
    while (on->poll()) {
    }
    EXPECT_TRUE(cancelled);
    timer alarm([](timer&) {});
    EXPECT_FALSE(is_woken());
    on->arm(alarm, clock::now() + 1h);
    EXPECT_TRUE(is_woken()) << "its deadline was asked for before there was a timer";
    on->disarm(alarm);
    expect_nothing_left();
}

TEST_P(in_another_loop, what_is_thrown_loses_neither_the_end_nor_a_stop) {
    on->spawn([]() -> task<> {
        co_await sleep(1ms);
        throw std::runtime_error("the last one breaks");
    }());
    EXPECT_THROW(run_by_poll(), std::runtime_error);
    EXPECT_EQ(on->next_deadline(), time_point::min());
    EXPECT_FALSE(on->poll()) << "every task has ended, and nobody was told yet";

    on->spawn([](loop& of) -> task<> {
        co_await sleep(1ms);
        of.stop();
        throw std::runtime_error("in the turn of the stop");
    }(*on));
    on->spawn([]() -> task<> { co_await sleep(20ms); }());
    EXPECT_THROW(run_by_poll(), std::runtime_error);
    EXPECT_FALSE(on->poll()) << "the stop was asked for";
    run_by_poll();

    bool done = false;
    on->post([] { throw std::runtime_error("posted"); });
    on->post([&] { done = true; });
    EXPECT_THROW(on->poll(), std::runtime_error);
    EXPECT_EQ(on->next_deadline(), time_point::min()) << "what was posted behind it is still to be done";
    on->poll();
    EXPECT_TRUE(done);
    expect_nothing_left();
}

TEST_P(in_another_loop, only_epoll_has_something_to_wait_for) {
    if (GetParam().which == engine::epoll) {
        EXPECT_GE(on->poll_descriptor(), 0);
    } else {
        EXPECT_THROW(on->poll_descriptor(), error);
    }
}

APERTO_ON_BOTH_ENGINES(in_another_loop);

}  // namespace
}  // namespace aperto::seam
