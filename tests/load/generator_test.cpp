// SPDX-License-Identifier: MIT
#include "load/generator.hpp"

#include "aperto/error.hpp"
#include "load/small_server.hpp"
#include "support/own_network.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;
using aperto::load::expectation;
using aperto::load::framing;
using aperto::load::generator;
using aperto::load::outcome;
using aperto::load::plan;

// So many requests, each counted: a run that needs no clock.
plan some_requests(const small_server& server, std::uint64_t count) {
    plan what;
    what.port = server.port();
    what.connections = 4;
    what.duration = 0ns;
    what.warm_up = 0ns;
    what.requests = count;
    return what;
}

outcome run(const plan& what) {
    generator load(what);
    outcome seen = load.run();
    std::printf("  %llu answered, %llu unanswered, p50 %lld ns, p99 %lld ns\n",
                static_cast<unsigned long long>(seen.answered),
                static_cast<unsigned long long>(seen.unanswered),
                static_cast<long long>(seen.latency.at_percentile(50)),
                static_cast<long long>(seen.latency.at_percentile(99)));
    return seen;
}

TEST(generator, asks_as_often_as_it_was_told_and_counts_every_answer) {
    const small_server server;
    const outcome seen = run(some_requests(server, 1000));
    EXPECT_TRUE(seen.clean());
    EXPECT_EQ(seen.answered, 1000U);
    EXPECT_EQ(seen.latency.count(), 1000U);
    EXPECT_EQ(seen.bytes_sent, 64'000U);
    EXPECT_EQ(seen.bytes_received, 64'000U);
    EXPECT_EQ(seen.connected, 4U);
    EXPECT_EQ(server.accepted(), 4U);
    EXPECT_GT(seen.latency.min(), 0);
}

TEST(generator, pipelined_lines_framed_messages_and_streams_come_back_whole) {
    const small_server server;
    plan lines = some_requests(server, 5000);
    lines.framing = framing::line;
    lines.size = 32;
    lines.pipeline = 64;
    EXPECT_EQ(run(lines).answered, 5000U);

    const small_server echo({.answer = [](std::string_view text) { return std::string(text); }});
    plan framed = some_requests(echo, 200);
    framed.framing = framing::length;
    framed.size = 16 * 1024;
    framed.expect = expectation::echo;
    EXPECT_EQ(run(framed).answered, 200U);

    plan stream = some_requests(server, 1);
    stream.connections = 1;
    stream.size = 10'000'000;
    const outcome seen = run(stream);
    EXPECT_EQ(seen.answered, 1U);
    EXPECT_EQ(seen.bytes_received, 10'000'000U);
}

TEST(generator, a_connection_for_each_message) {
    const small_server server;
    plan what = some_requests(server, 300);
    what.per_message_connection = true;
    const outcome seen = run(what);
    EXPECT_TRUE(seen.clean());
    EXPECT_EQ(seen.answered, 300U);
    EXPECT_EQ(server.accepted(), 300U);
    EXPECT_GT(seen.sources, 1U) << "one source address has 28,000 ports, and each rests for a minute";
}

TEST(generator, one_wrong_byte_ends_the_run) {
    unsigned answers = 0;
    const small_server server({.answer = [&answers](std::string_view text) {
        std::string reply(text);
        for (char& each : reply) {
            each = each == ' ' ? ' ' : static_cast<char>(each - 'a' + 'A');
        }
        if (++answers == 100) reply[10] = '#';
        return reply;
    }});
    plan what = some_requests(server, 1'000'000);
    what.connections = 1;
    const outcome seen = run(what);
    ASSERT_TRUE(seen.wrong);
    EXPECT_EQ(seen.wrong->offset, 99U * 64 + 10);
    EXPECT_EQ(seen.wrong->got, '#');
    EXPECT_FALSE(seen.clean());
    EXPECT_EQ(seen.answered, 99U);
}

TEST(generator, a_server_that_answers_once_and_closes_is_told_of) {
    const small_server server({.answers_a_connection = 1});
    plan what = some_requests(server, 50);
    what.connections = 2;
    const outcome seen = run(what);
    EXPECT_FALSE(seen.clean());
    EXPECT_GT(seen.closed_by_server + (seen.failures.empty() ? 0 : 1), 0U);
    EXPECT_EQ(seen.answered + seen.unanswered, 50U);
}

TEST(generator, nobody_there) {
    plan what;
    {
        const small_server gone;
        what.port = gone.port();
    }
    try {
        run(what);
        FAIL() << "it connected to nothing";
    } catch (const aperto::error& seen) {
        std::printf("  %s (%s)\n", seen.what(), seen.advice().c_str());
        EXPECT_EQ(seen.code(), std::errc::connection_refused);
        EXPECT_EQ(seen.whom(), "127.0.0.1:" + std::to_string(what.port));
    }
}

// The point of an open loop: a server that stalls for 300 ms keeps everybody waiting who was due meanwhile,
// and not only the one request that it had in hand.
TEST(generator, a_stall_is_felt_by_every_request_that_was_due_meanwhile) {
    const small_server server({.stall_after = 200, .stall_ms = 300});
    plan what;
    what.port = server.port();
    what.connections = 1;
    what.rate = 1000;
    what.warm_up = 0ns;
    what.duration = 1s;
    const outcome seen = run(what);
    EXPECT_TRUE(seen.clean());
    std::printf("  from the sending: p90 %lld ns; from when each was due: p90 %lld ns\n",
                static_cast<long long>(seen.latency.at_percentile(90)),
                static_cast<long long>(seen.corrected.at_percentile(90)));
    EXPECT_EQ(seen.corrected.count(), seen.latency.count());
    EXPECT_GT(seen.corrected.max(), 250'000'000);
    EXPECT_GT(seen.latency.max(), 250'000'000) << "the one request that was in flight";
    EXPECT_GT(seen.corrected.at_percentile(90), 50'000'000) << "and the 300 that should have been";
    EXPECT_LT(seen.latency.at_percentile(90), 50'000'000);
}

TEST(generator, each_request_that_was_due_is_sent_or_counted) {
    const small_server server({.answer = [](std::string_view text) {
        std::this_thread::sleep_for(10ms);
        return std::string(text);
    }});
    plan what = some_requests(server, 500);
    what.expect = expectation::echo;
    what.connections = 2;
    what.rate = 5000;
    what.duration = 100ms;
    what.patience = 100ms;
    const outcome seen = run(what);
    EXPECT_EQ(seen.sent_in_all + seen.unsent, 500U) << "all were due within 100 ms";
    EXPECT_GT(seen.unsent, 400U) << "in 200 ms a server that takes 10 ms answers 20";
    EXPECT_GE(seen.sent_in_all, seen.answered_in_all);
    EXPECT_FALSE(seen.clean());

    what.requests = 20;
    what.duration = 10ms;
    what.patience = 30s;
    const outcome patient = run(what);
    EXPECT_TRUE(patient.clean());
    EXPECT_EQ(patient.sent_in_all, 20U);
    EXPECT_EQ(patient.answered + patient.late, 20U);
    EXPECT_GT(patient.late, 10U) << "due within 4 ms, and answered 10 ms each: late, and felt as late";
    EXPECT_GT(patient.corrected.at_percentile(99), 150'000'000);
}

TEST(generator, a_rate_that_is_kept_sends_every_request_it_was_told) {
    const small_server server;
    plan what = some_requests(server, 501);
    what.rate = 10'000;
    const outcome seen = run(what);
    EXPECT_TRUE(seen.clean());
    EXPECT_EQ(seen.sent_in_all, 501U);
    EXPECT_EQ(seen.corrected.count(), 501U);
    EXPECT_EQ(seen.unsent, 0U);
    EXPECT_GE(seen.elapsed_ns, 50'000'000) << "the last is due after 50 ms";
}

TEST(generator, a_pause_between_two_requests_is_no_silence_of_the_server) {
    const small_server server;
    plan what = some_requests(server, 3);
    what.connections = 1;
    what.rate = 4;
    what.patience = 100ms;
    const outcome seen = run(what);
    EXPECT_TRUE(seen.clean());
    EXPECT_EQ(seen.answered_in_all, 3U);
}

TEST(generator, ports_that_run_out_end_the_run_though_a_connection_is_open) {
    bool allowed = false;
    outcome seen;
    std::thread([&] {
        allowed = aperto::own_network::enter();
        if (!allowed) return;
        const small_server server;
        allowed = aperto::own_network::begin_connections_at(server.port() == 40'000 ? 40'001 : 40'000);
        if (!allowed) return;
        plan what = some_requests(server, 10);
        what.connections = 1;
        what.idle_connections = 1;  // has the one port
        what.patience = 100ms;
        seen = run(what);
    }).join();
    if (!allowed) GTEST_SKIP() << "no network of its own here";
    ASSERT_TRUE(seen.ended);
    EXPECT_EQ(seen.ended->why, aperto::load::early_end::cause::no_port_left);
    EXPECT_EQ(seen.ended->error, EADDRNOTAVAIL);
    EXPECT_EQ(seen.connected, 1U);
    EXPECT_GT(seen.waits_for_port, 0U);
    EXPECT_FALSE(seen.clean());
}

TEST(generator, idle_connections_are_open_and_silent) {
    const small_server server;
    plan what = some_requests(server, 100);
    what.idle_connections = 50;
    const outcome seen = run(what);
    EXPECT_TRUE(seen.clean());
    EXPECT_EQ(seen.connected, 54U);
    EXPECT_EQ(server.accepted(), 54U);
    EXPECT_EQ(seen.bytes_sent, 6400U);
}

TEST(generator, knows_what_a_process_used) {
    const small_server server;
    plan what = some_requests(server, 2000);
    what.server_pid = ::getpid();  // the server's thread is in this one
    const outcome seen = run(what);
    EXPECT_GT(seen.own_cpu_ns, 0);
    EXPECT_GT(seen.server_cpu_ns, seen.own_cpu_ns)
        << "the process has the generator's thread and the server's";
    EXPECT_GT(seen.server_memory_most, 1'000'000U);
}

TEST(generator, a_plan_that_cannot_be_says_why) {
    plan what;
    what.pipeline = 2;
    what.per_message_connection = true;
    EXPECT_THROW(generator load(what), aperto::error);
    what = {};
    what.reset = true;
    EXPECT_THROW(generator load(what), aperto::error);
    what = {};
    what.connections = 100'000'000;
    EXPECT_THROW(generator load(what), aperto::error);
}

}  // namespace
