// SPDX-License-Identifier: MIT
// A server that follows another on the same sockets: no client is refused or reset, and until it takes over it changes
// nothing.
#include "aperto/descriptor.hpp"
#include "aperto/server.hpp"
#include "server/client.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;

std::string first(std::string_view /*message*/) { return "1"; }
std::string second(std::string_view /*message*/) { return "2"; }

/// What a server gave out, as it has to be closed again.
struct handed {
    explicit handed(const server& from) : numbers(from.listeners()) {
        for (const int each : numbers)
            owned.emplace_back(each);
    }
    std::vector<int> numbers;
    std::vector<descriptor> owned;
};

options at(const endpoint& where, unsigned workers, engine which = engine::automatic) {
    return {.host = where.address(), .port = where.port(), .workers = workers, .engine = which};
}

char ask(const endpoint& where) {
    plain_client client(where);
    if (!client.connected()) return 'x';
    const std::string answer = client.send("?").receive(1);
    return answer.empty() ? '-' : answer.front();
}

struct change {
    engine from;
    unsigned workers_before;
    engine to;
    unsigned workers_after;
};

class Following : public testing::TestWithParam<change> {};

TEST_P(Following, NoClientIsRefusedOrReset) {
    const change& what = GetParam();
    const endpoint any = endpoint::parse("127.0.0.1:0");
    auto before = std::make_unique<server>(at(any, what.workers_before, what.from), first);
    try {
        before->start();
    } catch (const error& refused) {
        GTEST_SKIP() << refused.what();
    }
    const endpoint where = before->endpoints().front();
    std::atomic<bool> over = false;
    std::atomic<unsigned> answers[2] = {0, 0};
    std::atomic<unsigned> troubles = 0;
    std::vector<std::thread> clients;
    for (int i = 0; i < 4; ++i)
        clients.emplace_back([&] {
            while (!over) {
                const char answer = ask(where);
                if (answer == '1' || answer == '2')
                    ++answers[answer - '1'];
                else
                    ++troubles;
            }
        });
    const auto wait_for_more = [&](int of) {
        for (const unsigned seen = answers[of]; answers[of] < seen + 50 && troubles == 0;)
            std::this_thread::sleep_for(1ms);
    };
    wait_for_more(0);
    options chosen = at(where, what.workers_after, what.to);
    handed sockets(*before);
    EXPECT_EQ(sockets.numbers.size(), what.workers_before);
    chosen.handed_over = sockets.numbers;
    server after(chosen, second);
    after.start();
    sockets.owned.clear();
    EXPECT_EQ(after.endpoints(), std::vector{where});
    wait_for_more(0);
    EXPECT_EQ(answers[1], 0U) << "it took clients before it took over";
    after.take_over();
    before->leave();
    before->wait();
    before.reset();
    wait_for_more(1);
    // One more time, so that sockets that came from elsewhere are handed on.
    handed again(after);
    EXPECT_EQ(again.numbers.size(), what.workers_before);
    over = true;
    for (std::thread& each : clients)
        each.join();
    EXPECT_EQ(troubles, 0U);
}

INSTANTIATE_TEST_SUITE_P(engines, Following,
                         testing::Values(change{engine::epoll, 3, engine::epoll, 3},
                                         change{engine::epoll, 3, engine::uring, 1},
                                         change{engine::uring, 2, engine::epoll, 3},
                                         change{engine::uring, 1, engine::uring, 2}),
                         [](const auto& of) { return "change" + std::to_string(of.index); });

int option_of(int socket, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(socket, level, name, &value, &size), 0);
    return value;
}

TEST(FollowingServer, ThatFailsChangesNothingOfTheOneBefore) {
    options chosen = at(endpoint::parse("127.0.0.1:0"), 1);
    chosen.socket.keepalive = 60s;
    chosen.socket.user_timeout = 7s;
    server before(chosen, first);
    before.start();
    const handed sockets(before);
    const int socket = sockets.numbers.front();
    options next = at(before.endpoints().front(), 1);
    next.handed_over = sockets.numbers;
    next.drain_delay = 1h;  // it has nobody to serve meanwhile
    next.socket.keepalive = 0s;
    next.socket.user_timeout = 3s;
    {
        server never(next, second);
        never.start();
        EXPECT_EQ(ask(before.endpoints().front()), '1');
    }
    next.also_listen = {before.endpoints().front().to_string()};  // a second time: it is not free
    server fails(next, second);
    EXPECT_THROW(fails.start(), error);
    EXPECT_EQ(ask(before.endpoints().front()), '1');
    EXPECT_EQ(option_of(socket, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option_of(socket, IPPROTO_TCP, TCP_USER_TIMEOUT), 7000);
    next.also_listen.clear();
    next.drain_delay = 0s;
    server after(next, second);
    after.start();
    after.take_over();
    EXPECT_EQ(option_of(socket, SOL_SOCKET, SO_KEEPALIVE), 0);
    EXPECT_EQ(option_of(socket, IPPROTO_TCP, TCP_USER_TIMEOUT), 3000);
    before.leave();
    before.wait();
    EXPECT_EQ(ask(before.endpoints().front()), '2');
}

/// A Unix socket's name has one owner at a time.
class FollowingOnANamedSocket : public testing::Test {
protected:
    FollowingOnANamedSocket() {
        std::string name = testing::TempDir() + "followingXXXXXX";
        folder_ = ::mkdtemp(name.data());
        path_ = folder_ / "chat.sock";
    }
    ~FollowingOnANamedSocket() override { std::filesystem::remove_all(folder_); }
    options chosen() const { return {.host = "unix:" + path_.string(), .workers = 2, .drain_grace = 0s}; }
    endpoint where() const { return endpoint::parse(chosen().host); }

    std::filesystem::path folder_;
    std::filesystem::path path_;
};

TEST_F(FollowingOnANamedSocket, TheNameStaysUntilTheLastServerEnds) {
    auto before = std::make_unique<server>(chosen(), first);
    before->start();
    options next = chosen();
    handed sockets(*before);
    ASSERT_EQ(sockets.numbers.size(), 1U);
    next.handed_over = sockets.numbers;
    {
        options twice = next;
        twice.also_listen = {"unix:" + (folder_ / "no" / "such").string()};
        server fails(twice, second);
        EXPECT_THROW(fails.start(), error);
        server never(next, second);
        never.start();
    }
    EXPECT_EQ(ask(where()), '1');
    auto after = std::make_unique<server>(next, second);
    after->start();
    sockets.owned.clear();
    after->take_over();
    before->leave();
    before.reset();
    EXPECT_EQ(ask(where()), '2');
    after.reset();
    EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(FollowingOnANamedSocket, OnALoopToo) {
    const std::unique_ptr<loop> on = loop::create();
    auto before = std::make_unique<server>(chosen(), first);
    before->start();
    options next = chosen();
    handed sockets(*before);
    next.handed_over = sockets.numbers;
    server after(next, second);
    next.also_listen = {"unix:" + (folder_ / "no" / "such").string()};
    server worse(next, second);
    EXPECT_THROW(on->run(worse.run_on(*on)), error);
    std::thread asking([&] {
        EXPECT_EQ(ask(where()), '1');
        after.take_over();
        before->leave();
        before.reset();
        EXPECT_EQ(ask(where()), '2');
        EXPECT_TRUE(std::filesystem::exists(path_));
        after.leave();
    });
    on->run(after.run_on(*on));
    asking.join();
    EXPECT_TRUE(std::filesystem::exists(path_)) << "it was left to somebody";
}

}  // namespace
}  // namespace aperto
