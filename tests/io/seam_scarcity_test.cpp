// SPDX-License-Identifier: MIT
// Scarcity, on every engine: too few buffers, no descriptors, a neighbour who takes all he can, a small
// stack.
#include "aperto/sleep.hpp"
#include "io/seam.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace aperto::seam {
namespace {

using namespace std::chrono_literals;

class scarcity : public seam_test {};

/// Holds its buffer across a pause, as a handler does that thinks before it gives the bytes back.
task<> answer_slowly(loop& on, socket_id peer, std::size_t rounds, std::size_t& served) {
    for (std::size_t i = 0; i < rounds; ++i) {
        receiving some(on, peer);
        const int count = co_await some;
        EXPECT_GT(count, 0);
        if (count <= 0) co_return;
        co_await turns(on, 2);
        const std::string text = some.take();
        EXPECT_EQ(co_await send_all(on, peer, text), 0);
        ++served;
    }
}

TEST_P(scarcity, two_buffers_serve_a_hundred_connections) {
    start({.receive_buffers = 2, .receive_buffer_size = 256, .bulk_buffer_size = 0});
    constexpr std::size_t count = 100;
    constexpr std::size_t rounds = 5;
    std::size_t served = 0;
    auto story = [&]() -> task<> {
        const socket_id door = listen_on_loopback(*on);
        std::vector<pair> all;
        for (std::size_t i = 0; i < count; ++i)
            all.push_back(co_await connect_to(*on, door));
        for (const pair& each : all)
            on->spawn(answer_slowly(*on, each.server, rounds, served));
        for (std::size_t round = 0; round < rounds; ++round) {
            for (const pair& each : all)
                EXPECT_EQ(co_await send_all(*on, each.client, "ping"), 0);
            for (const pair& each : all)
                EXPECT_EQ(co_await receive_exactly(*on, each.client, 4), "ping");
        }
        for (const pair& each : all)
            close_both(*on, each);
        on->close(door);
    };
    on->run(story());
    EXPECT_EQ(served, count * rounds);
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(scarcity, while_there_is_no_buffer_nobody_spins) {
    start({.receive_buffers = 2, .receive_buffer_size = 256, .bulk_buffer_size = 0});
    auto story = [&]() -> task<> {
        std::vector<pair> all;
        for (int i = 0; i < 4; ++i) {
            all.push_back(co_await make_pair_of(*on));
            EXPECT_EQ(co_await send_all(*on, all.back().client, "x"), 0);
        }
        receiving first(*on, all[0].server);
        receiving second(*on, all[1].server);
        EXPECT_EQ(co_await first, 1);
        EXPECT_EQ(co_await second, 1);
        std::string late;
        const auto wait = [](loop& here, socket_id from, std::string& got) -> task<> {
            task<std::string> one = receive_exactly(here, from, 1);
            got += co_await one;
        };
        on->spawn(wait(*on, all[2].server, late));
        on->spawn(wait(*on, all[3].server, late));
        const std::uint64_t before = on->turn();
        co_await sleep(100ms);
        EXPECT_LE(on->turn() - before, 50U);
        EXPECT_EQ(late, "") << "there are but two buffers";
        EXPECT_EQ(first.take() + second.take(), "xx");
        co_await sleep(50ms);
        EXPECT_EQ(late, "xx");
        for (const pair& each : all)
            close_both(*on, each);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(scarcity, who_waits_for_a_buffer_and_gives_up_is_not_served) {
    start({.receive_buffers = 2, .receive_buffer_size = 256, .bulk_buffer_size = 0});
    auto story = [&]() -> task<> {
        const socket_id door = listen_on_loopback(*on);
        std::vector<pair> all;
        for (std::size_t i = 0; i < 5; ++i)
            all.push_back(co_await connect_to(*on, door));
        for (const pair& each : all)
            EXPECT_EQ(co_await send_all(*on, each.client, "data"), 0);
        receiving holder1(*on, all[0].server);
        receiving holder2(*on, all[1].server);
        EXPECT_EQ(co_await holder1, 4);
        EXPECT_EQ(co_await holder2, 4);
        {
            auto receive = [](loop& loop_of_it, socket_id from) -> abandonable {
                receiving some(loop_of_it, from);
                co_await some;
            };
            const abandonable third = receive(*on, all[2].server);
            const abandonable fourth = receive(*on, all[3].server);
            co_await turns(*on, 5);
            EXPECT_FALSE(third.ended());
            EXPECT_FALSE(fourth.ended());
        }
        EXPECT_EQ(holder1.take(), "data");
        EXPECT_EQ(co_await receive_exactly(*on, all[4].server, 4), "data");
        EXPECT_EQ(co_await receive_exactly(*on, all[2].server, 4), "data");
        EXPECT_EQ(holder2.take(), "data");
        for (const pair& each : all)
            close_both(*on, each);
        on->close(door);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(scarcity, out_of_descriptors_is_a_result_and_accepting_goes_on_afterwards) {
    if (is_simulated()) GTEST_SKIP() << "the descriptors are the kernel's";
    auto story = [&]() -> task<> {
        const socket_id door = listen_on_loopback(*on);
        connecting out(*on, on->local(door));
        EXPECT_EQ(co_await out, 0);
        {
            const no_descriptors_left poverty;
            for (int i = 0; i < 3; ++i) {
                accepting in(*on, door);
                EXPECT_EQ(co_await in, -EMFILE);
                EXPECT_FALSE(in.accepted);
            }
            connecting another(*on, on->local(door));
            EXPECT_EQ(co_await another, -EMFILE);
        }
        accepting in(*on, door);
        EXPECT_EQ(co_await in, 0);
        EXPECT_EQ(on->remote(in.accepted), on->local(out.connected));
        on->close(in.accepted);
        on->close(out.connected);
        on->close(door);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(scarcity, a_flood_does_not_starve_a_quiet_neighbour) {
    if (is_simulated()) GTEST_SKIP() << "the descriptors are the kernel's";
    std::size_t flooded = 0;
    std::size_t worst = 0;
    std::atomic<bool> enough = false;
    auto story = [&]() -> task<> {
        const socket_id door = listen_on_loopback(*on);
        const pair loud = co_await connect_to(*on, door);
        const pair quiet = co_await connect_to(*on, door);
        // A thread of its own floods, as fast as the kernel takes it.
        std::thread flood([&, to = on->native_handle(loud.client)] {
            const std::string much(1 << 16, 'f');
            while (!enough)
                if (::send(to, much.data(), much.size(), MSG_NOSIGNAL) < 0) std::this_thread::yield();
        });
        auto swallow = [](loop& loop_of_it, socket_id from, std::size_t& count) -> task<> {
            for (;;) {
                receiving some(loop_of_it, from);
                if (co_await some <= 0) co_return;
                loop_of_it.give_back(std::exchange(some.bytes, {}));
                ++count;
            }
        };
        on->spawn(swallow(*on, loud.server, flooded));
        while (flooded < 100)
            co_await turns(*on, 1);
        for (int i = 0; i < 200; ++i) {
            const std::size_t before = flooded;
            EXPECT_EQ(co_await send_all(*on, quiet.client, "?"), 0);
            EXPECT_EQ(co_await receive_exactly(*on, quiet.server, 1), "?");
            worst = std::max(worst, flooded - before);
        }
        enough = true;
        flood.join();
        on->shutdown_send(loud.client);
        co_await turns(*on, 1);
        close_both(*on, quiet);
        on->close(door);
        while (on->count().tasks > 1)
            co_await turns(*on, 1);
        close_both(*on, loud);
    };
    on->run(story());
    std::cout << flooded << " loud receives; at most " << worst << " before a quiet one had its turn\n";
    EXPECT_LE(worst, 128u);
}

/// How far apart two calls stand on the stack.
class stack_span {
public:
    void look() noexcept {
        // Not a local's address: the address sanitizer keeps locals elsewhere.
        const auto at = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
        low_ = std::min(low_, at);
        high_ = std::max(high_, at);
    }
    std::size_t bytes() const noexcept { return high_ - low_; }

private:
    std::uintptr_t low_ = ~std::uintptr_t{0};
    std::uintptr_t high_ = 0;
};

TEST_P(scarcity, a_million_awaits_that_are_there_at_once_use_no_stack) {
    stack_span span;
    auto at_once = [](stack_span& seen) -> task<int> {
        seen.look();
        co_return 1;
    };
    auto story = [&]() -> task<int> {
        int sum = 0;
        for (int i = 0; i < 1'000'000; ++i) {
            receiving nobody(*on, {});
            if (co_await nobody == -EBADF) ++sum;
            span.look();
        }
        for (int i = 0; i < 1'000'000; ++i)
            sum += co_await at_once(span);
        co_return sum;
    };
    EXPECT_EQ(on->run(story()), 2'000'000);
    EXPECT_LT(span.bytes(), 64u * 1024) << "bytes of stack";
}

TEST_P(scarcity, many_awaits_that_wait_use_no_stack) {
    stack_span span;
    auto story = [&]() -> task<> {
        for (int i = 0; i < 200'000; ++i) {
            waiting_event soon(*on);
            on->post([&soon, this] { on->notify(soon); });
            co_await soon;
            span.look();
        }
    };
    on->run(story());
    EXPECT_LT(span.bytes(), 64u * 1024) << "bytes of stack";
}

APERTO_ON_EVERY_ENGINE(scarcity);

}  // namespace
}  // namespace aperto::seam
