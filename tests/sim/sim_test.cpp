// SPDX-License-Identifier: MIT
// The simulation as its users see it: a world, hosts on it, faults by rule and by chance, the report of a
// failure.
#include "aperto/sim.hpp"

#include "aperto/client.hpp"
#include "aperto/server.hpp"
#include "aperto/sleep.hpp"
#include "sim/story.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

namespace aperto::sim {
namespace {

using namespace std::chrono_literals;

std::string shout(std::string_view text) { return answer_to(text); }

struct asked {
    std::string reply;
    std::error_code failed;
    duration took{};
};

task<> ask_once(asked& out, std::string where, duration patience = 5s) {
    const time_point begin = loop::current().now();
    try {
        client_options chosen;
        chosen.connect_timeout = patience;
        task<stream> connecting = connect(std::move(where), chosen);
        stream peer = co_await connecting;
        co_await peer.write("texto original");
        co_await peer.shutdown_write();
        while (const std::optional<std::string_view> part = co_await peer.read_some())
            out.reply += *part;
        task<> closing = peer.close();
        co_await closing;
    } catch (const error& why) {
        out.failed = why.code();
    }
    out.took = loop::current().now() - begin;
}

task<> ask_and_stop(asked& out, server& shop, std::string where) {
    task<> asking = ask_once(out, std::move(where));
    co_await asking;
    shop.stop();
}

/// Two hosts, a server on one, a client on the other; run to the end.
asked tell(world& in) {
    host& office = in.add_host("office");
    host& laptop = in.add_host("laptop");
    server shop({.host = "office"}, shout);
    asked out;
    office.spawn(shop.run_on(office.loop()));
    laptop.spawn(ask_and_stop(out, shop, "office:9999"));
    in.run();
    in.expect_nothing_left();
    return out;
}

TEST(Sim, ServerAndClientTalkAsOnRealSockets) {
    world in;
    const asked out = tell(in);
    EXPECT_EQ(out.reply, "TEXTO ORIGINAL");
    EXPECT_LT(in.elapsed(), 10ms);
    std::cout << in.ladder();
}

TEST(Sim, TheSameSeedGivesTheSameLogToTheByte) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        const auto run = [seed] {
            world in({.seed = seed, .faults = faults::swarm(seed, seed % 2 == 0)});
            tell_a_story(in, seed % 2 == 0 ? mischief::breaking : mischief::harmless);
            return in.log();
        };
        const std::string first = run();
        EXPECT_EQ(first, run()) << "seed " << seed;
        EXPECT_GT(first.size(), 100u);
    }
}

TEST(Sim, AnHourOfWaitingTakesNoTime) {
    world in;
    host& office = in.add_host("office");
    auto wait = []() -> task<> { co_await sleep(1h); };
    office.spawn(wait());
    in.run();
    EXPECT_GE(in.elapsed(), 1h);
    EXPECT_LT(in.elapsed(), 1h + 10ms);
}

TEST(Sim, ALostSynIsSentAgainAfterASecond) {
    world in;
    bool first = true;
    in.add_rule([&first](const event& of) {
        return of.what == happening::syn && std::exchange(first, false) ? verdict::drop() : verdict::pass();
    });
    const asked out = tell(in);
    EXPECT_EQ(out.reply, "TEXTO ORIGINAL");
    EXPECT_GE(out.took, 1s);
    EXPECT_LT(out.took, 1100ms);
}

TEST(Sim, ARuleResetsFailsAndDelays) {
    world in({.time_max = 1h});
    in.add_rule([](const event& of) {
        if (of.what == happening::data && of.offset == 0 && of.host == 0) return verdict::reset();
        if (of.what == happening::resolve) return verdict::late(3s);
        return verdict::pass();
    });
    const asked out = tell(in);
    EXPECT_EQ(out.failed, std::errc::connection_reset);
    EXPECT_GE(out.took, 3s);
}

TEST(Sim, NobodyListensAndTheConnectIsRefused) {
    world in;
    in.add_host("office");
    host& laptop = in.add_host("laptop");
    asked out;
    laptop.spawn(ask_once(out, "office:9999"));
    in.run();
    EXPECT_EQ(out.failed, std::errc::connection_refused);
    in.expect_nothing_left();
}

TEST(Sim, ADeadAddressTakesTheWholePatience) {
    world in;
    host& laptop = in.add_host("laptop");
    in.add_name("office", {"10.9.9.9"});
    asked out;
    laptop.spawn(ask_once(out, "office:9999", 4s));
    in.run();
    EXPECT_EQ(out.failed, std::errc::timed_out);
    EXPECT_GE(out.took, 4s);
    EXPECT_LT(out.took, 4100ms);
    in.expect_nothing_left();
}

