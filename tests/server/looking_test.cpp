// SPDX-License-Identifier: MIT
#include "aperto/group.hpp"
#include "aperto/loop.hpp"
#include "aperto/server.hpp"
#include "aperto/sleep.hpp"
#include "aperto/text.hpp"
#include "server/client.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;

std::string capitals(std::string_view message) { return to_upper(message); }

task<> look_through(const server& at, std::vector<open_connection>& found, std::size_t& most) {
    for (connections_mark mark;;) {
        task<std::vector<open_connection>> asking = at.next_connections(mark);
        std::vector<open_connection> some = co_await asking;
        if (some.empty()) co_return;
        most = std::max(most, some.size());
        for (open_connection& each : some)
            found.push_back(std::move(each));
    }
}

std::vector<open_connection> all_connections(const server& at, std::size_t* most = nullptr) {
    const std::unique_ptr<loop> mine = loop::create();
    std::vector<open_connection> found;
    std::size_t largest = 0;
    mine->run(look_through(at, found, largest));
    if (most) *most = largest;
    return found;
}

task<> load_all(const server& at, std::vector<worker_load>& found) {
    task<std::vector<worker_load>> asking = at.loads();
    found = co_await asking;
}

std::vector<worker_load> all_loads(const server& at) {
    const std::unique_ptr<loop> mine = loop::create();
    std::vector<worker_load> found;
    mine->run(load_all(at, found));
    return found;
}

std::size_t in_state(const std::vector<worker_load>& of, connection_state which) {
    return std::accumulate(of.begin(), of.end(), std::size_t{0},
                           [&](std::size_t sum, const worker_load& each) {
                               return sum + each.states[static_cast<std::size_t>(which)];
                           });
}

template <class Places>
auto passed_over(const Places& of) {
    return std::count_if(of.begin(), of.end(), [](const auto& each) { return each.passed_over; });
}

class looking_on : public testing::TestWithParam<engine> {
protected:
    options basic(unsigned workers = 2) {
        return {.host = "127.0.0.1", .port = 0, .workers = workers, .engine = GetParam(), .drain_grace = 0ms};
    }
};

