// SPDX-License-Identifier: MIT
#include "aperto/server.hpp"

#include "aperto/sleep.hpp"
#include "aperto/text.hpp"
#include "server/client.hpp"
#include "server/recorder.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;

std::string capitals(std::string_view message) { return to_upper(message); }

task<> line_session(stream peer) {
    while (auto line = co_await peer.read_line())
        co_await peer.write(to_upper(*line) + "\n");
}

class server_on : public testing::TestWithParam<engine> {
protected:
    options basic() {
        options chosen{.host = "127.0.0.1", .port = 0, .workers = 1, .engine = GetParam()};
        chosen.events = &seen;
        return chosen;
    }
    recorder seen;
};

INSTANTIATE_TEST_SUITE_P(engines, server_on, testing::Values(engine::uring, engine::epoll),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST_P(server_on, answers_a_message_in_capitals_and_closes_after_the_client) {
    server serving(basic(), capitals);
    serving.start();
    plain_client client(serving.endpoints().front());
    EXPECT_EQ(client.send("texto original").receive(14), "TEXTO ORIGINAL");
    EXPECT_EQ(client.half_close().receive_all(), "");
    EXPECT_FALSE(client.was_reset());
    const auto ends = seen.wait_for_ends(1);
    EXPECT_EQ(ends[0].reason, close_reason::client);
    EXPECT_EQ(ends[0].bytes_in, 14U);
    EXPECT_EQ(ends[0].bytes_out, 14U);
}

TEST_P(server_on, gives_a_coroutine_the_whole_conversation) {
    server serving(basic(), line_session);
    serving.start();
    plain_client client(serving.endpoints().front());
    client.send("um\ndois\r\ntr").send("ês").half_close();
    EXPECT_EQ(client.receive_all(), "UM\nDOIS\nTRÊS\n");
}

TEST_P(server_on, tells_what_each_worker_runs) {
    options chosen = basic();
    chosen.workers = 3;
    server serving(chosen, capitals);
    EXPECT_TRUE(serving.engines().empty());
    serving.start();
    EXPECT_EQ(serving.engines(), std::vector<engine>(3, GetParam()));
    EXPECT_EQ(serving.why().find(" of 3"), std::string::npos) << serving.why();
}

TEST_P(server_on, says_where_each_message_stands_in_the_stream) {
    options chosen = basic();
    chosen.framing = framing::length;
    server serving(chosen, capitals);
    serving.start();
    plain_client client(serving.endpoints().front());
    client.send(std::string("\0\0\0\3abc\0\0\0\0\0\0\0\1d", 16)).half_close();
    EXPECT_EQ(client.receive_all(), std::string("\0\0\0\3ABC\0\0\0\0\0\0\0\1D", 16));
    EXPECT_EQ(seen.wait_for_messages(3), (std::vector<std::string>{"4:abc", "11:", "15:d"}));
}

TEST_P(server_on, keeps_a_carriage_return_in_the_reply_to_a_line_that_had_one) {
    options chosen = basic();
    chosen.framing = framing::line;
    server serving(chosen, capitals);
    serving.start();
    plain_client client(serving.endpoints().front());
    EXPECT_EQ(client.send("a\r\nb\nc").half_close().receive_all(), "A\r\nB\nC\n");
}

TEST_P(server_on, a_connection_has_a_state_of_one_type_that_goes_with_it) {
    static std::atomic<int> alive = 0;
    struct counted {
        counted() { ++alive; }
        ~counted() { --alive; }
        counted(const counted&) = delete;
        counted& operator=(const counted&) = delete;
        std::string all;
    };
    const auto gather = [](std::string_view message, exchange& with) {
        if (message == "nothing") return with.reply(with.has_state() ? "some" : "none");
        with.reply(with.state<counted>().all += message);
        if (message == "wrong") static_cast<void>(with.state<int>());
    };
    options chosen = basic();
    chosen.framing = framing::line;
    server serving(chosen, gather);
    serving.start();
    {
        plain_client one(serving.endpoints().front());
        plain_client other(serving.endpoints().front());
        EXPECT_EQ(one.send("nothing\na\nb\n").receive(10), "none\na\nab\n");
        EXPECT_EQ(other.send("c\nnothing\n").receive(7), "c\nsome\n");
        EXPECT_EQ(alive, 2);
        EXPECT_EQ(one.send("wrong\n").receive_all(), "");  // a fault of the handler ends its conversation
    }
    serving.stop();
    serving.wait();
    EXPECT_EQ(alive, 0);
}

TEST_P(server_on, a_handler_may_stay_silent_keep_state_and_close) {
    const auto counting = [](std::string_view message, exchange& with) {
        int& count = with.state<int>();
        ++count;
        with.reply(std::to_string(count));
        if (message == "quiet") with.no_reply();
        if (message == "bye") with.close();
    };
    options chosen = basic();
    chosen.framing = framing::line;
    server serving(chosen, counting);
    serving.start();
    plain_client client(serving.endpoints().front());
    EXPECT_EQ(client.send("a\nquiet\nb\nbye\nlost\n").receive_all(), "1\n3\n4\n");
    EXPECT_FALSE(client.was_reset());
    client.close();
    EXPECT_EQ(seen.wait_for_ends(1)[0].reason, close_reason::server);
}

TEST_P(server_on, a_handler_that_throws_ends_that_conversation_alone) {
    const auto fragile = [](std::string_view message) -> std::string {
        if (message == "break") throw std::runtime_error("on purpose");
        return std::string(message);
    };
    server serving(basic(), fragile);
    serving.start();
    plain_client other(serving.endpoints().front());
    plain_client client(serving.endpoints().front());
    client.send("break");
    EXPECT_EQ(client.receive_all(), "");
    client.close();
    const auto ends = seen.wait_for_ends(1);
    EXPECT_EQ(ends[0].reason, close_reason::failure);
    EXPECT_EQ(ends[0].thrown, "on purpose");
    EXPECT_EQ(other.send("still here").receive(10), "still here");
}

TEST_P(server_on, a_handler_that_throws_in_the_middle_of_an_answer_sends_none_of_it) {
    options chosen = basic();
    chosen.framing = framing::line;
    server serving(chosen, [](std::string_view message, exchange& with) {
        with.reply(message);
        if (message == "break") throw std::runtime_error("on purpose");
    });
    serving.start();
    plain_client client(serving.endpoints().front());
    client.send("whole\nbreak\nnever\n");
    EXPECT_EQ(client.receive_all(), "whole\n");
}

TEST_P(server_on, refuses_a_message_over_the_limit_and_says_so) {
    options chosen = basic();
    chosen.framing = framing::length;
    chosen.max_message = 8;
    server serving(chosen, capitals);
    serving.start();
    plain_client client(serving.endpoints().front());
    client.send(std::string("\0\0\0\2ok", 6));
    EXPECT_EQ(client.receive(6), std::string("\0\0\0\2OK", 6));
    client.send(std::string("\xFF\xFF\xFF\xFFmore", 8));
    EXPECT_EQ(client.receive_all(), "");
    client.close();
    EXPECT_EQ(seen.wait_for_ends(1)[0].reason, close_reason::too_large);
}

TEST_P(server_on, survives_a_reset) {
    server serving(basic(), capitals);
    serving.start();
    plain_client client(serving.endpoints().front());
    EXPECT_EQ(client.send("x").receive(1), "X");
    client.reset();
    EXPECT_EQ(seen.wait_for_ends(1)[0].reason, close_reason::reset);
    plain_client next(serving.endpoints().front());
    EXPECT_EQ(next.send("y").receive(1), "Y");
}

TEST_P(server_on, an_idle_client_is_ended_by_the_idle_timeout) {
    options chosen = basic();
    chosen.idle_timeout = 50ms;
    server serving(chosen, capitals);
    serving.start();
    plain_client client(serving.endpoints().front());
    EXPECT_EQ(client.receive_all(), "");
    EXPECT_FALSE(client.was_reset());
    client.close();
    EXPECT_EQ(seen.wait_for_ends(1)[0].reason, close_reason::deadline);
}

TEST_P(server_on, the_time_of_a_handler_is_no_part_of_the_next_messages_deadline) {
    options chosen = basic();
    chosen.framing = framing::line;
    chosen.message_deadline = 400ms;
    server serving(chosen, [](std::string_view message) {
        if (message == "slow") std::this_thread::sleep_for(500ms);
        return std::string(message);
    });
    serving.start();
    plain_client client(serving.endpoints().front());
    client.send("slow\nsec");
    EXPECT_EQ(client.receive(5), "slow\n");
    std::this_thread::sleep_for(250ms);
    EXPECT_EQ(client.send("ond\n").receive(7), "second\n");
}

TEST_P(server_on, the_time_of_a_handler_is_no_part_of_the_silence_after_it) {
    options chosen = basic();
    chosen.framing = framing::line;
    chosen.idle_timeout = 400ms;
    server serving(chosen, [](std::string_view message) {
        if (message == "slow") std::this_thread::sleep_for(500ms);
        return std::string(message);
    });
    serving.start();
    plain_client client(serving.endpoints().front());
    EXPECT_EQ(client.send("slow\n").receive(5), "slow\n");
    std::this_thread::sleep_for(250ms);
    EXPECT_EQ(client.send("next\n").receive(5), "next\n");
}

TEST_P(server_on, once_serves_one_client_at_a_time_with_one_reply_each) {
    options chosen = basic();
    chosen.once = true;
    server serving(chosen, capitals);
    serving.start();
    plain_client first(serving.endpoints().front());
    plain_client second(serving.endpoints().front());
    first.send("um");
    EXPECT_EQ(first.receive_all(), "UM");
    first.close();
    EXPECT_EQ(second.send("dois").receive_all(), "DOIS");
}

TEST_P(server_on, holds_back_at_the_connection_limit_and_goes_on_when_one_ends) {
    options chosen = basic();
    chosen.max_connections = 2;
    server serving(chosen, capitals);
    serving.start();
    plain_client first(serving.endpoints().front());
    plain_client second(serving.endpoints().front());
    EXPECT_EQ(first.send("a").receive(1), "A");
    EXPECT_EQ(second.send("b").receive(1), "B");
    seen.wait_for_limit("max-connections");
    plain_client third(serving.endpoints().front());
    third.send("c");
    EXPECT_EQ(serving.connections(), 2U);
    first.close();
    EXPECT_EQ(third.receive(1), "C");
}

TEST_P(server_on, tells_the_handshake_to_its_handlers) {
    server serving(basic(), capitals);
    serving.start();
    plain_client client(serving.endpoints().front());
    seen.wait_for_accepted(1);
    const tcp_facts facts = seen.last_facts();
    EXPECT_EQ(facts.state, "ESTABLISHED");
    ASSERT_TRUE(facts.client_syn);
    EXPECT_EQ(facts.client_syn->mss, 65'495);
    EXPECT_TRUE(facts.rto);
}

TEST_P(server_on, two_workers_share_a_port_that_no_second_server_gets) {
    options chosen = basic();
    chosen.workers = 2;
    server serving(chosen, capitals);
    serving.start();
    for (int round = 0; round < 20; ++round) {
        plain_client client(serving.endpoints().front());
        EXPECT_EQ(client.send("oi").receive(2), "OI");
    }
    options same = chosen;
    same.port = serving.endpoints().front().port();
    server second(same, capitals);
    try {
        second.start();
        FAIL() << "the second server took the port of the first";
    } catch (const error& refused) {
        EXPECT_EQ(refused.code(), std::errc::address_in_use);
    }
}

// ---- the end

TEST_P(server_on, stop_lets_a_message_in_progress_finish) {
    options chosen = basic();
    chosen.framing = framing::line;
    chosen.drain_grace = 0ms;
    server serving(chosen, capitals);
    serving.start();
    plain_client idle(serving.endpoints().front());
    plain_client busy(serving.endpoints().front());
    EXPECT_EQ(busy.send("um\nme").receive(3), "UM\n");
    seen.wait_for_accepted(2);
    serving.stop();
    EXPECT_EQ(idle.receive_all(), "");
    EXPECT_FALSE(idle.was_reset());
    idle.close();
    EXPECT_EQ(busy.send("io\n").receive_all(), "MEIO\n");
    busy.close();
    serving.wait();
    EXPECT_EQ(serving.connections(), 0U);
}

TEST_P(server_on, stop_cuts_what_does_not_end_by_the_deadline) {
    options chosen = basic();
    chosen.framing = framing::line;
    chosen.drain_grace = 0ms;
    chosen.drain_deadline = 50ms;
    server serving(chosen, capitals);
    serving.start();
    plain_client stuck(serving.endpoints().front());
    stuck.send("half a mess");
    seen.wait_for_accepted(1);
    serving.stop();
    serving.wait();
    EXPECT_EQ(serving.connections(), 0U);
    EXPECT_EQ(seen.wait_for_ends(1)[0].reason, close_reason::drain);
}

TEST_P(server_on, ends_the_wait_of_a_coroutine_that_reads_when_it_stops) {
    options chosen = basic();
    chosen.drain_grace = 0ms;
    server serving(chosen, line_session);
    serving.start();
    plain_client client(serving.endpoints().front());
    EXPECT_EQ(client.send("a\n").receive(2), "A\n");
    serving.stop();
    EXPECT_EQ(client.receive_all(), "");
    EXPECT_FALSE(client.was_reset());
    client.close();
    serving.wait();
}

TEST_P(server_on, tells_a_coroutine_that_it_stops) {
    options chosen = basic();
    chosen.drain_grace = 0ms;
    server serving(chosen, [](stream peer) -> task<> {
        while (!peer.stopping())
            co_await sleep(1ms);
        co_await peer.write("goodbye");
    });
    serving.start();
    plain_client client(serving.endpoints().front());
    seen.wait_for_accepted(1);
    serving.stop();
    EXPECT_EQ(client.receive_all(), "goodbye");
    client.close();
    serving.wait();
}

TEST_P(server_on, finds_messages_by_a_finder_of_ones_own) {
    options chosen = basic();
    chosen.finder = [](std::string_view bytes, std::size_t, bool) noexcept -> frame {
        const std::size_t end = bytes.find(';');
        if (end == std::string_view::npos) return {};
        return {.what = frame::state::complete, .message = bytes.substr(0, end), .consumed = end + 1};
    };
    server serving(chosen, [](std::string_view said) { return "<" + std::string(said) + ">"; });
    serving.start();
    plain_client client(serving.endpoints().front());
    EXPECT_EQ(client.send("one;t").receive(5), "<one>");
    EXPECT_EQ(client.send("wo;").receive(5), "<two>");
    serving.stop();
    serving.wait();
}

/// Fails at the beginning of each turn, before anything else can happen in it.
struct endless_failure {
    void operator()() const {
        loop::current().post(endless_failure{});
        throw std::runtime_error("again and again");
    }
};

TEST_P(server_on, ends_where_its_loop_does_nothing_but_fail) {
    options chosen = basic();
    chosen.workers = 2;
    chosen.drain_grace = 0ms;
    server serving(chosen, [](std::string_view message, exchange& with) {
        with.reply(message);
        loop::current().post(endless_failure{});
    });
    serving.start();
    plain_client client(serving.endpoints().front());
    client.send("a").receive_all();
    try {
        serving.wait();
        FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& failed) {
        EXPECT_STREQ(failed.what(), "again and again");
    }
    EXPECT_EQ(serving.connections(), 0U);
}

TEST_P(server_on, ends_where_its_loop_does_nothing_but_fail_though_sessions_wait) {
    options chosen = basic();
    chosen.drain_grace = 0ms;
    const auto echo = [](stream peer) -> task<> {
        while (const auto some = co_await peer.read_some()) {
            co_await peer.write(*some);
            loop::current().post(endless_failure{});
        }
    };
    server serving(chosen, echo);
    serving.start();
    plain_client client(serving.endpoints().front());
    client.send("a").receive_all();
    EXPECT_THROW(serving.wait(), std::runtime_error);
    EXPECT_EQ(serving.connections(), 0U);
}

TEST_P(server_on, tells_the_first_of_several_failures) {
    options chosen = basic();
    chosen.drain_grace = 0ms;
    server serving(chosen, [](std::string_view message, exchange& with) {
        with.reply(message);
        loop::current().post([] { throw std::runtime_error("the first"); });
        loop::current().post([] { throw std::runtime_error("the second"); });
    });
    serving.start();
    plain_client client(serving.endpoints().front());
    client.send("a").receive_all();
    try {
        serving.wait();
        FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& failed) {
        EXPECT_STREQ(failed.what(), "the first");
    }
}

TEST_P(server_on, a_thousand_clients_at_once_each_get_their_own_answer) {
    options chosen = basic();
    chosen.workers = 2;
    server serving(chosen, capitals);
    serving.start();
    std::vector<plain_client> clients;
    clients.reserve(1'000);
    for (int number = 0; number < 1'000; ++number) {
        clients.emplace_back(serving.endpoints().front());
        ASSERT_TRUE(clients.back().connected());
    }
    for (int number = 0; number < 1'000; ++number)
        clients[static_cast<std::size_t>(number)].send("cliente " + std::to_string(number)).half_close();
    for (int number = 0; number < 1'000; ++number)
        EXPECT_EQ(clients[static_cast<std::size_t>(number)].receive_all(),
                  "CLIENTE " + std::to_string(number));
    clients.clear();
    seen.wait_for_ends(1'000);
}

TEST_P(server_on, runs_on_the_callers_loop) {
    const std::unique_ptr<loop> mine = loop::create({.which = GetParam()});
    server serving(basic(), capitals);
    std::string answer;
    mine->spawn(serving.run_on(*mine));
    std::thread client([&] {
        answer = plain_client(serving.endpoints().front()).send("oi").receive(2);
        serving.stop();
    });
    mine->run();
    client.join();
    EXPECT_EQ(answer, "OI");
}

}  // namespace
}  // namespace aperto
