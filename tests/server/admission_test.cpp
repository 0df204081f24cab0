// SPDX-License-Identifier: MIT
// Who may connect, and what is settled from where a server runs.
#include "server/admission.hpp"

#include "server/engines.hpp"
#include "server/worker.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aperto {
namespace {

constexpr std::size_t mebi = std::size_t{1024} * 1024;

constexpr surroundings somewhere{.connections = 5000, .memory = 800 * mebi, .seed = 7};

endpoint client(int number) {
    return *endpoint::from_address(
        "10.0." + std::to_string(number / 256) + "." + std::to_string(number % 256), 7);
}

TEST(Admission, ForgetsAnAddressWhenItsLastConnectionEnds) {
    const server_terms terms({.max_connections_per_address = 2}, somewhere, 1);
    admission door(7);
    {
        std::vector<admission::answer> inside;
        for (int number = 0; number < 1000; ++number)
            for (int time = 0; time < 2; ++time)
                inside.push_back(door.ask(terms, client(number), {}));
        EXPECT_EQ(door.addresses(), 1000u);
        EXPECT_EQ(door.ask(terms, client(3), {}).refused, limit::max_connections_per_address);
        inside.resize(1999);
        EXPECT_EQ(door.addresses(), 1000u) << "one of two connections of the last is left";
        inside.resize(1998);
        EXPECT_EQ(door.addresses(), 999u);
    }
    EXPECT_EQ(door.addresses(), 0u);
    EXPECT_EQ(door.ask(terms, client(3), {}).refused, std::nullopt);
}

TEST(Admission, KeepsNoAddressThatItRefusedAtOnce) {
    const server_terms terms({.accept_rate = 1, .deny = {cidr::parse("10.0.0.0/24")}}, somewhere, 1);
    admission door(7);
    door.set_rate(terms.options.accept_rate);
    for (int number = 0; number < 256; ++number)
        EXPECT_EQ(door.ask(terms, client(number), {}).refused, limit::deny);
    EXPECT_EQ(door.addresses(), 0u);
    EXPECT_EQ(door.ask(terms, client(256), {}).refused, std::nullopt);
    EXPECT_EQ(door.ask(terms, client(256), {}).refused, limit::accept_rate);
    EXPECT_EQ(door.addresses(), 0u);
}

handler silent() {
    return [](std::string_view, exchange& with) { with.no_reply(); };
}
TEST(Settled, EachWorkerHasItsShareOfTheMemoryBudget) {
    server_shared given({.memory_budget = 64 * mebi}, silent());
    given.settle(somewhere, 4);
    EXPECT_EQ(given.terms()->memory_budget, 16 * mebi);
    server_shared open(options{}, silent());
    open.settle(somewhere, 4);
    EXPECT_EQ(open.terms()->memory_budget, 50 * mebi) << "a quarter of what there is, for four";
    EXPECT_EQ(open.workers, 4u);
}

TEST(Settled, ConnectionsAreWhatWasAskedForOrWhatDescriptorsAllow) {
    server_shared open(options{}, silent());
    open.settle(somewhere, 1);
    EXPECT_EQ(open.connections_max, 5000u);
    server_shared given({.max_connections = 70}, silent());
    given.settle(somewhere, 1);
    EXPECT_EQ(given.connections_max, 70u);
    server_shared lesson({.workers = 8, .max_connections = 70, .once = true}, silent());
    lesson.settle(somewhere, lesson.workers_wanted());
    EXPECT_EQ(lesson.connections_max, 1u);
    EXPECT_EQ(lesson.workers, 1u);
}

TEST(Settled, OnlyOnce) {
    server_shared open(options{}, silent());
    open.settle(somewhere, 1);
    open.settle({.connections = 1, .memory = mebi, .seed = 8}, 2);
    EXPECT_EQ(open.connections_max, 5000u);
    EXPECT_EQ(open.workers, 1u);
}

TEST(Engines, AreToldWorkerByWorkerWhereTheyDiffer) {
    const worker_engine ring{engine::uring, "io_uring, kernel 6.18"};
    const worker_engine plain{engine::epoll, "epoll: io_uring got no memory"};
    EXPECT_EQ(why_of({}), "");
    EXPECT_EQ(why_of({ring, ring}), "io_uring, kernel 6.18");
    EXPECT_EQ(why_of({ring, plain, ring}),
              "io_uring, kernel 6.18 (2 of 3); epoll: io_uring got no memory (1 of 3)");
}

}  // namespace
}  // namespace aperto