INSTANTIATE_TEST_SUITE_P(engines, looking_on, testing::Values(engine::uring, engine::epoll),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST_P(looking_on, each_open_connection_is_told_of_once_a_few_at_a_time) {
    server serving(basic(), capitals);
    serving.start();
    std::vector<plain_client> clients;
    for (int i = 0; i < 300; ++i) {
        clients.emplace_back(serving.endpoints().front());
        for (int said = 0; said <= i % 3; ++said)
            ASSERT_EQ(clients.back().send("hello").receive(5), "HELLO");
    }
    std::size_t most = 0;
    const std::vector<open_connection> found = all_connections(serving, &most);
    EXPECT_LE(most, 2 * 64U);
    EXPECT_GT(most, 64U);  // both at once
    EXPECT_EQ(found.size(), 300U);
    std::set<std::string> peers;
    std::set<std::uint64_t> numbers;
    std::set<unsigned> workers;
    std::map<std::uint64_t, int> messages;
    for (const open_connection& each : found) {
        peers.insert(each.remote.to_string());
        numbers.insert(each.id);
        workers.insert(each.worker);
        ++messages[each.messages];
        EXPECT_EQ(each.local.port(), serving.endpoints().front().port());
        EXPECT_EQ(each.state, connection_state::idle);
        EXPECT_EQ(each.bytes_received, 5 * each.messages);
        EXPECT_EQ(each.bytes_sent, 5 * each.messages);
        ASSERT_TRUE(each.facts);
        EXPECT_EQ(each.facts->state, "ESTABLISHED");
        EXPECT_EQ(each.facts->bytes_received, each.bytes_received);  // the kernel's own count
        EXPECT_GE(each.age, each.without_progress);
    }
    EXPECT_EQ(peers.size(), 300U);
    EXPECT_EQ(numbers.size(), 300U);
    EXPECT_EQ(workers, (std::set<unsigned>{0, 1}));
    EXPECT_EQ(messages, (std::map<std::uint64_t, int>{{1, 100}, {2, 100}, {3, 100}}));
}

TEST_P(looking_on, those_who_come_and_go_meanwhile_spoil_nothing) {
    server serving(basic(1), capitals);
    serving.start();
    std::vector<plain_client> clients;
    for (int i = 0; i < 200; ++i) {
        clients.emplace_back(serving.endpoints().front());
        ASSERT_EQ(clients.back().send("a").receive(1), "A");
    }
    const std::unique_ptr<loop> mine = loop::create();
    std::vector<open_connection> found;
    const auto look = [](const server& at, std::vector<plain_client>& all,
                         std::vector<open_connection>& into) -> task<> {
        for (connections_mark mark;;) {
            task<std::vector<open_connection>> asking = at.next_connections(mark);
            const std::vector<open_connection> some = co_await asking;
            if (some.empty()) co_return;
            into.insert(into.end(), some.begin(), some.end());
            if (into.size() != some.size()) continue;
            // Those around the place that was come to, and the ones that come next.
            for (std::size_t i = 60; i < 130; ++i)
                all[i].close();
            while (at.connections() != 130)
                std::this_thread::sleep_for(1ms);
            all.emplace_back(at.endpoints().front());
            EXPECT_EQ(all.back().send("b").receive(1), "B");
        }
    };
    mine->run(look(serving, clients, found));
    std::set<std::uint64_t> numbers;
    for (const open_connection& each : found)
        numbers.insert(each.id);
    EXPECT_EQ(numbers.size(), found.size());
    EXPECT_EQ(found.size(), 64U + 70U + 1U);
}

TEST_P(looking_on, several_who_look_at_once_are_told_of_all) {
    server serving(basic(), capitals);
    serving.start();
    std::vector<plain_client> clients;
    for (int i = 0; i < 300; ++i) {
        clients.emplace_back(serving.endpoints().front());
        ASSERT_EQ(clients.back().send("a").receive(1), "A");
    }
    const std::unique_ptr<loop> mine = loop::create();
    std::vector<std::vector<open_connection>> found(7);
    const auto look = [](const server& at, std::vector<std::vector<open_connection>>& into) -> task<> {
        std::vector<std::size_t> most(into.size());
        task_group all;
        for (std::size_t i = 0; i < into.size(); ++i)
            all.spawn(look_through(at, into[i], most[i]));
        task<> joining = all.join();
        co_await joining;
    };
    mine->run(look(serving, found));
    for (const std::vector<open_connection>& each : found) {
        std::set<std::uint64_t> numbers;
        for (const open_connection& told : each)
            numbers.insert(told.id);
        EXPECT_EQ(each.size(), 300U);
        EXPECT_EQ(numbers.size(), 300U);
    }
}

TEST_P(looking_on, a_drain_goes_on_where_those_have_gone_whom_it_came_to) {
    options chosen = basic(1);
    chosen.drain_spread = 300ms;
    chosen.drain_deadline = 20s;
    server serving(chosen, capitals);
    serving.start();
    std::vector<plain_client> clients;
    for (int i = 0; i < 500; ++i) {
        clients.emplace_back(serving.endpoints().front());
        ASSERT_EQ(clients.back().send("a").receive(1), "A");
    }
    serving.stop();
    // Those go who are anywhere near the place that the drain has come to.
    for (int i = 0; i < 500; i += 2)
        clients[static_cast<std::size_t>(i)].close();
    const std::vector<open_connection> found = all_connections(serving);
    EXPECT_LE(found.size(), 500U);
    const auto begun = std::chrono::steady_clock::now();
    for (int i = 1; i < 500; i += 2)
        clients[static_cast<std::size_t>(i)].close();
    serving.wait();
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 19s);
    EXPECT_EQ(serving.connections(), 0U);
}

TEST_P(looking_on, states_are_what_the_connections_are_about) {
    options chosen = basic();
    chosen.framing = framing::line;
    server serving(chosen, [](std::string_view message) {
        return std::string(message == "much" ? 64'000'000 : 1, 'x');
    });
    serving.start();
    const endpoint where = serving.endpoints().front();
    plain_client silent(where);
    plain_client idle(where);
    EXPECT_EQ(idle.send("a\n").receive(2), "x\n");
    plain_client halfway(where);
    halfway.send("b");
    plain_client deaf(where);
    deaf.send("much\n");
    std::vector<worker_load> seen;
    for (int tries = 0; tries < 500; ++tries) {
        seen = all_loads(serving);
        if (in_state(seen, connection_state::sending) == 1 &&
            in_state(seen, connection_state::receiving) == 1)
            break;
        std::this_thread::sleep_for(10ms);
    }
    ASSERT_EQ(seen.size(), 2U);
    EXPECT_EQ(in_state(seen, connection_state::opening), 1U);
    EXPECT_EQ(in_state(seen, connection_state::idle), 1U);
    EXPECT_EQ(in_state(seen, connection_state::receiving), 1U);
    EXPECT_EQ(in_state(seen, connection_state::sending), 1U);
    EXPECT_GE(seen[0].memory_used + seen[1].memory_used, 1'000'000U);
}

