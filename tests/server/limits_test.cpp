// SPDX-License-Identifier: MIT
#include "aperto/server.hpp"
#include "aperto/text.hpp"
#include "server/client.hpp"
#include "server/recorder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;

std::string capitals(std::string_view message) { return to_upper(message); }

class limits_on : public testing::TestWithParam<engine> {
protected:
    options basic() {
        options chosen{.host = "127.0.0.1", .port = 0, .workers = 1, .engine = GetParam()};
        chosen.events = &seen;
        return chosen;
    }
    recorder seen;
};

INSTANTIATE_TEST_SUITE_P(engines, limits_on, testing::Values(engine::uring, engine::epoll),
                         [](const auto& each) { return std::string(to_string(each.param)); });

/// What a refused client sees: the end of the stream, not a reset, though it had spoken.
void expect_refused_in_order(plain_client& client) {
    EXPECT_EQ(client.send("let me in").receive_all(), "");
    EXPECT_FALSE(client.was_reset());
}

TEST_P(limits_on, an_address_has_so_many_connections_and_then_its_next_is_refused) {
    options chosen = basic();
    chosen.max_connections_per_address = 2;
    server serving(chosen, capitals);
    serving.start();
    plain_client first(serving.endpoints().front());
    plain_client second(serving.endpoints().front());
    EXPECT_EQ(first.send("a").receive(1), "A");
    EXPECT_EQ(second.send("b").receive(1), "B");
    plain_client third(serving.endpoints().front());
    expect_refused_in_order(third);
    plain_client from_elsewhere(serving.endpoints().front(), "127.0.0.2");
    EXPECT_EQ(from_elsewhere.send("c").receive(1), "C");
    first.close();
    seen.wait_for_ends(1);
    plain_client fourth(serving.endpoints().front());
    EXPECT_EQ(fourth.send("d").receive(1), "D");
    EXPECT_EQ(serving.counters().of(limit::max_connections_per_address), 1U);
    EXPECT_EQ(serving.counters().accepted, 4U);
}

TEST_P(limits_on, by_default_an_address_may_have_half_but_this_machine_all) {
    options chosen = basic();
    chosen.max_connections = 4;
    server serving(chosen, capitals);
    serving.start();
    std::vector<plain_client> clients;
    for (int i = 0; i < 4; ++i) {
        clients.emplace_back(serving.endpoints().front());
        EXPECT_EQ(clients.back().send("a").receive(1), "A");
    }
    EXPECT_EQ(serving.counters().of(limit::max_connections_per_address), 0U);
}

TEST_P(limits_on, an_address_that_connects_too_often_is_refused_for_a_while) {
    options chosen = basic();
    chosen.accept_rate = 3;
    server serving(chosen, capitals);
    serving.start();
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(plain_client(serving.endpoints().front()).send("a").receive(1), "A");
    plain_client fourth(serving.endpoints().front());
    expect_refused_in_order(fourth);
    EXPECT_EQ(serving.counters().of(limit::accept_rate), 1U);
}

TEST_P(limits_on, the_exempt_are_not_counted_per_address) {
    options chosen = basic();
    chosen.max_connections_per_address = 1;
    chosen.accept_rate = 1;
    chosen.exempt = {cidr::parse("127.0.0.0/30")};
    server serving(chosen, capitals);
    serving.start();
    std::vector<plain_client> clients;
    for (int i = 0; i < 5; ++i) {
        clients.emplace_back(serving.endpoints().front(), "127.0.0.3");
        EXPECT_EQ(clients.back().send("a").receive(1), "A");
    }
}

TEST_P(limits_on, deny_refuses_and_wins_over_allow) {
    options chosen = basic();
    chosen.allow = {cidr::parse("127.0.0.0/24")};
    chosen.deny = {cidr::parse("127.0.0.66")};
    server serving(chosen, capitals);
    serving.start();
    plain_client welcome(serving.endpoints().front(), "127.0.0.5");
    EXPECT_EQ(welcome.send("a").receive(1), "A");
    plain_client denied(serving.endpoints().front(), "127.0.0.66");
    expect_refused_in_order(denied);
    plain_client unlisted(serving.endpoints().front(), "127.0.1.5");
    expect_refused_in_order(unlisted);
    EXPECT_EQ(serving.counters().of(limit::deny), 2U);
    EXPECT_EQ(seen.limits(), (std::vector<std::string>{"deny", "deny"}));
}

/// Whether the server's socket is gone: what is then sent to it is answered by a reset.
bool is_gone(plain_client& client) {
    client.send("x");
    std::this_thread::sleep_for(1ms);
    client.send("y");
    return client.was_reset();
}

