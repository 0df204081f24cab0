// SPDX-License-Identifier: MIT
// Giving up, on every engine: cancelling before and after the fact, and destroying whoever waits.
#include "aperto/sleep.hpp"
#include "io/seam.hpp"

#include <atomic>
#include <chrono>
#include <thread>

namespace aperto::seam {
namespace {

using namespace std::chrono_literals;

class giving_up : public seam_test {};

/// A listener whose accept queue is full, so that a connect to it stays without an answer.
class deaf_listener {
public:
    explicit deaf_listener(loop& on)
        : on_(on), door_(on.listen(endpoint::parse("127.0.0.1:0"), {.backlog = 0})) {}
    task<> fill() {
        for (int i = 0; i < 2; ++i) {
            auto attempt = std::make_unique<connecting>(on_, on_.local(door_));
            attempt->on_complete = [](operation&) {};  // nobody awaits it
            if (!on_.start_connect(on_.local(door_), {}, *attempt)) attempts_.push_back(std::move(attempt));
        }
        co_await sleep(20ms);
    }
    endpoint where() const { return on_.local(door_); }
    void close() {
        for (auto& attempt : attempts_)
            if (attempt->connected) on_.close(attempt->connected);
        attempts_.clear();
        on_.close(door_);
    }

private:
    loop& on_;
    socket_id door_;
    std::vector<std::unique_ptr<connecting>> attempts_;
};

/// Runs `Operation` in a scope that is cancelled once it waits, and gives its result.
template <class Operation>
task<> await_into(Operation& waiting, int& result, int& completions) {
    result = co_await waiting;
    ++completions;
}

template <class Operation>
task<int> cancelled(loop& on, Operation& waiting) {
    cancel_scope scope;
    int result = 1;
    int completions = 0;
    on.spawn(await_into(waiting, result, completions), &scope);
    co_await turns(on, 3);
    EXPECT_EQ(completions, 0) << "it had nothing to complete it";
    scope.cancel();
    EXPECT_EQ(completions, 0) << "a cancel completes nothing inside its own call";
    scope.cancel();
    while (completions == 0)
        co_await turns(on, 1);
    co_await turns(on, 5);
    EXPECT_EQ(completions, 1);
    co_return result;
}

TEST_P(giving_up, a_cancelled_receive_ends_and_the_next_one_gets_the_data) {
    auto story = [&]() -> task<> {
        const pair both = co_await make_pair_of(*on);
        receiving first(*on, both.server);
        EXPECT_EQ(co_await cancelled(*on, first), -ECANCELED);
        EXPECT_EQ(co_await send_all(*on, both.client, "later"), 0);
        EXPECT_EQ(co_await receive_exactly(*on, both.server, 5), "later");
        close_both(*on, both);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(giving_up, a_cancelled_accept_ends_and_the_next_one_gets_the_client) {
    auto story = [&]() -> task<> {
        const socket_id door = listen_on_loopback(*on);
        accepting first(*on, door);
        EXPECT_EQ(co_await cancelled(*on, first), -ECANCELED);
        const pair both = co_await connect_to(*on, door);
        close_both(*on, both);
        on->close(door);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(giving_up, a_cancelled_send_ends_and_what_was_taken_arrives) {
    auto story = [&]() -> task<> {
        const pair both = co_await make_pair_of(*on);
        const std::string much(1 << 20, 'm');
        // Fill the connection until a send has to wait; that one is cancelled.
        std::size_t taken = 0;
        for (;;) {
            cancel_scope scope;
            sending some(*on, both.client, much);
            int result = 0;
            int completions = 0;
            on->spawn(await_into(some, result, completions), &scope);
            co_await turns(*on, 10);
            if (completions == 0) {
                scope.cancel();
                while (completions == 0)
                    co_await turns(*on, 1);
                EXPECT_TRUE(result == -ECANCELED || result > 0);
                if (result > 0) taken += static_cast<std::size_t>(result);
                break;
            }
            taken += static_cast<std::size_t>(result);
        }
        EXPECT_GT(taken, 0u);
        EXPECT_EQ(on->shutdown_send(both.client), 0);
        const std::string got = co_await receive_exactly(*on, both.server, taken + 1);
        EXPECT_EQ(got.size(), taken);
        close_both(*on, both);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(giving_up, a_cancelled_connect_leaves_no_socket) {
    auto story = [&]() -> task<> {
        deaf_listener deaf(*on);
        co_await deaf.fill();
        connecting out(*on, deaf.where());
        EXPECT_EQ(co_await cancelled(*on, out), -ECANCELED);
        EXPECT_FALSE(out.connected);
        deaf.close();
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(giving_up, a_cancelled_sleep_and_event_end) {
    auto story = [&]() -> task<> {
        waiting_event event(*on);
        EXPECT_EQ(co_await cancelled(*on, event), -ECANCELED);
        cancel_scope scope;
        bool threw = false;
        auto long_sleep = [](bool& out) -> task<> {
            try {
                co_await sleep(1h);
            } catch (const cancellation&) {
                out = true;
            }
        };
        on->spawn(long_sleep(threw), &scope);
        scope.cancel();
        co_await turns(*on, 2);
        EXPECT_TRUE(threw);
    };
    on->run(story());
    expect_nothing_left();
}

TEST_P(giving_up, a_wait_begun_in_a_cancelled_scope_ends_at_once) {
    auto story = [&]() -> task<> {
        const pair both = co_await make_pair_of(*on);
        cancel_scope scope;
        scope.cancel();
        receiving some(*on, both.server);
        int result = 1;
        int completions = 0;
        on->spawn(await_into(some, result, completions), &scope);
        EXPECT_EQ(result, -ECANCELED);
        close_both(*on, both);
    };
    on->run(story());
}

// Data, or a client, comes in the very turn in which its receive, or accept, is cancelled: it may be
// delivered by the cancelled one or by the next, and by exactly one of them.
TEST_P(giving_up, a_cancel_that_races_with_data_loses_no_byte) {
    auto story = [&]() -> task<> {
        const pair both = co_await make_pair_of(*on);
        int won = 0;
        constexpr int rounds = 300;
        for (int round = 0; round < rounds; ++round) {
            const std::string text = "round " + std::to_string(round);
            cancel_scope scope;
            receiving first(*on, both.server);
            int result = 1;
            int completions = 0;
            on->spawn(await_into(first, result, completions), &scope);
            if (round % 3 != 0) co_await turns(*on, 1);
            EXPECT_EQ(co_await send_all(*on, both.client, text), 0);
            if (round % 2 != 0) co_await turns(*on, 1);
            scope.cancel();
            while (completions == 0)
                co_await turns(*on, 1);
            EXPECT_EQ(completions, 1);
            std::string got;
            if (result > 0) {
                got = first.take();
            } else {
                EXPECT_EQ(result, -ECANCELED);
                ++won;
            }
            got += co_await receive_exactly(*on, both.server, text.size() - got.size());
            EXPECT_EQ(got, text);
        }
        std::cout << "the cancel won " << won << " of " << rounds << " races\n";
        close_both(*on, both);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(giving_up, a_cancel_that_races_with_a_client_loses_no_client) {
    on->run(turns(*on, 3));
    const std::size_t before = open_descriptors();
    auto story = [&]() -> task<> {
        const socket_id door = listen_on_loopback(*on);
        for (int round = 0; round < 100; ++round) {
            cancel_scope scope;
            accepting first(*on, door);
            int result = 1;
            int completions = 0;
            on->spawn(await_into(first, result, completions), &scope);
            connecting out(*on, on->local(door));
            EXPECT_EQ(co_await out, 0);
            if (round % 2 != 0) co_await turns(*on, 1);
            scope.cancel();
            while (completions == 0)
                co_await turns(*on, 1);
            socket_id accepted = first.accepted;
            if (result != 0) {
                EXPECT_EQ(result, -ECANCELED);
                accepting next(*on, door);
                EXPECT_EQ(co_await next, 0);
                accepted = next.accepted;
            }
            EXPECT_EQ(on->remote(accepted), on->local(out.connected));
            on->close(accepted);
            on->close(out.connected);
        }
        on->close(door);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
    EXPECT_EQ(open_descriptors(), before);
}

// ---- destroying whoever waits

template <class Operation>
abandonable wait_in_vain(Operation* waiting) {
    const std::unique_ptr<Operation> owned(waiting);
    Operation& in_vain = *owned;
    co_await in_vain;
}

abandonable sleep_in_vain(loop& on) {
    detail::sleep_awaiter long_time(on, on.now() + 1h);
    co_await long_time;
}

TEST_P(giving_up, a_coroutine_may_be_destroyed_at_every_wait) {
    on->run(turns(*on, 3));
    const std::size_t before = open_descriptors();
    auto story = [&]() -> task<> {
        const socket_id door = listen_on_loopback(*on);
        const pair both = co_await connect_to(*on, door);
        deaf_listener deaf(*on);
        co_await deaf.fill();
        for (int round = 0; round < 20; ++round) {
            const auto pass = [&]() -> task<> { return turns(*on, round % 4); };
            {
                const abandonable receiver = wait_in_vain(new receiving(*on, both.server));
                const abandonable acceptor = wait_in_vain(new accepting(*on, door));
                const abandonable connector = wait_in_vain(new connecting(*on, deaf.where()));
                const abandonable expecter = wait_in_vain(new waiting_event(*on));
                const abandonable sleeper = sleep_in_vain(*on);
                task<> some_turns = pass();
                co_await some_turns;
                EXPECT_FALSE(receiver.ended() || acceptor.ended() || connector.ended() || sleeper.ended() ||
                             expecter.ended());
            }
            task<> some_turns = pass();
            co_await some_turns;
        }
        // Both sockets work on, although so many gave up waiting on them.
        EXPECT_EQ(co_await send_all(*on, both.client, "alive"), 0);
        EXPECT_EQ(co_await receive_exactly(*on, both.server, 5), "alive");
        const pair more = co_await connect_to(*on, door);
        close_both(*on, more);
        close_both(*on, both);
        deaf.close();
        on->close(door);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
    EXPECT_EQ(open_descriptors(), before);
}

TEST_P(giving_up, a_send_that_waits_may_be_destroyed) {
    auto story = [&]() -> task<> {
        const pair both = co_await make_pair_of(*on);
        {
            // The memory of what is sent goes together with the one who sends it.
            auto send_in_vain = [](loop& loop_of_it, socket_id to) -> abandonable {
                const std::string much(1 << 20, 'm');
                for (;;) {
                    sending some(loop_of_it, to, much);
                    if (co_await some < 0) break;
                }
            };
            const abandonable sender = send_in_vain(*on, both.client);
            co_await turns(*on, 20);
            EXPECT_FALSE(sender.ended());
        }
        co_await turns(*on, 5);
        close_both(*on, both);
    };
    on->run(story());
    on->run(turns(*on, 5));
    expect_nothing_left();
}

TEST_P(giving_up, a_loop_may_end_while_its_tasks_wait) {
    if (is_simulated()) GTEST_SKIP() << "a simulated loop ends with its world";
    const std::size_t before = open_descriptors();
    {
        const auto other = loop::create({.which = GetParam().which});
        auto story = [](loop& loop_of_it) -> task<> {
            const pair both = co_await make_pair_of(loop_of_it);
            auto receive = [](loop& inner, socket_id from) -> task<> {
                receiving some(inner, from);
                co_await some;
                ADD_FAILURE() << "nothing was sent";
            };
            auto sleep_long = []() -> task<> { co_await sleep(1h); };
            loop_of_it.spawn(receive(loop_of_it, both.server));
            loop_of_it.spawn(receive(loop_of_it, both.client));
            loop_of_it.spawn(sleep_long());
            co_await turns(loop_of_it, 3);
        };
        other->run(story(*other));
        EXPECT_EQ(other->count().tasks, 3u);
    }
    EXPECT_EQ(open_descriptors(), before);
}

TEST_P(giving_up, a_loop_ends_the_latest_task_first) {
    if (is_simulated()) GTEST_SKIP() << "a simulated loop ends with its world";
    const auto other = loop::create({.which = GetParam().which});
    // The first task owns the socket on which the second one waits.
    struct owned_socket {
        loop& on;
        socket_id which;
        ~owned_socket() { on.close(which); }
    };
    auto receive = [](loop& inner, socket_id from) -> task<> {
        receiving some(inner, from);
        co_await some;
    };
    auto owner = [receive](loop& inner) -> task<> {
        const pair both = co_await make_pair_of(inner);
        const owned_socket client{inner, both.client};
        const owned_socket server{inner, both.server};
        inner.spawn(receive(inner, both.server));
        co_await sleep(1h);
    };
    other->spawn(owner(*other));
    other->run(turns(*other, 10));
    EXPECT_EQ(other->count().tasks, 2u);
}

APERTO_ON_EVERY_ENGINE(giving_up);

}  // namespace
}  // namespace aperto::seam
