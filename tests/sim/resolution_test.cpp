// SPDX-License-Identifier: MIT
// Names whose addresses come late, each family at a time of its own (RFC 8305, 3 and 5), in virtual time.
#include "aperto/client.hpp"
#include "aperto/group.hpp"
#include "aperto/listener.hpp"
#include "aperto/resolve.hpp"
#include "aperto/sim.hpp"
#include "aperto/sleep.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <chrono>

namespace aperto::sim {
namespace {

using namespace std::chrono_literals;

constexpr const char* v4 = "10.0.0.5";
constexpr const char* v6 = "fd00::5";

/// When the answers come, in the order in which they are asked for: all addresses, those of IPv6, those of IPv4.
struct answers {
    duration all;
    duration ipv6 = 0ms;
    duration ipv4 = 0ms;
    std::vector<std::string> addresses{v6, v4};
    bool ipv6_works = true;  ///< else nothing there answers
    duration patience = 20s;
};

struct outcome {
    int family = 0;
    std::error_code failed;
    duration took{};
    int questions = 0;
};

task<> reach(outcome& out, duration patience) {
    const time_point begin = loop::current().now();
    try {
        task<stream> connecting = connect("office:9999", {.connect_timeout = patience});
        const stream there = co_await connecting;
        out.family = there.remote().family();
    } catch (const error& why) {
        out.failed = why.code();
    }
    out.took = loop::current().now() - begin;
}

task<> take_all(std::string where) {
    listener door(endpoint::parse(where));
    for (;;) {
        const stream came = co_await door.accept();
    }
}

task<> take_all_for(std::string where, duration time) {
    task_group taking;
    taking.spawn(take_all(std::move(where)));
    co_await sleep(time);
    taking.cancel();
    task<> ending = taking.join();
    co_await ending;
}

outcome connect_where(const answers& told) {
    world in({.time_max = 1h});
    host& office = in.add_host("server", {.addresses = {v6, v4}});
    host& laptop = in.add_host("laptop", {.addresses = {"10.0.0.1", "fd00::1"}});
    in.add_name("office", told.addresses);
    outcome out;
    const std::array<duration, 3> times{told.all, told.ipv6, told.ipv4};
    in.add_rule([&](const event& of) {
        if (of.what == happening::resolve)
            return verdict::late(times.at(static_cast<std::size_t>(out.questions++)));
        return verdict::pass();
    });
    office.spawn(take_all_for(told.ipv6_works ? "[::]:9999" : "0.0.0.0:9999", told.patience));
    laptop.spawn(reach(out, told.patience));
    in.run();
    in.expect_nothing_left();
    return out;
}

void expect_at(const outcome& out, duration when, int family) {
    EXPECT_EQ(out.failed, std::error_code());
    EXPECT_EQ(out.family, family);
    EXPECT_GE(out.took, when);
    EXPECT_LT(out.took, when + 5ms);
}

TEST(Resolution, OneQuestionIsEnoughWhereItsAnswerComesSoon) {
    const outcome out = connect_where({.all = 20ms});
    expect_at(out, 20ms, AF_INET6);
    EXPECT_EQ(out.questions, 1);
}

TEST(Resolution, Ipv6IsTriedAsSoonAsItIsThere) {
    // Asked for apart after 50 ms; IPv4 has no answer yet.
    const outcome out = connect_where({.all = 10s, .ipv6 = 15ms, .ipv4 = 10s});
    expect_at(out, 65ms, AF_INET6);
    EXPECT_EQ(out.questions, 3);
}

TEST(Resolution, Ipv4WaitsAMomentForIpv6) {
    expect_at(connect_where({.all = 10s, .ipv6 = 10s, .ipv4 = 10ms}), 110ms, AF_INET);
    // It comes within that moment.
    expect_at(connect_where({.all = 10s, .ipv6 = 40ms, .ipv4 = 10ms}), 90ms, AF_INET6);
    // All of them do.
    expect_at(connect_where({.all = 80ms, .ipv6 = 10s, .ipv4 = 10ms}), 80ms, AF_INET6);
}

TEST(Resolution, Ipv4DoesNotWaitWhereThereIsNoIpv6) {
    expect_at(connect_where({.all = 10s, .ipv6 = 20ms, .ipv4 = 10ms, .addresses = {v4}}), 70ms, AF_INET);
}

TEST(Resolution, AddressesThatComeLateJoinTheRace) {
    // The one that is there first leads nowhere; the other is tried when it comes, long after the attempt delay.
    expect_at(connect_where({.all = 10s, .ipv6 = 10ms, .ipv4 = 3s, .addresses = {"fd00::9", v4}}), 3050ms,
              AF_INET);
    // Refused there, and the other is waited for.
    expect_at(connect_where({.all = 10s, .ipv6 = 10ms, .ipv4 = 3s, .ipv6_works = false}), 3050ms, AF_INET);
    // Within the attempt delay it waits for its turn.
    expect_at(connect_where({.all = 10s, .ipv6 = 10ms, .ipv4 = 100ms, .addresses = {"fd00::9", v4}}), 310ms,
              AF_INET);
}

TEST(Resolution, IsOverWhenAllWasAskedForAndNobodyAnswers) {
    const outcome refused =
        connect_where({.all = 3s, .ipv6 = 10ms, .ipv4 = 10s, .addresses = {v6}, .ipv6_works = false});
    EXPECT_EQ(refused.failed, std::errc::connection_refused);
    EXPECT_GE(refused.took, 3s);
    EXPECT_LT(refused.took, 3100ms);
    const outcome nobody =
        connect_where({.all = 3s, .ipv6 = 10ms, .ipv4 = 20ms, .addresses = {"fd00::9"}, .patience = 5s});
    EXPECT_EQ(nobody.failed, errc::deadline);
    EXPECT_LT(nobody.took, 5100ms);
}

task<> note_order(std::vector<std::string>& order) {
    task<std::vector<host_port>> resolving = resolve_service("_capitals._tcp.example");
    const std::vector<host_port> hosts = co_await resolving;
    for (const host_port& each : hosts)
        order.push_back(each.host);
}

TEST(Resolution, AServicesHostsAreDrawnByTheirWeightsAfterTheirPriorities) {
    int big_first = 0;
    int none_first = 0;
    constexpr int draws = 2000;
    for (int seed = 1; seed <= draws; ++seed) {
        world in({.seed = static_cast<std::uint64_t>(seed)});
        in.add_service("_capitals._tcp.example", {{{"last", 1}, 7, 100},
                                                  {{"big", 1}, 5, 60},
                                                  {{"small", 1}, 5, 20},
                                                  {{"none", 1}, 5, 0},
                                                  {{"first", 1}, 1, 0}});
        std::vector<std::string> order;
        in.add_host("laptop").spawn(note_order(order));
        in.run();
        ASSERT_EQ(order.size(), 5u);
        EXPECT_EQ(order.front(), "first");
        EXPECT_EQ(order.back(), "last");
        big_first += order[1] == "big";
        none_first += order[1] == "none";
    }
    // 60 of 81 and 1 of 81: within five standard deviations, 20 and 5.
    EXPECT_NEAR(big_first, draws * 60 / 81, 100);
    EXPECT_NEAR(none_first, draws / 81, 25);
}

TEST(Resolution, AServiceIsConnectedToByItsNameAlone) {
    world in;
    host& office = in.add_host("office");
    host& laptop = in.add_host("laptop");
    in.add_service("_capitals._tcp.example", {{{"nobody", 9998}, 1, 0}, {{"office", 9999}, 2, 0}});
    const auto reach_service = []() -> task<> {
        task<stream> connecting = connect("_capitals._tcp.example");
        const stream there = co_await connecting;
        EXPECT_EQ(there.remote().port(), 9999);
    };
    office.spawn(take_all_for("0.0.0.0:9999", 1s));
    laptop.spawn(reach_service());
    in.run();
    in.expect_nothing_left();
}

/// A service whose only host is itself is none, and no circle.
TEST(Resolution, AServiceIsNoHostOfAService) {
    world in;
    host& laptop = in.add_host("laptop");
    in.add_service("_a._tcp.example", {{{"_a._tcp.example", 1}, 1, 0}});
    std::error_code failed;
    const auto reach_service = [&failed]() -> task<> {
        try {
            task<stream> connecting = connect("_a._tcp.example");
            const stream there = co_await connecting;
        } catch (const error& why) {
            failed = why.code();
        }
    };
    laptop.spawn(reach_service());
    in.run();
    EXPECT_EQ(failed, errc::name_not_found);
}

}  // namespace
}  // namespace aperto::sim
