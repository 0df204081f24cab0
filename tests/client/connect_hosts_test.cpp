// SPDX-License-Identifier: MIT
#include "aperto/client.hpp"
#include "aperto/listener.hpp"
#include "aperto/sim.hpp"
#include "aperto/sleep.hpp"
#include "net/duet.hpp"

namespace aperto {
namespace {

using namespace std::chrono_literals;
using namespace duet;

class Hosts : public StreamTest {};
INSTANTIATE_TEST_SUITE_P(Engines, Hosts, testing::Values(engine::uring, engine::epoll), engine_name);

/// A port on which nobody listens: of a listener that is gone.
std::uint16_t closed_port() {
    const listener passing(endpoint::parse("127.0.0.1:0"));
    return passing.local().port();
}

task<std::optional<error>> failure_of(task<stream> connecting) {
    try {
        co_await connecting;
    } catch (const error& why) {
        co_return why;
    }
    co_return std::nullopt;
}

TEST_P(Hosts, TheNextIsTriedWhereOneRefusesOrHasNoAddress) {
    const auto story = []() -> task<> {
        listener door(endpoint::parse("127.0.0.1:0"));
        std::vector<host_port> hosts;
        hosts.emplace_back("127.0.0.1", closed_port());
        hosts.emplace_back("sala-3.invalid", std::uint16_t{1});
        hosts.emplace_back("127.0.0.1", door.local().port());
        task<stream> connecting = connect(hosts);
        const stream there = co_await connecting;
        EXPECT_EQ(there.remote(), door.local());
    };
    play(story());
}

TEST_P(Hosts, WhereNoneAnswersEachIsNamed) {
    const auto story = []() -> task<> {
        std::vector<host_port> hosts;
        hosts.emplace_back("127.0.0.1", closed_port());
        hosts.emplace_back("127.0.0.1", closed_port());
        task<std::optional<error>> failing =
            failure_of(connect(hosts, {.retry = {.rounds = 2, .pause = 1ms}}));
        const std::optional<error> why = co_await failing;
        if (!why) {
            ADD_FAILURE() << "somebody answered";
            co_return;
        }
        EXPECT_EQ(why->code(), std::errc::connection_refused);
        EXPECT_EQ(why->whom().find("any of 2 hosts (127.0.0.1 port "), 0u) << why->what();
        EXPECT_NE(why->whom().find("port " + std::to_string(hosts[1].port) + ": Connection refused)"),
                  std::string::npos)
            << why->what();
    };
    play(story());
}

TEST_P(Hosts, AreTriedAgainUntilOneIsThere) {
    const auto open_later = [](std::uint16_t port) -> task<> {
        co_await sleep(30ms);
        listener door(endpoint::parse("127.0.0.1:" + std::to_string(port)));
        stream came = co_await door.accept();
        co_await came.close();
    };
    const auto story = [&open_later]() -> task<> {
        const std::uint16_t port = closed_port();
        task_group beside;
        beside.spawn(open_later(port));
        std::vector<host_port> hosts{{"127.0.0.1", port}};
        task<stream> connecting =
            connect(hosts, {.retry = {.rounds = 1000, .pause = 2ms, .pause_most = 10ms}});
        stream there = co_await connecting;
        EXPECT_EQ(there.remote().port(), port);
        co_await there.close();
        task<> joining = beside.join();
        co_await joining;
    };
    play(story());
}

TEST_P(Hosts, NoneIsAMistakeAndSoAreNoRounds) {
    const auto story = []() -> task<> {
        task<std::optional<error>> nobody = failure_of(connect(std::vector<host_port>()));
        const std::optional<error> none = co_await nobody;
        EXPECT_EQ(none.value().code(), errc::misuse);
        std::vector<host_port> hosts{{"127.0.0.1", 1}};
        task<std::optional<error>> never = failure_of(connect(hosts, {.retry = {.rounds = 0}}));
        const std::optional<error> refused = co_await never;
        EXPECT_EQ(refused.value().code(), errc::malformed);
    };
    play(story());
}

/// Takes connections, and breaks each off that has asked, or answers it.
task<> serve_questions(listener& door, bool answers, int& asked) {
    for (;;) {
        stream client = co_await door.accept();
        const auto question = co_await client.read_line();
        ++asked;
        const std::string answer = std::string(question.value_or("")) + "!\n";
        if (answers) co_await client.write(answer);
        co_await client.close();
    }
}

struct question_outcome {
    std::string answer;
    std::error_code failed;
    int broken = 0;    ///< so often was the first host asked
    int answered = 0;  ///< and the second
};

task<question_outcome> ask_both(bool ask_again) {
    question_outcome out;
    listener first(endpoint::parse("127.0.0.1:0"), {}, {.framing = framing::line});
    listener second(endpoint::parse("127.0.0.1:0"), {}, {.framing = framing::line});
    task_group servers;
    servers.spawn(serve_questions(first, false, out.broken));
    servers.spawn(serve_questions(second, true, out.answered));
    std::vector<host_port> hosts{{"127.0.0.1", first.local().port()}, {"127.0.0.1", second.local().port()}};
    try {
        task<std::string> asking =
            async_ask(hosts, "oi", {.ask_again = ask_again, .stream = {.framing = framing::line}});
        out.answer = co_await asking;
    } catch (const error& why) {
        out.failed = why.code();
    }
    servers.cancel();
    task<> joining = servers.join();
    co_await joining;
    co_return out;
}

TEST_P(Hosts, AQuestionIsSentOnceAtTheMost) {
    const auto story = []() -> task<> {
        task<question_outcome> asking = ask_both(false);
        const question_outcome out = co_await asking;
        EXPECT_EQ(out.failed, errc::cut_short);
        EXPECT_EQ(out.broken, 1);
        EXPECT_EQ(out.answered, 0);
    };
    play(story());
}

TEST_P(Hosts, AQuestionThatMayBeAskedAgainIsAskedOfTheNext) {
    const auto story = []() -> task<> {
        task<question_outcome> asking = ask_both(true);
        const question_outcome out = co_await asking;
        EXPECT_EQ(out.answer, "oi!");
        EXPECT_EQ(out.broken, 1);
        EXPECT_EQ(out.answered, 1);
    };
    play(story());
}

// ---- in virtual time

/// When the laptop is through, and whether it has reached the third host.
task<> knock(sim::world& world, bool all_dead, duration& took) {
    std::vector<host_port> hosts{{"dead", 1}, {"silent", 1}, {"office", 9999}};
    if (all_dead) hosts.pop_back();
    const time_point begun = loop::current().read_now();
    const client_options options{.connect_timeout = 6s,
                                 .retry = {.rounds = 4, .pause = 100ms, .pause_most = 150ms}};
    task<std::optional<error>> trying = failure_of(connect(hosts, options));
    const std::optional<error> failed = co_await trying;
    took = loop::current().read_now() - begun;
    world.expect(failed.has_value() == all_dead, "the host that answers is found, and no other");
}

/// "dead" is a machine that is on, with nobody there; nothing comes back from "silent".
bool knock_by_seeds(bool all_dead, duration least, duration most) {
    duration shortest = forever;
    duration longest = duration::zero();
    const sim::check_result good = sim::check({.seeds = 200}, [&](sim::world& world) {
        sim::host& laptop = world.add_host("laptop");
        sim::host& office = world.add_host("office");
        world.add_host("dead");
        world.cut(laptop, world.add_host("silent"));
        const auto keep_open = []() -> task<> {
            const listener door(endpoint::any(9999));
            co_await sleep(8s);
        };
        if (!all_dead) office.spawn(keep_open());
        duration took{};
        laptop.spawn(knock(world, all_dead, took));
        world.run();
        shortest = std::min(shortest, took);
        longest = std::max(longest, took);
    });
    EXPECT_GE(shortest, least);
    EXPECT_LE(longest, most);
    std::printf("    %.3f to %.3f s\n", std::chrono::duration<double>(shortest).count(),
                std::chrono::duration<double>(longest).count());
    return static_cast<bool>(good);
}

TEST(HostsBySeeds, ASilentHostTakesItsShareOfTheTime) {
    // Two hosts are left when the silent one is tried: 3 of the 6 seconds.
    EXPECT_TRUE(knock_by_seeds(false, 2900ms, 6100ms));
}

TEST(HostsBySeeds, AllEndsInTime) { EXPECT_TRUE(knock_by_seeds(true, 5500ms, 6100ms)); }

}  // namespace
}  // namespace aperto
