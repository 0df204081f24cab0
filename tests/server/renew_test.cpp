// SPDX-License-Identifier: MIT
// A server's options changed while it serves.
#include "aperto/server.hpp"
#include "server/client.hpp"
#include "server/terms.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;

void echo(std::string_view message, exchange& with) { with.reply(message); }

/// On three workers, with each engine that there is.
class renewed_server : public testing::TestWithParam<engine> {
protected:
    void start(options chosen = {}) {
        chosen.host = "127.0.0.1";
        chosen.port = 0;
        if (chosen.workers == 0) chosen.workers = 3;
        chosen.engine = GetParam();
        now_ = chosen;
        serving_.emplace(chosen, echo);
        try {
            serving_->start();
        } catch (const error& refused) {
            serving_.reset();
            GTEST_SKIP() << refused.what();
        }
    }
    plain_client connect(std::string_view from = {}) {
        return plain_client(serving_->endpoints().front(), from);
    }
    /// Whether a new client from there is answered.
    bool is_served(std::string_view from) { return connect(from).send("x").receive(1) == "x"; }
    /// Until `expected` holds of so many new clients in a row: workers take new terms one by one.
    testing::AssertionResult settles(bool expected, std::string_view from) {
        const auto until = std::chrono::steady_clock::now() + 20s;
        for (int in_a_row = 0; in_a_row < 24;) {
            in_a_row = is_served(from) == expected ? in_a_row + 1 : 0;
            if (std::chrono::steady_clock::now() > until) return testing::AssertionFailure() << from;
        }
        return testing::AssertionSuccess();
    }

    options now_;
    std::optional<server> serving_;
};

INSTANTIATE_TEST_SUITE_P(engines, renewed_server, testing::Values(engine::uring, engine::epoll),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST_P(renewed_server, takes_new_lists_and_ends_nobody) {
    start();
    if (!serving_) return;
    std::vector<plain_client> before;
    for (int i = 0; i < 12; ++i)
        before.push_back(connect("127.0.0.7"));
    for (plain_client& each : before)
        ASSERT_EQ(each.send("a").receive(1), "a");
    now_.deny = {cidr::parse("127.0.0.7")};
    serving_->renew(now_);
    EXPECT_TRUE(settles(false, "127.0.0.7"));
    EXPECT_TRUE(is_served("127.0.0.8"));
    for (plain_client& each : before)
        EXPECT_EQ(each.send("b").receive(1), "b") << "who was there stays";
    now_.deny.clear();
    serving_->renew(now_);
    EXPECT_TRUE(settles(true, "127.0.0.7"));
}

TEST_P(renewed_server, lets_those_in_that_wait_for_room) {
    start({.max_connections = 1});
    if (!serving_) return;
    plain_client first = connect();
    ASSERT_EQ(first.send("a").receive(1), "a");
    std::vector<plain_client> waiting;
    for (int i = 0; i < 6; ++i)
        waiting.push_back(connect());
    for (plain_client& each : waiting)
        each.send("b").wait_at_most({.tv_sec = 20, .tv_usec = 0});
    now_.max_connections = 7;
    serving_->renew(now_);
    for (plain_client& each : waiting)
        EXPECT_EQ(each.receive(1), "b");
    EXPECT_EQ(serving_->connections(), 7U);
}

TEST_P(renewed_server, gives_the_place_on_that_the_last_of_a_full_house_leaves) {
    start({.workers = 1, .max_connections = 2});
    if (!serving_) return;
    now_.max_connections = 1;
    plain_client first = connect();
    ASSERT_EQ(first.send("a").receive(1), "a");
    plain_client second = connect();
    ASSERT_EQ(second.send("a").receive(1), "a");
    serving_->renew(now_);
    plain_client third = connect();
    third.send("c").wait_at_most({.tv_sec = 0, .tv_usec = 200'000});
    first.close();
    EXPECT_EQ(third.receive(1), "") << "there is room for one, and one is there";
    third.wait_at_most({.tv_sec = 20, .tv_usec = 0});
    second.close();
    EXPECT_EQ(third.receive(1), "c");
}

TEST_P(renewed_server, ends_new_silent_clients_by_the_new_deadline) {
    start();
    if (!serving_) return;
    now_.handshake_deadline = 1ms;
    serving_->renew(now_);
    // A worker that still has the old one would keep its client for 30 s.
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (serving_->counters().of(limit::handshake_deadline) < 24 &&
           std::chrono::steady_clock::now() < until) {
        plain_client silent = connect();
        silent.wait_at_most({.tv_sec = 1, .tv_usec = 0});
        EXPECT_EQ(silent.receive_all(), "");
    }
    EXPECT_GE(serving_->counters().of(limit::handshake_deadline), 24U);
}

TEST_P(renewed_server, takes_nothing_over_where_something_is_out_of_range) {
    start();
    if (!serving_) return;
    now_.deny = {cidr::parse("127.0.0.0/8")};
    now_.high_water = 0;
    EXPECT_THROW(serving_->renew(now_), error);
    EXPECT_TRUE(settles(true, "127.0.0.7"));
}

TEST(renewed_options, are_those_that_can_change_while_a_server_serves) {
    options wanted;
    wanted.port = 7;
    wanted.framing = framing::line;
    wanted.workers = 7;
    wanted.max_message = 7;
    wanted.accept_rate = 7;
    wanted.drain_deadline = 7s;
    wanted.proxy_from = {cidr::parse("10.0.0.0/8")};
    const options next = renewed({}, wanted);
    EXPECT_EQ(next.port, options{}.port);
    EXPECT_EQ(next.framing, options{}.framing);
    EXPECT_EQ(next.workers, options{}.workers);
    EXPECT_EQ(next.max_message, 7U);
    EXPECT_EQ(next.accept_rate, 7);
    EXPECT_EQ(next.drain_deadline, 7s);
    EXPECT_EQ(next.proxy_from.size(), 1U);
}

}  // namespace
}  // namespace aperto
