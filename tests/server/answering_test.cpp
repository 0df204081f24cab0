// SPDX-License-Identifier: MIT
// Handlers that are coroutines called with a message, in simulated time.
#include "aperto/client.hpp"
#include "aperto/queue.hpp"
#include "aperto/server.hpp"
#include "aperto/sim.hpp"
#include "aperto/sleep.hpp"
#include "aperto/text.hpp"
#include "server/recorder.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;

/// A client that waits as long as it takes.
task<stream> call_the_office() {
    client_options patient;
    patient.stream.framing = framing::line;
    patient.stream.idle_timeout = patient.stream.message_deadline = forever;
    return connect("office:9999", patient);
}

class answering_messages : public testing::Test {
public:
    answering_messages() {
        chosen.host = "office";
        chosen.framing = framing::line;
        chosen.events = &seen;
    }

    /// Says all of `words` at once, then the end, and gives what comes back; and when, in `took`.
    task<> call(std::string words, std::string& replies, server& then_stop) {
        task<stream> connecting = call_the_office();
        stream peer = co_await connecting;
        const time_point began = loop::current().now();
        co_await peer.write(words);
        co_await peer.shutdown_write();
        try {
            while (auto some = co_await peer.read_some())
                replies += *some;
        } catch (const error&) {
            replies += "(broken)";
        }
        took = loop::current().now() - began;
        then_stop.stop();
    }

    std::string ask(handler what, const std::string& words) {
        server serving(chosen, std::move(what));
        office.spawn(serving.run_on(office.loop()));
        std::string replies;
        laptop.spawn(call(words, replies, serving));
        world.run();
        counted = serving.counters();
        return replies;
    }

    sim::world world;
    sim::host& office = world.add_host("office");
    sim::host& laptop = world.add_host("laptop");
    recorder seen;
    options chosen;
    duration took{};
    server_counters counted;
};

/// "300 a" waits for 300 ms before it answers "A".
task<std::string> after_a_while(std::string_view message) {
    const std::size_t blank = message.find(' ');
    co_await sleep(std::chrono::milliseconds(std::stoi(std::string(message.substr(0, blank)))));
    co_return to_upper(message.substr(blank + 1));
}

/// Asks one question of a slow handler, hears the answer, and is then silent.
task<> ask_and_fall_silent(std::string words, duration& answered, duration& ended, server& then_stop) {
    task<stream> connecting = call_the_office();
    stream peer = co_await connecting;
    const time_point began = loop::current().now();
    co_await peer.write(words);
    const auto answer = co_await peer.read_line();
    EXPECT_EQ(answer, "A");
    answered = loop::current().now() - began;
    const auto rest = co_await peer.read_line();
    EXPECT_FALSE(rest);
    ended = loop::current().now() - began;
    then_stop.stop();
}

TEST_F(answering_messages, who_waits_for_an_answer_is_not_idle) {
    chosen.max_in_flight = 4;
    chosen.idle_timeout = 2s;
    server serving(chosen, after_a_while);
    duration answered{};
    duration ended{};
    office.spawn(serving.run_on(office.loop()));
    laptop.spawn(ask_and_fall_silent("9000 a\n", answered, ended, serving));
    world.run();
    EXPECT_GE(answered, 9s);
    EXPECT_LT(answered, 10s);
    EXPECT_GE(ended - answered, 1990ms) << "idle from the answer on";
    EXPECT_LE(ended - answered, 2100ms);
}

/// Says `words` at once and stays, without an end of its own.
task<> say_and_stay(std::string words, server& then_stop) {
    task<stream> connecting = call_the_office();
    stream peer = co_await connecting;
    co_await peer.write(words);
    for (bool more = true; more;) {
        const auto some = co_await peer.read_some();
        more = some.has_value();
    }
    co_await sleep(1h);
    then_stop.stop();
}

