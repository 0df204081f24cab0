// SPDX-License-Identifier: MIT
// Connections that bring much at a time share one large buffer: nothing is lost or mixed on its way through
// it, whoever holds it, and who brings little again is served as before.
#include "aperto/group.hpp"
#include "io/seam.hpp"

#include <algorithm>
#include <utility>

namespace aperto::seam {
namespace {

class bulk : public seam_test {};

constexpr loop_options small_buffers{
    .receive_buffers = 4, .receive_buffer_size = 1024, .bulk_buffer_size = 64 * 1024};

std::string pattern(std::size_t size, unsigned seed) {
    std::string all(size, '\0');
    for (char& each : all)
        each = static_cast<char>(seed = seed * 1'103'515'245 + 12'345);
    return all;
}

task<> bring(loop& on, socket_id to, std::string text) { EXPECT_EQ(co_await send_all(on, to, text), 0); }

/// Takes `right`, holding each buffer for some turns; tells the largest piece.
task<> take_slowly(loop& on, socket_id from, std::string right, int pause, std::size_t& largest) {
    std::size_t at = 0;
    while (at < right.size()) {
        receiving some(on, from);
        const int count = co_await some;
        EXPECT_GT(count, 0);
        if (count <= 0) co_return;
        if (pause > 0) co_await turns(on, pause);
        const std::string text = some.take();
        EXPECT_EQ(right.compare(at, text.size(), text), 0) << "at byte " << at;
        largest = std::max(largest, text.size());
        at += text.size();
    }
}

TEST_P(bulk, comes_in_large_pieces_and_intact_whoever_holds_the_buffer) {
    start(small_buffers);
    std::size_t largest_held = 0;
    std::size_t largest = 0;
    auto story = [&]() -> task<> {
        const socket_id door = listen_on_loopback(*on);
        const pair first = co_await connect_to(*on, door);
        const pair second = co_await connect_to(*on, door);
        const std::string one = pattern(4'000'000, 1);
        const std::string two = pattern(4'000'000, 2);
        task_group all;
        all.spawn(bring(*on, first.client, one));
        all.spawn(bring(*on, second.client, two));
        all.spawn(take_slowly(*on, first.server, one, 3, largest_held));
        all.spawn(take_slowly(*on, second.server, two, 0, largest));
        co_await all.join();
        // Little again, and the end.
        for (int i = 0; i < 20; ++i) {
            EXPECT_EQ(co_await send_all(*on, first.client, "ping"), 0);
            EXPECT_EQ(co_await receive_exactly(*on, first.server, 4), "ping");
        }
        on->shutdown_send(first.client);
        receiving end(*on, first.server);
        EXPECT_EQ(co_await end, 0);
        close_both(*on, first);
        close_both(*on, second);
        on->close(door);
    };
    on->run(story());
    EXPECT_GT(std::max(largest, largest_held), small_buffers.receive_buffer_size);
    on->run(turns(*on, 5));
    expect_nothing_left();
}

abandonable receive(loop& on, socket_id from) {
    receiving some(on, from);
    co_await some;
}

TEST_P(bulk, a_wait_for_more_of_it_can_be_given_up_and_closed) {
    start(small_buffers);
    auto story = [&]() -> task<> {
        const socket_id door = listen_on_loopback(*on);
        const pair both = co_await connect_to(*on, door);
        std::size_t largest = 0;
        const std::string text = pattern(1'000'000, 3);
        task_group all;
        all.spawn(bring(*on, both.client, text));
        all.spawn(take_slowly(*on, both.server, text, 0, largest));
        co_await all.join();
        {
            const abandonable waiting = receive(*on, both.server);
            co_await turns(*on, 3);
            EXPECT_FALSE(waiting.ended());
        }
        EXPECT_EQ(co_await send_all(*on, both.client, "late"), 0);
        EXPECT_EQ(co_await receive_exactly(*on, both.server, 4), "late");
        {
            const abandonable waiting = receive(*on, both.server);
            co_await turns(*on, 3);
        }
        close_both(*on, both);
        on->close(door);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
}

APERTO_ON_BOTH_ENGINES(bulk);

}  // namespace
}  // namespace aperto::seam
