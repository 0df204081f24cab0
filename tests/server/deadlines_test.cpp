// SPDX-License-Identifier: MIT
// When a server's deadlines strike, in simulated time: to the millisecond, however busy this machine is.
#include "aperto/client.hpp"
#include "aperto/server.hpp"
#include "aperto/sim.hpp"
#include "aperto/sleep.hpp"
#include "aperto/text.hpp"
#include "server/recorder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <iostream>
#include <string>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;

/// What the network adds to a deadline: a way to the server and back.
constexpr duration network_delay = 20ms;

class deadlines : public testing::Test {
public:
    deadlines() {
        chosen.host = "office";
        chosen.framing = framing::line;
        chosen.events = &seen;
    }

    /// When a client that says `words`, and then nothing, was ended; from its connection.
    struct visit {
        std::string words;
        std::size_t replies = 0;
        duration ended{};
        bool reset = false;
    };

    task<> call(visit& one) {
        client_options patient;
        patient.stream.idle_timeout = patient.stream.message_deadline = forever;
        patient.stream.framing = framing::line;
        task<stream> connecting = connect("office:9999", patient);
        stream peer = co_await connecting;
        const time_point began = loop::current().now();
        co_await peer.write(one.words);
        try {
            while (co_await peer.read_line())
                ++one.replies;
        } catch (const error&) {
            one.reset = true;
        }
        one.ended = loop::current().now() - began;
        task<> closing = peer.close();
        co_await closing;
    }

    /// Writes a part of a line, and waits for its own end.
    static task<> hold(std::size_t part) {
        client_options patient;
        patient.stream.idle_timeout = forever;
        task<stream> connecting = connect("office:9999", patient);
        stream peer = co_await connecting;
        const std::string text(part, 'x');
        try {
            co_await peer.write(text);
            co_await peer.read_some();
        } catch (const error&) {  // NOLINT(bugprone-empty-catch)
            // It has been ended.
        }
    }

    static void expect_about(duration seen_after, duration deadline) {
        EXPECT_GE(seen_after, deadline);
        EXPECT_LE(seen_after, deadline + network_delay);
    }

    sim::world world;
    sim::host& office = world.add_host("office");
    sim::host& laptop = world.add_host("laptop");
    options chosen;
    recorder seen;
};

void capitals(std::string_view message, exchange& with) { with.reply(to_upper(message)); }

TEST_F(deadlines, each_strikes_at_its_time_and_is_counted_by_its_name) {
    chosen.handshake_deadline = 1s;
    chosen.idle_timeout = 2s;
    chosen.message_deadline = 3s;
    server serving(chosen, &capitals);
    office.spawn(serving.run_on(office.loop()));
    visit silent;
    visit idle{.words = "a\n"};
    visit slow{.words = "half a li"};
    for (visit* each : {&silent, &idle, &slow})
        laptop.spawn(call(*each));
    laptop.spawn([](server& of) -> task<> {
        co_await sleep(10s);
        of.stop();
    }(serving));
    world.run();
    expect_about(silent.ended, 1s);
    expect_about(idle.ended, 2s);
    expect_about(slow.ended, 3s);
    EXPECT_EQ(idle.replies, 1u);
    for (const visit* each : {&silent, &idle, &slow})
        EXPECT_FALSE(each->reset);
    for (const auto& end : seen.wait_for_ends(3))
        EXPECT_EQ(end.reason, close_reason::deadline);
    const server_counters counted = serving.counters();
    EXPECT_EQ(counted.of(limit::handshake_deadline), 1U);
    EXPECT_EQ(counted.of(limit::idle_timeout), 1U);
    EXPECT_EQ(counted.of(limit::message_deadline), 1U);
    EXPECT_EQ(counted.closed, 3U);
}

TEST_F(deadlines, past_the_memory_budget_an_eighth_of_it_becomes_free_and_no_more) {
    constexpr std::size_t clients_max = 400;
    constexpr std::size_t part = 10'000;  // of a line, held by each
    chosen.memory_budget = 1024 * 1024;
    server serving(chosen, &capitals);
    office.spawn(serving.run_on(office.loop()));
    std::size_t came = 0;
    std::size_t ended = 0;
    laptop.spawn([](sim::host& from, server& of, std::size_t& count, std::size_t& shed) -> task<> {
        while (shed == 0 && count < clients_max) {
            from.spawn(hold(part));
            ++count;
            co_await sleep(50ms);
            shed = of.counters().of(limit::memory_budget);
        }
        of.stop();
    }(laptop, serving, came, ended));
    world.run();
    const double share = static_cast<double>(ended) / static_cast<double>(came);
    std::cout << "    " << came << " clients with " << part << " bytes each, " << ended << " ended\n";
    EXPECT_LT(came, clients_max);
    EXPECT_GT(share, 0.11) << "an eighth, rounded up to whole clients";
    EXPECT_LT(share, 0.15);
}

