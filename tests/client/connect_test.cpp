// SPDX-License-Identifier: MIT
#include "aperto/client.hpp"
#include "client/connect_race.hpp"
#include "net/duet.hpp"
#include "support/own_network.hpp"

#include <thread>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using namespace duet;
using client::attempts;

class Connect : public StreamTest {};
INSTANTIATE_TEST_SUITE_P(Engines, Connect, testing::Values(engine::uring, engine::epoll), engine_name);

endpoint bind_to_free_port(int& descriptor, std::string_view address) {
    const endpoint wanted = endpoint::parse(address);
    sockaddr_storage bound;
    socklen_t size = wanted.to_sockaddr(bound);
    descriptor = ::socket(wanted.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::bind(descriptor, reinterpret_cast<sockaddr*>(&bound), size), 0);
    ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&bound), &size);
    return endpoint::from_sockaddr(bound);
}

/// An address that never answers: a listener whose queue is full drops the SYN of whoever comes next.
class silent_address {
public:
    silent_address() : where(bind_to_free_port(door_, "127.0.0.1:0")) {
        ::listen(door_, 0);
        queue_.emplace_back(where);
    }
    ~silent_address() { ::close(door_); }
    silent_address(const silent_address&) = delete;
    silent_address& operator=(const silent_address&) = delete;

private:
    int door_ = -1;
    std::vector<plain_socket> queue_;

public:
    const endpoint where;
};

/// A port of the loopback on which nobody listens.
endpoint refusing_address(std::string_view address = "127.0.0.1:0") {
    int passing = -1;
    const endpoint where = bind_to_free_port(passing, address);
    ::close(passing);
    return where;
}

/// The error of connecting to `where`.
task<error> failure_to_connect(host_port where, client_options options = {}) {
    try {
        task<stream> connecting_there = connect(std::move(where), options);
        co_await connecting_there;
    } catch (const error& why) {
        co_return why;
    }
    co_return error(std::error_code(), "fail to connect");
}

host_port as_text(const endpoint& where) { return {where.address(), where.port()}; }

TEST_P(Connect, ReachesANameAndAnAddress) {
    const auto story = []() -> task<> {
        listener door(endpoint::any(0));
        const std::uint16_t port = door.local().port();
        for (const std::string host : {"localhost", "localhost.", "LocalHost.", "127.0.0.1", "::1"}) {
            task<stream> knocking = connect(host_port{host, port});
            stream client = co_await knocking;
            stream server = co_await door.accept();
            EXPECT_EQ(client.remote().port(), port);
            EXPECT_EQ(client.local(), server.remote());
            EXPECT_TRUE(client.remote().is_loopback()) << client.remote().to_string();
        }
    };
    play(story());
}

TEST_P(Connect, TakesTheTextThatPeopleType) {
    const auto story = []() -> task<> {
        listener door(endpoint::parse("[::1]:0"));
        task<stream> knocking = connect(door.local().to_string());
        const stream client = co_await knocking;
        EXPECT_EQ(client.remote(), door.local());
        EXPECT_THROW(static_cast<void>(connect("sala 3:1")), error);
    };
    play(story());
}

TEST_P(Connect, TellsARefusalFromATimeout) {
    const auto story = []() -> task<> {
        const endpoint closed = refusing_address();
        task<error> refusing = failure_to_connect(as_text(closed));
        const error refused = co_await refusing;
        EXPECT_EQ(refused.code(), std::errc::connection_refused);
        EXPECT_EQ(refused.whom(), "127.0.0.1 port " + std::to_string(closed.port()));
        EXPECT_NE(refused.advice().find("nothing listens"), std::string::npos);

        const silent_address silent;
        task<error> waiting = failure_to_connect(as_text(silent.where), {.connect_timeout = 30ms});
        const error late = co_await waiting;
        EXPECT_EQ(late.code(), std::errc::timed_out);
        EXPECT_EQ(late.tried(), "connect to");
        std::printf("    %s\n    %s\n", refused.what(), late.what());
    };
    play(story());
}

TEST_P(Connect, TellsANameThatDoesNotExist) {
    const auto story = []() -> task<> {
        // RFC 6761, 6.4: it never exists; a machine without a name service cannot know.
        task<error> resolving = failure_to_connect({"sala-3.invalid", 1});
        const error unknown = co_await resolving;
        EXPECT_TRUE(unknown.code() == errc::name_not_found || unknown.code() == errc::name_try_again)
            << unknown.what();
        EXPECT_EQ(unknown.whom(), "sala-3.invalid");
    };
    play(story());
}

TEST_P(Connect, RefusesANameWithANul) {
    const auto story = []() -> task<> {
        listener door(endpoint::any(0));
        // What stands before the NUL is there, and is not who was asked for.
        const std::string name("localhost\0.example", 18);
        task<error> resolving = failure_to_connect({name, door.local().port()});
        const error refused = co_await resolving;
        EXPECT_EQ(refused.code(), errc::malformed);
        EXPECT_EQ(refused.whom(), "localhost\\x00.example");
    };
    play(story());
}

