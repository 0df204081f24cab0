// SPDX-License-Identifier: MIT
// A server on a loop of the caller's, ended by other means than `stop`.
#include "aperto/client.hpp"
#include "aperto/group.hpp"
#include "aperto/server.hpp"
#include "aperto/sim.hpp"
#include "aperto/sleep.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace aperto {
namespace {

options on_loopback() { return {.host = "127.0.0.1", .port = 0}; }
void echo(std::string_view message, exchange& with) { with.reply(message); }

/// A client that has been answered once, and stays.
task<stream> answered_client(server& by) {
    task<stream> connecting = connect(host_port{"127.0.0.1", by.endpoints().front().port()});
    stream peer = co_await connecting;
    co_await peer.write("hello");
    co_await peer.read_some();
    co_return peer;
}

TEST(RunOn, EndsWithItsClientsWhenItsTaskIsCancelled) {
    const std::unique_ptr<loop> on = loop::create();
    server serving(on_loopback(), &echo);
    auto story = [&]() -> task<> {
        task_group group;
        group.spawn(serving.run_on(*on));
        task<stream> asking = answered_client(serving);
        stream client = co_await asking;
        EXPECT_EQ(serving.engines(), std::vector<engine>{on->which()});
        EXPECT_EQ(serving.why(), on->why());
        group.cancel();
        task<> joining = group.join();
        co_await joining;
        EXPECT_EQ(serving.connections(), 0u);
    };
    on->run(story());
}

TEST(RunOn, MayBeDroppedByItsLoopAfterTheServerHasGone) {
    const std::unique_ptr<loop> on = loop::create();
    server serving(on_loopback(), &echo);
    on->spawn(serving.run_on(*on));
    auto story = [&]() -> task<> {
        task<stream> asking = answered_client(serving);
        const stream client = co_await asking;
    };
    on->run(story());
}

TEST(RunOn, MayBeDroppedByItsLoopWithSessionsThatWait) {
    bool ended = false;
    struct at_its_end {
        bool& told;
        ~at_its_end() { told = true; }
    };
    const auto wait = [&ended](stream peer) -> task<> {
        const at_its_end tells{ended};
        while (const auto line = co_await peer.read_some())
            co_await peer.write(*line);
    };
    {
        std::unique_ptr<loop> on = loop::create();
        server serving(on_loopback(), wait);
        on->spawn(serving.run_on(*on));
        auto story = [&]() -> task<> {
            task<stream> asking = answered_client(serving);
            const stream client = co_await asking;
            on->stop();
            co_await sleep(forever);
        };
        EXPECT_THROW(on->run(story()), error);
        EXPECT_FALSE(ended);
        on.reset();
    }
    EXPECT_TRUE(ended);
}

/// A process with fewer descriptors and one core, for as long as it lives.
class poor_machine {
public:
    poor_machine() {
        ::getrlimit(RLIMIT_NOFILE, &descriptors_);
        rlimit few = descriptors_;
        few.rlim_cur = 200;
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
        ::sched_getaffinity(0, sizeof cores_, &cores_);
        cpu_set_t one;
        CPU_ZERO(&one);
        for (std::size_t core = 0; CPU_COUNT(&one) == 0; ++core)
            if (CPU_ISSET(core, &cores_)) CPU_SET(core, &one);
        EXPECT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    }
    poor_machine(const poor_machine&) = delete;
    poor_machine& operator=(const poor_machine&) = delete;
    ~poor_machine() {
        ::setrlimit(RLIMIT_NOFILE, &descriptors_);
        ::sched_setaffinity(0, sizeof cores_, &cores_);
    }

private:
    rlimit descriptors_{};
    cpu_set_t cores_{};
};

task<> hold_half_a_line() {
    client_options patient;
    patient.stream.idle_timeout = forever;
    task<stream> connecting = connect("office:9999", patient);
    stream peer = co_await connecting;
    const std::string text(4'000, 'x');
    try {
        co_await peer.write(text);
        co_await peer.read_some();
    } catch (const error&) {  // NOLINT(bugprone-empty-catch)
        // The server has ended it.
    }
}

/// What happens when 300 clients come to a server that leaves everything open which `chosen` does.
std::string log_of_a_crowd(options chosen) {
    sim::world world({.seed = 5});
    sim::host& office = world.add_host("office");
    sim::host& laptop = world.add_host("laptop");
    chosen.host = "office";
    chosen.framing = framing::line;
    server serving(std::move(chosen), &echo);
    office.spawn(serving.run_on(office.loop()));
    for (int i = 0; i < 300; ++i)
        laptop.spawn(hold_half_a_line());
    laptop.spawn([](server& of) -> task<> {
        co_await sleep(std::chrono::seconds(1));
        of.stop();
    }(serving));
    world.run();
    EXPECT_EQ(serving.workers(), 1U);
    return world.log();
}

TEST(RunOn, NothingOfTheMachineReachesASimulation) {
    options with_budget;
    with_budget.memory_budget = 1024 * 1024;
    options with_rate;
    with_rate.accept_rate = 100;
    for (const options& each : {options{}, with_budget, with_rate}) {
        const std::string here = log_of_a_crowd(each);
        std::optional<poor_machine> elsewhere(std::in_place);
        const std::string there = log_of_a_crowd(each);
        elsewhere.reset();
        EXPECT_EQ(here.size(), there.size());
        EXPECT_TRUE(here == there) << "another machine, another run of the same seed";
    }
}

TEST(RunOn, IsOneWorkerWithTheWholeMemoryBudget) {
    // A client each holds 4 kB of a line: 200 fit into 1 MiB, and would not into what four workers share.
    options chosen;
    chosen.workers = 4;
    chosen.memory_budget = 2 * 1024 * 1024;
    EXPECT_EQ(log_of_a_crowd(chosen).find("rst"), std::string::npos);
}

}  // namespace
}  // namespace aperto
