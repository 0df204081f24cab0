// SPDX-License-Identifier: MIT
// Bytes that nobody reads, on every engine: they are the connection's own matter, not everyone's.
#include "aperto/choice.hpp"
#include "aperto/group.hpp"
#include "io/seam.hpp"

#include <vector>

namespace aperto::seam {
namespace {

using namespace std::chrono_literals;

class hoard : public seam_test {};

/// Reads once, so that the engine receives for it, and never again; three more arrive, each by itself.
task<pair> connect_one_who_stops_reading(loop& on, socket_id door) {
    const pair both = co_await connect_to(on, door);
    EXPECT_EQ(co_await send_all(on, both.client, "first"), 0);
    EXPECT_EQ(co_await receive_exactly(on, both.server, 5), "first");
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(co_await send_all(on, both.client, "more"), 0);
        co_await turns(on, 3);
    }
    co_return both;
}

task<> ask_and_answer(loop& on, pair both) {
    EXPECT_EQ(co_await send_all(on, both.client, "ping"), 0);
    EXPECT_EQ(co_await receive_exactly(on, both.server, 4), "ping");
}

TEST_P(hoard, who_does_not_read_holds_up_nobody_else) {
    start({.receive_buffers = 8, .receive_buffer_size = 256, .bulk_buffer_size = 0});
    auto story = [&]() -> task<> {
        const socket_id door = listen_on_loopback(*on);
        std::vector<pair> silent;
        for (int i = 0; i < 12; ++i)
            silent.push_back(co_await connect_one_who_stops_reading(*on, door));

        const pair innocent = co_await connect_to(*on, door);
        task<> served = ask_and_answer(*on, innocent);
        co_await with_timeout(2s, std::move(served));

        for (const pair& each : silent)  // and nothing of what they were sent is lost
            EXPECT_EQ(co_await receive_exactly(*on, each.server, 12), "moremoremore");
        for (const pair& each : silent)
            close_both(*on, each);
        close_both(*on, innocent);
        on->close(door);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(hoard, what_comes_while_nobody_reads_is_the_kernels_to_hold) {
    constexpr std::size_t buffer = 4096;
    start({.receive_buffers = 64, .receive_buffer_size = buffer, .bulk_buffer_size = 0});
    auto story = [&]() -> task<> {
        const socket_id door = listen_on_loopback(*on);
        const pair both = co_await connect_to(*on, door);
        EXPECT_EQ(co_await send_all(*on, both.client, "first"), 0);
        EXPECT_EQ(co_await receive_exactly(*on, both.server, 5), "first");
        co_await turns(*on, 3);
        const std::string much(60 * 1024, 'm');
        EXPECT_EQ(co_await send_all(*on, both.client, much), 0);
        co_await turns(*on, 20);
        // But for what was on its way as the reading ended.
        EXPECT_LE(on->held(both.server), 2 * buffer);
        EXPECT_LE(on->count().lent_buffers, 2u);
        EXPECT_EQ(co_await receive_exactly(*on, both.server, much.size()), much);
        close_both(*on, both);
        on->close(door);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
}

APERTO_ON_EVERY_ENGINE(hoard);

}  // namespace
}  // namespace aperto::seam