TEST_P(Connect, TellsALinkLocalAddressWhatItLacks) {
    const auto story = []() -> task<> {
        task<error> connecting = failure_to_connect({"fe80::1", 1});
        const error lacking = co_await connecting;
        EXPECT_EQ(lacking.code(), std::errc::invalid_argument);
        EXPECT_NE(lacking.advice().find("fe80::1%eth0"), std::string::npos) << lacking.advice();
    };
    play(story());
}

task<socket_id> race(attempts& log, const client_options& options) {
    client::connect_race running(loop::current(), log, options);
    co_await running;
    co_return running.take_winner();
}

TEST_P(Connect, GoesOnAtOnceWhenAnAddressRefuses) {
    const auto story = []() -> task<> {
        const listener door(endpoint::parse("127.0.0.1:0"));
        attempts log;
        log.addresses = {refusing_address(), refusing_address("[::1]:0"), door.local()};
        const client_options options{.attempt_delay = 1h};
        task<socket_id> racing = race(log, options);
        const socket_id winner = co_await racing;
        EXPECT_EQ(loop::current().remote(winner), door.local());
        EXPECT_EQ(log.failures.size(), 2u);
        loop::current().close(winner);
    };
    play(story());
}

TEST_P(Connect, TriesTheNextAddressWhileADeadOneKeepsSilent) {
    const auto story = []() -> task<> {
        const listener door(endpoint::parse("[::1]:0"));
        const silent_address dead;
        attempts log;
        log.addresses = {dead.where, door.local()};
        const client_options options{.attempt_delay = 20ms};
        const time_point before = loop::current().now();
        task<socket_id> racing = race(log, options);
        const socket_id winner = co_await racing;
        EXPECT_GE(loop::current().now() - before, 20ms);
        EXPECT_EQ(loop::current().remote(winner), door.local());
        EXPECT_TRUE(log.failures.empty());
        loop::current().close(winner);
    };
    play(story());
}

TEST_P(Connect, EndsTheRaceWhenEveryAddressHasFailed) {
    const auto story = []() -> task<> {
        attempts log;
        log.addresses = {refusing_address(), refusing_address("[::1]:0")};
        const client_options options;
        task<socket_id> racing = race(log, options);
        EXPECT_FALSE(co_await racing);
        EXPECT_EQ(log.failures.size(), 2u);
        EXPECT_EQ(log.failures.front().result, -ECONNREFUSED);
    };
    play(story());
}

TEST_P(Connect, GivesUpWhenItsScopeIsCancelled) {
    const auto story = []() -> task<> {
        const silent_address dead;
        const auto knock = [](endpoint where) -> task<> {
            task<stream> knocking = connect(as_text(where));
            co_await knocking;
        };
        task_group group;
        group.spawn(knock(dead.where));
        task<> next = turn();
        co_await next;
        EXPECT_EQ(group.running(), 1u);
        group.cancel();
        task<> joining = group.join();
        co_await joining;
    };
    play(story());
}

TEST_P(Connect, IsDroppedInTheMiddleWithItsLoop) {
    const silent_address dead;
    const auto knock = [](attempts& log) -> task<> {
        const client_options options{.attempt_delay = 1ms};
        task<socket_id> racing = race(log, options);
        co_await racing;
    };
    attempts log;
    log.addresses = {dead.where, dead.where, dead.where};
    on->spawn(knock(log));
    const auto stop_when_all_run = [](loop& stopped, const attempts& seen) -> task<> {
        while (seen.begun < seen.addresses.size()) {
            task<> next = turn();
            co_await next;
        }
        stopped.stop();
    };
    on->spawn(stop_when_all_run(*on, log));
    on->run();
    EXPECT_EQ(on->count().sockets, 3u);
    on.reset();  // TearDown counts the descriptors
}

TEST_P(Connect, IsRefusedWhereASocketWouldMeetItself) {
    constexpr std::uint16_t port = 40'000;
    bool possible = false;
    std::error_code plain;
    std::error_code raced;
    std::thread elsewhere([&] {
        possible = own_network::enter() && own_network::begin_connections_at(port);
        if (!possible) return;
        const std::unique_ptr<loop> here = loop::create({.which = GetParam()});
        plain = here->run(failure_to_connect({"127.0.0.1", port})).code();
        raced = here->run(failure_to_connect({"localhost", port})).code();
        EXPECT_EQ(here->count().sockets, 0U);
    });
    elsewhere.join();
    if (!possible) GTEST_SKIP() << "a network namespace needs privileges";
    EXPECT_EQ(plain, std::errc::connection_refused);
    EXPECT_EQ(raced, std::errc::connection_refused);
}

TEST(ConnectOrder, LetsTheFamiliesTakeTurns) {
    std::vector<endpoint> from;
    for (const char* text :
         {"[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1", "192.0.2.1:1", "192.0.2.2:1"})
        from.push_back(endpoint::parse(text));
    std::string order;
    for (const endpoint& each : client::take_turns(from))
        order += each.address() + ' ';
    EXPECT_EQ(order, "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2 2001:db8::3 ");
    EXPECT_TRUE(client::take_turns({}).empty());
}

}  // namespace
}  // namespace aperto