TEST_P(looking_on, a_worker_that_hangs_is_passed_over) {
    std::mutex hangs;
    server serving(basic(), [&](std::string_view message) {
        if (message == "hang") {
            const std::lock_guard wait(hangs);
        }
        return std::string(message);
    });
    serving.start();
    const endpoint where = serving.endpoints().front();
    std::vector<plain_client> clients;
    for (int i = 0; i < 100; ++i) {
        clients.emplace_back(where);
        ASSERT_EQ(clients.back().send("a").receive(1), "a");
    }
    const std::size_t all = all_connections(serving).size();
    EXPECT_EQ(all, 100U);
    {
        const std::lock_guard held(hangs);
        clients.front().send("hang");
        std::this_thread::sleep_for(50ms);
        const std::vector<worker_load> loads = all_loads(serving);
        EXPECT_EQ(loads.size(), 2U);
        EXPECT_EQ(passed_over(loads), 1);
        connections_mark mark;
        const std::unique_ptr<loop> mine = loop::create();
        std::size_t some = 0;
        mine->run([](const server& at, connections_mark& behind, std::size_t& told) -> task<> {
            for (std::size_t more = 1; more > 0; told += more) {
                task<std::vector<open_connection>> asking = at.next_connections(behind);
                const std::vector<open_connection> found = co_await asking;
                more = found.size();
            }
        }(serving, mark, some));
        EXPECT_EQ(passed_over(mark.workers), 1);
        EXPECT_GT(some, 0U);
        EXPECT_LT(some, 100U);
    }
    EXPECT_EQ(clients.front().receive(4), "hang");
    EXPECT_EQ(all_connections(serving).size(), 100U);
}

TEST_P(looking_on, a_server_that_has_ended_has_none) {
    server serving(basic(), capitals);
    EXPECT_TRUE(all_connections(serving).empty());
    serving.start();
    serving.stop();
    serving.wait();
    EXPECT_TRUE(all_connections(serving).empty());
    EXPECT_TRUE(all_loads(serving).empty());
}

struct timed final : server_events {
    bool times_answers() const noexcept override { return true; }
    void answered(duration took, std::size_t messages) override {
        const std::lock_guard lock(mutex);
        longest = std::max(longest, took);
        count += messages;
    }
    std::mutex mutex;
    duration longest{};
    std::size_t count = 0;
};

TEST_P(looking_on, the_time_of_an_answer_is_that_of_its_handler_at_least) {
    timed seen;
    options chosen = basic(1);
    chosen.framing = framing::line;
    chosen.events = &seen;
    server serving(chosen, [](std::string_view message, exchange& with) {
        if (message == "slow") std::this_thread::sleep_for(30ms);
        if (message == "silent") return with.no_reply();
        with.reply(message);
    });
    serving.start();
    plain_client client(serving.endpoints().front());
    EXPECT_EQ(client.send("a\nb\nsilent\nslow\n").receive(9), "a\nb\nslow\n");
    client.close();
    serving.stop();
    serving.wait();
    EXPECT_EQ(seen.count, 3U);
    EXPECT_GE(seen.longest, 30ms);
    EXPECT_LT(seen.longest, 1s);
}

TEST_P(looking_on, a_handler_that_waits_is_timed_to_its_end) {
    timed seen;
    options chosen = basic(1);
    chosen.framing = framing::line;
    chosen.events = &seen;
    chosen.max_in_flight = 4;
    server serving(chosen, [](std::string_view message) -> task<std::string> {
        std::string reply(message);
        co_await sleep(20ms);
        co_return reply;
    });
    serving.start();
    plain_client client(serving.endpoints().front());
    EXPECT_EQ(client.send("a\nb\n").receive(4), "a\nb\n");
    client.close();
    serving.stop();
    serving.wait();
    EXPECT_EQ(seen.count, 2U);
    EXPECT_GE(seen.longest, 19ms);
}

}  // namespace
}  // namespace aperto