TEST_P(limits_on, so_many_refused_clients_at_once_get_time_for_their_end_and_no_more) {
    constexpr std::size_t refused = 60;
    constexpr std::size_t with_time = 16;
    options chosen = basic();
    chosen.deny = {cidr::parse("127.0.0.66")};
    server serving(chosen, capitals);
    serving.start();
    std::vector<plain_client> clients;
    for (std::size_t i = 0; i < refused; ++i)
        clients.emplace_back(serving.endpoints().front(), "127.0.0.66");
    for (plain_client& each : clients) {
        EXPECT_EQ(each.receive_all(), "");
        EXPECT_FALSE(each.was_reset());
    }
    const auto gone = std::count_if(clients.begin(), clients.end(), is_gone);
    EXPECT_EQ(static_cast<std::size_t>(gone), refused - with_time);
    EXPECT_EQ(serving.counters().of(limit::deny), refused);
}

TEST_P(limits_on, a_client_that_never_reads_is_ended_by_the_write_deadline) {
    options chosen = basic();
    chosen.write_deadline = 100ms;
    server serving(chosen, [](std::string_view) { return std::string(64 * 1024 * 1024, 'x'); });
    serving.start();
    plain_client client(serving.endpoints().front());
    client.send("give");
    EXPECT_EQ(seen.wait_for_ends(1)[0].reason, close_reason::deadline);
    EXPECT_EQ(serving.counters().of(limit::write_deadline), 1U);
}

TEST_P(limits_on, a_message_over_the_limit_leaves_the_earlier_reply_whole) {
    options chosen = basic();
    chosen.framing = framing::line;
    chosen.max_message = 1000;
    server serving(chosen, capitals);
    serving.start();
    for (int round = 0; round < 20; ++round) {
        plain_client client(serving.endpoints().front());
        client.send("first\n" + std::string(500'000, 'x')).half_close();
        EXPECT_EQ(client.receive_all(), "FIRST\n");
        EXPECT_FALSE(client.was_reset());
    }
    seen.wait_for_ends(20);
    EXPECT_EQ(serving.counters().of(limit::max_message), 20U);
}

TEST_P(limits_on, past_the_memory_budget_those_that_hold_memory_and_do_not_move_are_ended) {
    options chosen = basic();
    chosen.framing = framing::line;
    chosen.memory_budget = 1024 * 1024;
    server serving(chosen, capitals);
    serving.start();
    // Each holds a part of a line, some 200 kB: room for about five.
    std::vector<plain_client> clients;
    plain_client idle(serving.endpoints().front());
    EXPECT_EQ(idle.send("a\n").receive(2), "A\n");
    for (int i = 0; i < 8; ++i) {
        clients.emplace_back(serving.endpoints().front());
        clients.back().send("x\n");
        EXPECT_EQ(clients.back().receive(2), "X\n");
    }
    for (plain_client& each : clients)
        each.send(std::string(200'000, 'y'));
    const auto ends = seen.wait_for_ends(1);
    EXPECT_EQ(ends[0].reason, close_reason::limit);
    EXPECT_EQ(idle.send("b\n").receive(2), "B\n");
    std::size_t spared = 0;
    for (plain_client& each : clients)
        spared += each.send("z\n").receive(200'002) == std::string(200'000, 'Y') + "Z\n" ? 1U : 0U;
    EXPECT_GE(spared, 1U);
    EXPECT_GE(serving.counters().of(limit::memory_budget), 1U);
    EXPECT_LE(serving.counters().of(limit::memory_budget), 7U);
}

TEST_P(limits_on, a_reply_that_alone_is_over_the_budget_ends_its_connection) {
    options chosen = basic();
    chosen.memory_budget = 1024 * 1024;
    server serving(chosen, [](std::string_view message) {
        return std::string(message == "much" ? 256 * 1024 * 1024 : 1, 'x');
    });
    serving.start();
    plain_client modest(serving.endpoints().front());
    plain_client greedy(serving.endpoints().front());
    greedy.send("much");
    EXPECT_EQ(seen.wait_for_ends(1)[0].reason, close_reason::limit);
    EXPECT_EQ(modest.send("a").receive(1), "x");
}

TEST_P(limits_on, two_receive_buffers_serve_a_hundred_connections_and_nobody_hangs) {
    const std::unique_ptr<loop> poor = loop::create(
        {.which = GetParam(), .receive_buffers = 2, .receive_buffer_size = 1024, .bulk_buffer_size = 0});
    options chosen = basic();
    chosen.framing = framing::line;
    server serving(chosen, capitals);
    poor->spawn(serving.run_on(*poor));
    std::size_t answered = 0;
    std::thread attack([&] {
        std::vector<plain_client> clients;
        for (int i = 0; i < 100; ++i)
            clients.emplace_back(serving.endpoints().front());
        for (plain_client& each : clients)
            each.send(std::string(20'000, 'y') + "\n");
        for (plain_client& each : clients)
            answered += each.receive(20'001) == std::string(20'000, 'Y') + "\n" ? 1U : 0U;
        clients.clear();
        serving.stop();
    });
    poor->run();
    attack.join();
    EXPECT_EQ(answered, 100U);
}

}  // namespace
}  // namespace aperto