TEST(Sim, ANameThatNobodyHasIsAnError) {
    world in;
    host& laptop = in.add_host("laptop");
    asked out;
    laptop.spawn(ask_once(out, "nowhere:9999"));
    in.run();
    EXPECT_EQ(out.failed, errc::name_not_found);
}

TEST(Sim, APartitionHoldsBytesUpUntilItIsOver) {
    world in;
    host& office = in.add_host("office");
    host& laptop = in.add_host("laptop");
    server shop({.host = "office"}, shout);
    asked out;
    office.spawn(shop.run_on(office.loop()));
    laptop.spawn(ask_and_stop(out, shop, "office:9999"));
    in.run_for(800us);  // connected, and the question under way
    in.cut(office, laptop);
    in.run_for(5s);
    EXPECT_TRUE(out.reply.empty());
    in.join(office, laptop);
    in.run();
    EXPECT_EQ(out.reply, "TEXTO ORIGINAL");
    EXPECT_GE(out.took, 5s);
}

TEST(Sim, ACrashResetsAndADeadMachineIsSilent) {
    for (const bool whole_machine : {false, true}) {
        world in;
        host& office = in.add_host("office");
        host& laptop = in.add_host("laptop");
        server shop({.host = "office", .idle_timeout = 1h}, shout);
        asked out;
        auto wait_for_end = [](asked& into) -> task<> {
            const time_point begin = loop::current().now();
            try {
                client_options chosen;
                chosen.stream.idle_timeout = forever;
                task<stream> connecting = connect("office:9999", chosen);
                stream peer = co_await connecting;
                const std::optional<std::string_view> some = co_await peer.read_some();
                into.reply = some ? "bytes" : "end";
            } catch (const error& why) {
                into.failed = why.code();
            }
            into.took = loop::current().now() - begin;
        };
        office.spawn(shop.run_on(office.loop()));
        laptop.spawn(wait_for_end(out));
        in.run_for(10ms);
        whole_machine ? office.power_off() : office.crash();
        in.run();
        if (whole_machine)
            EXPECT_EQ(out.failed, std::errc::timed_out);
        else
            EXPECT_EQ(out.reply, "end") << "the kernel of a program that died closes its sockets";
        EXPECT_EQ(out.took > 60s, whole_machine);
    }
}

TEST(Sim, AProgramMayEndItself) {
    world in;
    host& office = in.add_host("office");
    host& laptop = in.add_host("laptop");
    bool outlived = false;
    asked out;
    server shop({.host = "office"}, shout);
    office.spawn(shop.run_on(office.loop()));
    office.spawn([](host& mine, bool& too_long) -> task<> {
        co_await sleep(10ms);
        mine.crash();
        co_await sleep(1ms);  // here it stands, and goes no further
        too_long = true;
    }(office, outlived));
    laptop.spawn([](asked& into) -> task<> {
        co_await sleep(20ms);
        task<> asking = ask_once(into, "office:9999");
        co_await asking;
    }(out));
    in.run();
    EXPECT_FALSE(office.is_up());
    EXPECT_FALSE(outlived);
    EXPECT_EQ(out.failed, std::errc::connection_refused);
}

TEST(Sim, ATaskThatWaitsForNothingIsFound) {
    world in;
    host& office = in.add_host("office");
    auto wait = []() -> task<> { co_await sleep(forever); };
    office.spawn(wait());
    EXPECT_THROW(in.run(), failure);
}

TEST(Sim, WhatATaskThrowsIsTheRunsFailure) {
    world in;
    host& office = in.add_host("office");
    auto fail = []() -> task<> {
        co_await sleep(1ms);
        throw std::runtime_error("as planned");
    };
    office.spawn(fail());
    try {
        in.run();
        FAIL() << "nothing was thrown";
    } catch (const failure& why) {
        EXPECT_NE(std::string(why.what()).find("office threw: as planned"), std::string::npos) << why.what();
    }
}

TEST(Sim, ALoopMayRunByItself) {
    world in;
    host& office = in.add_host("office");
    host& laptop = in.add_host("laptop");
    server shop({.host = "office"}, shout);
    asked out;
    office.spawn(shop.run_on(office.loop()));
    laptop.loop().run(ask_and_stop(out, shop, "office:9999"));
    EXPECT_EQ(out.reply, "TEXTO ORIGINAL");
    in.run();
    in.expect_nothing_left();
}