TEST_F(deadlines, the_memory_budget_spares_whose_messages_come_to_an_end) {
    constexpr std::size_t part = 10'000;  // of a line, held by each
    chosen.memory_budget = 1024 * 1024;
    server serving(chosen, [](stream from) -> task<> {
        while (co_await from.read_line()) {
        }
        co_await from.write("heard");
    });
    office.spawn(serving.run_on(office.loop()));
    bool spoke_to_the_end = false;
    // It holds more than each other and came first, but ends a line every 70 ms. It is answered at its end alone.
    laptop.spawn([](server& of, bool& whole) -> task<> {
        client_options patient;
        patient.stream.idle_timeout = forever;
        task<stream> connecting = connect("office:9999", patient);
        stream peer = co_await connecting;
        const std::string text = "\n" + std::string(part + 1'000, 'y');
        while (of.counters().of(limit::memory_budget) == 0) {
            co_await peer.write(text);
            co_await sleep(70ms);  // not the others' rhythm: most of a line is held when they come
        }
        co_await peer.write("\n");
        co_await peer.shutdown_write();
        whole = co_await peer.read_some() == "heard";
        of.stop();
    }(serving, spoke_to_the_end));
    laptop.spawn([](sim::host& from, server& of) -> task<> {
        for (int count = 0; count < 400 && of.counters().of(limit::memory_budget) == 0; ++count) {
            from.spawn(hold(part));
            co_await sleep(50ms);
        }
    }(laptop, serving));
    world.run();
    EXPECT_TRUE(spoke_to_the_end);
}

TEST_F(deadlines, a_byte_now_and_then_does_not_extend_a_message) {
    chosen.message_deadline = 3s;
    server serving(chosen, &capitals);
    office.spawn(serving.run_on(office.loop()));
    duration ended{};
    laptop.spawn([](server& of, duration& after) -> task<> {
        task<stream> connecting = connect("office:9999");
        stream peer = co_await connecting;
        const time_point began = loop::current().now();
        try {
            for (;;) {
                co_await peer.write("x");
                co_await sleep(100ms);
                peer.facts();
                if (of.connections() == 0) break;
            }
        } catch (const error&) {  // NOLINT(bugprone-empty-catch)
            // It has been closed.
        }
        after = loop::current().now() - began;
        of.stop();
    }(serving, ended));
    world.run();
    EXPECT_GE(ended, 3s);
    EXPECT_LE(ended, 3s + 2s + 300ms) << "the deadline, and the time for an orderly end";
    EXPECT_EQ(serving.counters().of(limit::message_deadline), 1U);
}

TEST_F(deadlines, accepting_rests_while_there_are_no_descriptors_and_goes_on_within_a_second) {
    server serving(chosen, &capitals);
    int attempts = 0;
    world.add_rule([this, &attempts](const sim::event& of) {
        if (of.what != sim::happening::accept || world.elapsed() > 2s) return sim::verdict::pass();
        ++attempts;
        return sim::verdict::fail(EMFILE);
    });
    office.spawn(serving.run_on(office.loop()));
    duration served{};
    laptop.spawn([](server& of, duration& after) -> task<> {
        client_options patient;
        patient.stream.framing = framing::line;
        const time_point began = loop::current().now();
        task<stream> connecting = connect("office:9999", patient);
        stream peer = co_await connecting;
        co_await peer.write("a\n");
        co_await peer.read_line();
        after = loop::current().now() - began;
        of.stop();
    }(serving, served));
    world.run();
    EXPECT_GE(attempts, 10);
    EXPECT_LE(attempts, 25) << "one in 100 ms";
    EXPECT_GE(served, 2s);
    EXPECT_LE(served, 2s + 100ms + network_delay);
}

TEST_F(deadlines, new_clients_are_taken_until_the_drain_delay_is_over) {
    chosen.drain_delay = 500ms;
    chosen.drain_grace = 0ms;
    server serving(chosen, &capitals);
    office.spawn(serving.run_on(office.loop()));
    visit early{.words = "a\n"};
    visit late{.words = "b\n"};
    std::error_code refused;
    laptop.spawn([](deadlines& test, server& of, visit& first, visit& last, std::error_code& why) -> task<> {
        loop& on = loop::current();
        const time_point began = on.now();
        of.stop();
        on.spawn(test.call(first));
        co_await sleep_until(began + 490ms);
        on.spawn(test.call(last));
        co_await sleep_until(began + 510ms);
        try {
            visit too_late;
            task<> calling = test.call(too_late);
            co_await calling;
        } catch (const error& failed) {
            why = failed.code();
        }
    }(*this, serving, early, late, refused));
    world.run();
    EXPECT_EQ(early.replies, 1u);
    EXPECT_EQ(late.replies, 1u);
    EXPECT_FALSE(late.reset);
    EXPECT_GE(early.ended, 490ms);
    EXPECT_EQ(refused, std::errc::connection_refused);
}

TEST_F(deadlines, the_ends_of_idle_conversations_are_spread) {
    chosen.drain_grace = 0ms;
    chosen.drain_spread = 200ms;
    chosen.max_connections = 1000;
    chosen.max_connections_per_address = no_limit;
    server serving(chosen, &capitals);
    office.spawn(serving.run_on(office.loop()));
    std::vector<visit> visits(400, visit{.words = "a\n"});
    for (visit& each : visits)
        laptop.spawn(call(each));
    laptop.spawn([](server& of) -> task<> {
        co_await sleep(1s);
        of.stop();
    }(serving));
    world.run();
    std::vector<duration> ends;
    for (const visit& each : visits) {
        EXPECT_FALSE(each.reset);
        ends.push_back(each.ended);
    }
    std::sort(ends.begin(), ends.end());
    EXPECT_LE(ends.front(), 1s + network_delay);
    EXPECT_GE(ends.back() - ends.front(), 180ms);
    EXPECT_LE(ends.back() - ends.front(), 200ms + network_delay);
    const duration median = ends[ends.size() / 2] - ends.front();
    EXPECT_GE(median, 80ms);
    EXPECT_LE(median, 120ms);
}

}  // namespace
}  // namespace aperto
