// SPDX-License-Identifier: MIT
// Who is ended for the memory it holds, and that what it made the server hold shrinks again.
#include "aperto/client.hpp"
#include "aperto/server.hpp"
#include "aperto/sim.hpp"
#include "aperto/sleep.hpp"
#include "aperto/text.hpp"
#include "server/client.hpp"
#include "server/recorder.hpp"

#include <gtest/gtest.h>
#include <malloc.h>

#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;

std::string capitals(std::string_view message) { return to_upper(message); }

/// Bytes that this process has allocated now (mallinfo(3)).
std::size_t allocated() {
    const struct mallinfo2 all = ::mallinfo2();
    return all.uordblks + all.hblkhd;
}

class memory_on : public testing::TestWithParam<engine> {
protected:
    options basic(std::size_t budget) {
        options chosen{.host = "127.0.0.1",
                       .port = 0,
                       .workers = 1,
                       .engine = GetParam(),
                       .framing = framing::line,
                       .memory_budget = budget,
                       .drain_deadline = 100ms};
        chosen.events = &seen;
        return chosen;
    }
    recorder seen;
};

INSTANTIATE_TEST_SUITE_P(engines, memory_on, testing::Values(engine::uring, engine::epoll),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST_P(memory_on, old_hoarders_are_ended_before_honest_clients_that_came_later) {
    server serving(basic(16 << 20), capitals);
    serving.start();
    const endpoint where = serving.endpoints().front();
    std::vector<plain_client> hoarders;
    for (int i = 0; i < 29; ++i) {
        hoarders.emplace_back(where);
        hoarders.back().send(std::string(1'000'000, 'x'));
    }
    std::this_thread::sleep_for(300ms);
    const std::string message(40'000, 'm');
    std::vector<plain_client> honest;
    for (int i = 0; i < 200; ++i) {
        honest.emplace_back(where);
        honest.back().send(message);
    }
    int answered = 0;
    for (plain_client& each : honest)
        answered += each.send("\n").receive(message.size() + 1) == std::string(40'000, 'M') + "\n" ? 1 : 0;
    EXPECT_EQ(answered, 200);
    EXPECT_EQ(seen.wait_for_ends(1)[0].reason, close_reason::limit);
}

TEST_P(memory_on, what_a_large_message_took_is_not_held_for_the_next_byte) {
    server serving(basic(8 << 20), [](std::string_view message) { return std::to_string(message.size()); });
    serving.start();
    std::vector<plain_client> clients;
    for (int i = 0; i < 40; ++i) {
        clients.emplace_back(serving.endpoints().front());
        clients.back().send(std::string(1'000'000, 'x') + "\nb");
        EXPECT_EQ(clients.back().receive(8), "1000000\n");
    }
    for (plain_client& each : clients)
        EXPECT_EQ(each.send("\n").receive(2), "1\n");
    EXPECT_EQ(serving.counters().of(limit::memory_budget), 0U);
}

/// Sends 100 kB from each of 1,000 clients, after a line that is answered where `greeted`; how much more
/// memory this process has then.
std::size_t growth_under_a_thousand(const endpoint& where, bool greeted = false) {
    const std::size_t before = allocated();
    std::vector<plain_client> clients;
    const std::string line = std::string(99'999, 'x') + "\n";
    for (int i = 0; i < 1000; ++i) {
        clients.emplace_back(where);
        if (greeted) {
            EXPECT_EQ(clients.back().send("hello\n").receive(6), "hello\n");
        }
        clients.back().send_what_fits(line);
    }
    std::this_thread::sleep_for(500ms);
    const std::size_t now = allocated();
    return now > before ? now - before : 0;
}

constexpr std::size_t thousand_budget = 16 << 20;
/// The lent buffers, and the connections themselves.
constexpr std::size_t thousand_slack = 8 << 20;

TEST_P(memory_on, a_thousand_sessions_that_sleep_on_what_they_read_stay_within_the_budget) {
    server serving(basic(thousand_budget), [](stream peer) -> task<> {
        while (const auto line = co_await peer.read_line())
            co_await sleep(1h);
    });
    serving.start();
    const std::size_t growth = growth_under_a_thousand(serving.endpoints().front());
    std::cout << growth / 1024 << " KiB more\n";
    EXPECT_LE(growth, thousand_budget + thousand_slack);
    for (const recorder::end& each : seen.wait_for_ends(1))
        EXPECT_EQ(each.reason, close_reason::limit);
}

TEST_P(memory_on, a_thousand_sessions_that_sleep_before_they_read_stay_within_the_budget) {
    server serving(basic(thousand_budget), [](stream peer) -> task<> {
        co_await sleep(1h);
        co_await peer.read_line();
    });
    serving.start();
    const std::size_t growth = growth_under_a_thousand(serving.endpoints().front());
    std::cout << growth / 1024 << " KiB more\n";
    EXPECT_LE(growth, thousand_budget + thousand_slack);
}

TEST_P(memory_on, a_thousand_sessions_that_read_a_line_and_then_sleep_stay_within_the_budget) {
    // What comes while nobody reads is the kernel's to hold, in the client's window.
    server serving(basic(thousand_budget), [](stream peer) -> task<> {
        co_await peer.read_line();
        co_await peer.write("hello\n");
        co_await sleep(1h);
        co_await peer.read_line();
    });
    serving.start();
    const std::size_t growth = growth_under_a_thousand(serving.endpoints().front(), true);
    std::cout << growth / 1024 << " KiB more\n";
    EXPECT_LE(growth, thousand_slack);
    EXPECT_EQ(serving.counters().of(limit::memory_budget), 0U);
}

/// In simulated time, with a send buffer of a megabyte in the server's kernel: what waits there for a client
/// that takes nothing is counted, once it has taken nothing for a second.
TEST(memory, what_the_kernel_holds_for_a_client_that_does_not_read_is_counted) {
    sim::world world;
    sim::host& office = world.add_host("office", {.send_buffer = 1 << 20});
    sim::host& laptop = world.add_host("laptop", {.receive_buffer = 16 * 1024});
    recorder seen;
    options chosen{
        .host = "office", .framing = framing::line, .write_deadline = 1min, .memory_budget = 1 << 20};
    chosen.workers = 1;
    chosen.events = &seen;
    // 1.2 MB: most of it waits in the kernel, some 200 kB with us.
    server serving(chosen, [](std::string_view) { return std::string(1'200'000, 'x'); });
    office.spawn(serving.run_on(office.loop()));
    laptop.spawn([](server& of) -> task<> {
        task<stream> connecting = connect("office:9999");
        stream peer = co_await connecting;
        co_await peer.write("give\n");
        co_await sleep(30s);
        of.stop();
    }(serving));
    world.run();
    EXPECT_EQ(serving.counters().of(limit::memory_budget), 1U);
    EXPECT_EQ(seen.wait_for_ends(1)[0].reason, close_reason::limit);
}

}  // namespace
}  // namespace aperto
