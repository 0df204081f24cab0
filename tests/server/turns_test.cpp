// SPDX-License-Identifier: MIT
// Nobody freezes a worker by sending much at once: conversations with more to do take turns.
#include "aperto/server.hpp"
#include "server/client.hpp"
#include "server/recorder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;

/// Lines of two bytes: far more of them fit in one receive than anybody may have in a turn.
constexpr std::size_t lines = 15'000;
std::string flood_of(char name) {
    std::string all;
    for (std::size_t i = 0; i < lines; ++i)
        (all += name) += '\n';
    return all;
}

class turns_on : public testing::TestWithParam<engine> {
protected:
    options basic() {
        return {.host = "127.0.0.1",
                .port = 0,
                .workers = 1,
                .engine = GetParam(),
                .framing = framing::line,
                .message_deadline = 60s};
    }

    /// Notes who is served. Asked for "stop" it stands still, and with it the worker, until `go`: what
    /// clients send meanwhile is there at once.
    void note(char who) {
        if (who == 's') {
            stands.set_value();
            going.wait();
        } else {
            const std::lock_guard lock(guard);
            order += who;
        }
    }
    void forget_the_order() {
        const std::lock_guard lock(guard);
        order.clear();
    }

    /// Two clients flood, a third asks one question, all at the same moment; in which order they are served.
    void expect_turns(server& serving) {
        serving.start();
        const endpoint where = serving.endpoints().front();
        plain_client gate(where);
        plain_client one(where);
        plain_client other(where);
        plain_client honest(where);
        for (plain_client* each : {&one, &other, &honest})
            each->send("w\n").receive(2);
        forget_the_order();
        gate.send("stop\n");
        stands.get_future().wait();
        one.send(flood_of('a'));
        other.send(flood_of('b'));
        honest.send("h\n");
        go.set_value();
        EXPECT_EQ(honest.receive(2), "h\n");
        EXPECT_EQ(one.receive(2 * lines), flood_of('a'));
        EXPECT_EQ(other.receive(2 * lines), flood_of('b'));
        serving.stop();
        serving.wait();
        expect_fair();
    }

    void expect_fair() const {
        ASSERT_EQ(order.size(), 2 * lines + 1);
        EXPECT_LE(order.find('h'), 1000U) << "messages served before the honest one's";
        // How far one is ahead of the other, until one of them has had all that arrived at first.
        std::array<std::size_t, 2> served{};
        std::size_t lead_max = 0;
        for (const char who : order) {
            if (who != 'h') ++served[who == 'b' ? 1 : 0];
            if (std::max(served[0], served[1]) > lines * 9 / 10) break;
            lead_max = std::max(lead_max, std::max(served[0], served[1]) - std::min(served[0], served[1]));
        }
        EXPECT_LE(lead_max, 1000U);
    }

    std::mutex guard;
    std::string order;
    std::promise<void> stands;
    std::promise<void> go;
    std::shared_future<void> going = go.get_future().share();
};

INSTANTIATE_TEST_SUITE_P(engines, turns_on, testing::Values(engine::uring, engine::epoll),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST_P(turns_on, messages_of_who_floods_are_answered_in_turns_and_an_honest_client_first) {
    server serving(basic(), [this](std::string_view message) {
        note(message[0]);
        return std::string(message);
    });
    expect_turns(serving);
}

TEST_P(turns_on, sessions_that_read_what_has_arrived_take_turns_too) {
    server serving(basic(), [this](stream peer) -> task<> {
        while (const auto line = co_await peer.read_line()) {
            note((*line)[0]);
            std::string reply(*line);
            reply += '\n';
            co_await peer.write(reply);
        }
    });
    expect_turns(serving);
}

/// By the clock too: messages that each take long, few as they are.
TEST_P(turns_on, slow_messages_of_one_client_are_answered_between_those_of_others) {
    server serving(basic(), [this](std::string_view message) {
        note(message[0]);
        if (message[0] == 'a') std::this_thread::sleep_for(1ms);
        return std::string(message);
    });
    serving.start();
    const endpoint where = serving.endpoints().front();
    plain_client gate(where);
    plain_client slow(where);
    plain_client honest(where);
    for (plain_client* each : {&slow, &honest})
        each->send("w\n").receive(2);
    forget_the_order();
    gate.send("stop\n");
    stands.get_future().wait();
    std::string much;
    for (int i = 0; i < 100; ++i)
        much += "a\n";
    slow.send(much);
    honest.send("h\n");
    go.set_value();
    EXPECT_EQ(honest.receive(2), "h\n");
    EXPECT_EQ(slow.receive(much.size()), much);
    const std::lock_guard lock(guard);  // the server serves on
    EXPECT_LE(order.find('h'), 4U) << "slow messages served before the honest one's";
}

TEST_P(turns_on, who_was_put_behind_is_cut_at_the_drain_deadline) {
    options chosen = basic();
    chosen.drain_grace = chosen.drain_spread = 0ms;
    chosen.drain_deadline = 50ms;
    std::size_t served = 0;
    server serving(chosen, [&](std::string_view message) {
        ++served;
        std::this_thread::sleep_for(1ms);
        return std::string(message);
    });
    serving.start();
    plain_client one(serving.endpoints().front());
    one.send(flood_of('a'));
    one.receive(2);
    serving.stop();
    serving.wait();
    EXPECT_LT(served, lines / 2);
}

}  // namespace
}  // namespace aperto