TEST_F(answering_messages, an_end_of_the_servers_keeps_its_deadline_whatever_is_in_hand) {
    chosen.max_in_flight = 4;
    for (const std::string words : {"throw\n", "close\nslow\n"}) {
        server serving(chosen, [](std::string_view message, exchange& with) -> task<> {
            if (message == "throw") throw std::runtime_error("no");
            if (message == "close") with.close();
            if (message == "slow") co_await sleep(10min);
        });
        office.spawn(serving.run_on(office.loop()));
        laptop.spawn(say_and_stay(words, serving));
        world.run_for(10s);
        EXPECT_EQ(serving.counters().accepted, 1U);
        EXPECT_EQ(serving.connections(), 0U) << words << " holds the connection past close_deadline";
        world.run();
    }
}

TEST_F(answering_messages, one_after_the_other_where_nothing_else_is_said) {
    EXPECT_EQ(ask(after_a_while, "300 a\r\n200 b\n100 c\n"), "A\r\nB\nC\n");
    EXPECT_GE(took, 600ms);
    EXPECT_LT(took, 900ms);
}

TEST_F(answering_messages, so_many_at_a_time_as_may_be_in_flight_and_the_answers_in_order) {
    chosen.max_in_flight = 3;
    EXPECT_EQ(ask(after_a_while, "300 a\n200 b\n100 c\n50 d\n"), "A\nB\nC\nD\n");
    EXPECT_GE(took, 350ms) << "the fourth waits for the first: its answer is to go out before";
    EXPECT_LT(took, 600ms);
}

TEST_F(answering_messages, what_a_handler_throws_ends_the_conversation_after_the_answers_before_it) {
    chosen.max_in_flight = 10;
    const auto picky = [](std::string_view message) -> task<std::string> {
        auto waiting = after_a_while(message);
        const std::string text = co_await waiting;
        if (text == "NO") throw std::runtime_error("not this");
        co_return text;
    };
    EXPECT_EQ(ask(picky, "300 a\n100 no\n50 c\n").substr(0, 2), "A\n");
    EXPECT_LT(took, 10s);
    EXPECT_EQ(seen.wait_for_ends(1).front().reason, close_reason::failure);
}

TEST_F(answering_messages, the_other_form_may_be_silent_keep_state_and_end) {
    const auto counting = [](std::string_view message, exchange& with) -> task<> {
        co_await sleep(1ms);
        int& count = with.state<int>();
        ++count;
        if (message == "quiet") with.no_reply();
        if (message == "bye") with.close();
        with.reply(std::to_string(count));
    };
    EXPECT_EQ(ask(counting, "a\nquiet\nb\nbye\nnever\n"), "1\n3\n4\n");
    EXPECT_EQ(seen.wait_for_ends(1).front().reason, close_reason::server);
}

TEST_F(answering_messages, a_server_that_stops_lets_them_end) {
    chosen.max_in_flight = 4;
    server serving(chosen, after_a_while);
    office.spawn(serving.run_on(office.loop()));
    std::string replies;
    laptop.spawn([](server& of, std::string& into) -> task<> {
        task<stream> connecting = connect("office:9999");
        stream peer = co_await connecting;
        co_await peer.write("3000 a\n2000 b\n");
        co_await sleep(100ms);
        of.stop();
        while (auto some = co_await peer.read_some())
            into += *some;
    }(serving, replies));
    world.run();
    EXPECT_EQ(replies, "A\nB\n");
}

TEST_F(answering_messages, past_the_drain_deadline_they_are_cut) {
    chosen.drain_deadline = 1s;
    server serving(chosen, after_a_while);
    office.spawn(serving.run_on(office.loop()));
    duration ended{};
    laptop.spawn([](server& of, duration& when) -> task<> {
        task<stream> connecting = connect("office:9999");
        stream peer = co_await connecting;
        co_await peer.write("1000000 a\n");
        co_await sleep(100ms);
        const time_point began = loop::current().now();
        of.stop();
        try {
            co_await peer.read_some();
        } catch (const error&) {  // NOLINT(bugprone-empty-catch)
            // However it is cut.
        }
        when = loop::current().now() - began;
    }(serving, ended));
    world.run();
    EXPECT_GE(ended, 1s);
    EXPECT_LT(ended, 5s);
}

}  // namespace
}  // namespace aperto