TEST(Sim, CheckReportsTheSeedTheLadderAndTheCommand) {
    check_options options;
    options.seeds = 50;
    options.print = false;
    const check_result seen = check(options, [](world& in) {
        tell(in);
        in.expect(in.seed() != 7, "seven is unlucky");
    });
    ASSERT_EQ(seen.failing_seed, 7u);
    EXPECT_FALSE(seen);
    EXPECT_EQ(seen.seeds, 7u);
    std::cout << seen.report;
    for (const char* part : {"seed 7 failed", "seven is unlucky", "It fails without any fault.", "laptop",
                             "close", "replay:  APERTO_SIM_FAULTS=none APERTO_SIM_SEED=7 "})
        EXPECT_NE(seen.report.find(part), std::string::npos) << part;
}

/// Fails where a packet of the story was lost; in spite of everything else that befalls it.
void fear_losses(world& in) {
    tell(in);
    for (const event& each : in.events())
        in.expect(each.what != happening::lost, "a packet was lost");
}

TEST(Sim, CheckFindsTheFaultsWithoutWhichASeedDoesNotFail) {
    check_options options;
    options.seeds = 200;
    options.print = false;
    const check_result seen = check(options, fear_losses);
    ASSERT_TRUE(seen.failing_seed);
    EXPECT_EQ(seen.needed_faults, "lost_packet");
    EXPECT_NE(seen.report.find("It fails with no other faults than lost_packet."), std::string::npos);
    EXPECT_NE(seen.report.find("replay:  APERTO_SIM_FAULTS=lost_packet APERTO_SIM_SEED="), std::string::npos);
    const std::string seed = std::to_string(*seen.failing_seed);
    ::setenv("APERTO_SIM_SEED", seed.c_str(), 1);
    ::setenv("APERTO_SIM_FAULTS", "lost_packet", 1);
    EXPECT_FALSE(check(options, fear_losses)) << "as its command says";
    ::setenv("APERTO_SIM_FAULTS", "short_send", 1);
    EXPECT_TRUE(check(options, fear_losses));
    ::unsetenv("APERTO_SIM_FAULTS");
    ::unsetenv("APERTO_SIM_SEED");
    const check_result always =
        check(options, [](world& in) { in.expect(in.seed() != 3, "three is unlucky too"); });
    EXPECT_EQ(always.needed_faults, "");
    EXPECT_NE(always.report.find("It fails without any fault."), std::string::npos);
}

using SimDeathTest = testing::Test;

TEST(SimDeathTest, ASeedThatCrashesOrHangsIsTold) {
    check_options options;
    options.replay_command = [](std::uint64_t seed) { return "again " + std::to_string(seed); };
    const auto in_the_third = [](void (*fault)()) {
        return [fault](world& in) {
            if (in.seed() == 3) fault();
        };
    };
    EXPECT_EXIT(check(options, in_the_third([] { std::abort(); })), testing::KilledBySignal(SIGABRT),
                "seed 3 did not come to its end\nreplay:  again 3");
    EXPECT_DEATH(check(options, in_the_third([] { ::raise(SIGSEGV); })),
                 "seed 3 did not come to its end\nreplay:  again 3");
    options.real_time_max = std::chrono::milliseconds(200);
    EXPECT_EXIT(
        check(options, in_the_third([] {
                  while (true)
                      std::this_thread::yield();
              })),
        testing::KilledBySignal(SIGABRT),
        "not over after 0.2 s of this machine's time\n\nseed 3 did not come to its end\nreplay:  again 3");
}

TEST(Sim, AfterItTheSignalsAreWhatTheyWere) {
    struct sigaction before{};
    ::sigaction(SIGABRT, nullptr, &before);
    check_options options;
    options.seeds = 1;
    EXPECT_TRUE(check(options, [](world&) {}));
    struct sigaction after{};
    ::sigaction(SIGABRT, nullptr, &after);
    EXPECT_EQ(before.sa_handler, after.sa_handler);
}

TEST(Sim, StoriesOfTheWholeStackComeOutRight) {
    check_options options;
    options.seeds = 300;
    EXPECT_TRUE(check(options, [](world& in) { tell_a_story(in, mischief::harmless); }));
    options.chance = mischief::breaking;
    EXPECT_TRUE(check(options, [](world& in) { tell_a_story(in, mischief::breaking); }));
}

}  // namespace
}  // namespace aperto::sim
