// SPDX-License-Identifier: MIT
#include "aperto/client_pool.hpp"

#include "aperto/listener.hpp"
#include "aperto/sim.hpp"
#include "aperto/sleep.hpp"
#include "net/duet.hpp"

#include <set>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using namespace duet;

class Pool : public StreamTest {};
INSTANTIATE_TEST_SUITE_P(Engines, Pool, testing::Values(engine::uring, engine::epoll), engine_name);

/// What a server of lines has seen.
struct seen_by_server {
    int accepted = 0;
    int asked = 0;
    std::size_t close_after = 1000;  ///< questions on one connection
    std::string unasked{};           ///< sent behind each answer
    duration close_later{};          ///< after the last one
};

task<> answer_lines(stream& client, seen_by_server& seen) {
    for (std::size_t count = 0; count < seen.close_after; ++count) {
        const auto question = co_await client.read_line();
        if (!question) break;
        ++seen.asked;
        const std::string answer = std::string(*question) + "!\n" + seen.unasked;
        co_await client.write(answer);
    }
    const duration pause = seen.close_later;
    if (pause > duration::zero()) co_await sleep(pause);
    co_await client.close();
}

task<> serve_client(stream client, seen_by_server& seen) {
    try {
        task<> answering = answer_lines(client, seen);
        co_await answering;
    } catch (const error&) {  // NOLINT(bugprone-empty-catch): a fault has struck this one
    }
}

task<> accept_one(listener& door, seen_by_server& seen, task_group& clients) {
    try {
        stream client = co_await door.accept();
        ++seen.accepted;
        clients.spawn(serve_client(std::move(client), seen));
        co_return;
    } catch (const error&) {  // NOLINT(bugprone-empty-catch): descriptors or memory have run out, for now
    }
    co_await sleep(5ms);
}

task<> serve_lines(listener& door, seen_by_server& seen) {
    task_group clients;
    for (;;) {
        task<> accepting = accept_one(door, seen, clients);
        co_await accepting;
    }
}

task<std::optional<error>> failure_of(task<client_pool::lease> taking) {
    try {
        const client_pool::lease never = co_await taking;
    } catch (const error& why) {
        co_return why;
    }
    co_return std::nullopt;
}

pool_options lines() {
    pool_options chosen;
    chosen.client.stream.framing = framing::line;
    return chosen;
}

/// One host and its server beside a story with them.
struct one_host {
    listener door{endpoint::parse("127.0.0.1:0"), {}, {.framing = framing::line}};
    seen_by_server seen{};
    task_group beside{};

    one_host() { beside.spawn(serve_lines(door, seen)); }
    std::vector<host_port> named() const { return {host_port("127.0.0.1", door.local().port())}; }
    task<> end() {
        beside.cancel();
        task<> joining = beside.join();
        co_await joining;
    }
};

TEST_P(Pool, AConnectionIsKeptAndUsedAgain) {
    const auto story = []() -> task<> {
        one_host host;
        client_pool pool(host.named(), lines());
        for (int i = 0; i < 5; ++i) {
            const std::string answer = co_await pool.ask("oi");
            EXPECT_EQ(answer, "oi!");
        }
        EXPECT_EQ(host.seen.accepted, 1);
        const std::vector<pool_host> known = pool.hosts();
        EXPECT_EQ(known[0].opened, 1u);
        EXPECT_EQ(known[0].reused, 4u);
        EXPECT_EQ(known[0].idle, 1u);
        EXPECT_EQ(known[0].lent, 0u);
        co_await host.end();
    };
    play(story());
}

TEST_P(Pool, WhatIsNotGivenBackIsClosed) {
    const auto story = []() -> task<> {
        one_host host;
        client_pool pool(host.named(), lines());
        for (int i = 0; i < 3; ++i) {
            client_pool::lease server = co_await pool.take();
            EXPECT_FALSE(server.was_kept());
            EXPECT_EQ(pool.hosts()[0].lent, 1u);
        }
        EXPECT_EQ(pool.hosts()[0].lent, 0u);
        EXPECT_EQ(pool.hosts()[0].idle, 0u);
        co_await host.end();
    };
    play(story());
}

TEST_P(Pool, OneThatTheServerClosedIsNeverLent) {
    const auto story = []() -> task<> {
        one_host host;
        host.seen.close_after = 1;
        host.seen.close_later = 5ms;
        client_pool pool(host.named(), lines());
        for (int i = 0; i < 5; ++i) {
            const std::string answer = co_await pool.ask("oi");
            EXPECT_EQ(answer, "oi!");
            co_await sleep(20ms);  // the end of the stream is there
        }
        EXPECT_EQ(host.seen.accepted, 5);
        EXPECT_EQ(pool.hosts()[0].reused, 0u);
        EXPECT_EQ(pool.hosts()[0].stale, 4u);
        co_await host.end();
    };
    play(story());
}

TEST_P(Pool, OneOnWhichSomethingCameUnaskedIsNotLent) {
    const auto story = []() -> task<> {
        one_host host;
        host.seen.unasked = "408 too slow\n";
        client_pool pool(host.named(), lines());
        for (int i = 0; i < 3; ++i) {
            const std::string answer = co_await pool.ask("oi");
            EXPECT_EQ(answer, "oi!");
        }
        EXPECT_EQ(pool.hosts()[0].reused, 0u);
        co_await host.end();
    };
    play(story());
}

TEST_P(Pool, WhoFindsNoPlaceWaitsForOneUntilTheDeadline) {
    const auto story = []() -> task<> {
        one_host host;
        pool_options few = lines();
        few.connections_most = 1;
        few.take_deadline = 50ms;
        client_pool pool(host.named(), few);
        client_pool::lease first = co_await pool.take();
        task<std::optional<error>> failing = failure_of(pool.take());
        const std::optional<error> why = co_await failing;
        EXPECT_EQ(why.value().code(), errc::deadline);
        EXPECT_EQ(why->what(),
                  std::string("could not get a connection of the pool's 1: the time for it is over"));
        first.keep();
        client_pool::lease second = co_await pool.take();
        EXPECT_TRUE(second.was_kept());
        co_await host.end();
    };
    play(story());
}

TEST_P(Pool, AQuestionIsAskedAgainOnlyWhereThatIsAllowed) {
    const auto story = []() -> task<> {
        one_host host;
        host.seen.close_after = 0;  // it closes without an answer
        pool_options chosen = lines();
        client_pool once(host.named(), chosen);
        std::error_code failed;
        try {
            const std::string answer = co_await once.ask("oi");
            ADD_FAILURE() << answer;
        } catch (const error& why) {
            failed = why.code();
        }
        EXPECT_EQ(failed, errc::cut_short);
        EXPECT_EQ(host.seen.accepted, 1);
        EXPECT_TRUE(once.hosts()[0].is_aside);
        chosen.client.ask_again = true;
        chosen.aside = 5ms;
        client_pool again(host.named(), chosen);
        try {
            const std::string answer = co_await again.ask("oi");
            ADD_FAILURE() << answer;
        } catch (const error& why) {
            failed = why.code();
        }
        EXPECT_EQ(failed, errc::cut_short);
        EXPECT_EQ(host.seen.accepted, 1 + 3);
        co_await host.end();
    };
    play(story());
}

TEST_P(Pool, AHostThatIsGoneIsSetAsideAndTheOthersServe) {
    const auto story = []() -> task<> {
        one_host host;
        std::vector<host_port> both = host.named();
        {
            const listener passing(endpoint::parse("127.0.0.1:0"));
            both.emplace_back("127.0.0.1", passing.local().port());
        }
        pool_options chosen = lines();
        chosen.aside = chosen.aside_most = 1h;
        client_pool pool(both, chosen);
        for (int i = 0; i < 8; ++i) {
            client_pool::lease server = co_await pool.take();
            EXPECT_EQ(server.host().port, both[0].port);
        }
        EXPECT_EQ(pool.hosts()[1].failed, 1u);  // it is asked once, and not by each
        EXPECT_TRUE(pool.hosts()[1].is_aside);
        co_await host.end();
    };
    play(story());
}

TEST_P(Pool, IsNothingWithoutHostsOrByWrongOptions) {
    const auto story = []() -> task<> {
        const auto code = [](std::vector<host_port> hosts, pool_options options) -> std::error_code {
            try {
                const client_pool pool(std::move(hosts), std::move(options));
            } catch (const error& why) {
                return why.code();
            }
            return {};
        };
        EXPECT_EQ(code({}, {}), errc::misuse);
        EXPECT_EQ(code({{"a", 1}}, {.connections_most = 0}), errc::malformed);
        EXPECT_EQ(code({{"a", 1}}, {.idle_time = -1s}), errc::malformed);
        EXPECT_EQ(code({{"a", 1}}, {.take_deadline = 0s}), errc::malformed);
        EXPECT_EQ(code({{"a", 1}}, {.client = {.connect_timeout = 0s}}), errc::malformed);
        EXPECT_FALSE(code({{"a", 1}}, {.idle_most = 0}));
        client_pool raw({{"a", 1}}, {});
        std::error_code failed;
        try {
            const std::string answer = co_await raw.ask("where does it end?");
        } catch (const error& why) {
            failed = why.code();
        }
        EXPECT_EQ(failed, errc::misuse);
    };
    play(story());
}

TEST_P(Pool, ALeaseMayOutliveItsPool) {
    const auto story = []() -> task<> {
        one_host host;
        client_pool::lease server;
        {
            client_pool pool(host.named(), lines());
            const std::string answer = co_await pool.ask("kept");
            server = co_await pool.take();
        }
        const std::string question = "oi\n";
        co_await server->write(question);
        const auto answer = co_await server->read_line();
        EXPECT_EQ(answer.value_or(""), "oi!");
        server.keep();
        EXPECT_FALSE(server);
        co_await host.end();
    };
    play(story());
}

// ---- in virtual time

bool by_seeds(sim::check_options::mischief chance, std::uint64_t seeds,
              const std::function<void(sim::world&)>& scenario) {
    return static_cast<bool>(sim::check({.seeds = seeds, .chance = chance}, scenario));
}

task<> serve_for(std::uint16_t port, duration how_long, seen_by_server& seen) {
    listener door(endpoint::any(port), {}, {.framing = framing::line});
    task_group serving;
    serving.spawn(serve_lines(door, seen));
    co_await sleep(how_long);
    serving.cancel();
    task<> joining = serving.join();
    co_await joining;
}

task<> let_age(sim::world& world, bool by_age) {
    pool_options chosen = lines();
    chosen.idle_time = by_age ? 1h : 2s;
    chosen.age_most = by_age ? 3s : 1h;
    client_pool pool({{"office", 9999}}, chosen);
    for (int i = 0; i < 2; ++i) {
        const std::string answer = co_await pool.ask("oi");
        co_await sleep(1500ms);
    }
    // Three seconds after it was opened, one and a half after it was used.
    co_await sleep(100ms);
    world.expect(pool.hosts()[0].opened == 1 && pool.hosts()[0].reused == 1, "it is used again in time");
    world.expect(pool.hosts()[0].idle == (by_age ? 0u : 1u),
                 "the one too old is closed without being asked for");
    co_await sleep(1s);
    world.expect(pool.hosts()[0].idle == 0, "the one that nobody used is closed");
    const std::string answer = co_await pool.ask("oi");
    world.expect(pool.hosts()[0].opened == 2, "there is another then");
}

TEST(PoolBySeeds, WhatIsIdleOrOldIsClosed) {
    for (const bool by_age : {false, true}) {
        EXPECT_TRUE(by_seeds(sim::check_options::mischief::none, 50, [by_age](sim::world& world) {
            seen_by_server seen;
            world.add_host("office").spawn(serve_for(9999, 20s, seen));
            world.add_host("laptop").spawn(let_age(world, by_age));
            world.run();
        }));
    }
}

/// Asks until `end`; every answer is right, and is found within the deadline.
task<> ask_often(sim::world& world, client_pool& pool, duration end, int number, int& answered, int& failed) {
    for (int i = 0; world.elapsed() < end; ++i) {
        const std::string question = std::to_string(number) + "." + std::to_string(i);
        const duration begun = world.elapsed();
        try {
            task<std::string> asking = pool.ask(question);
            const std::string answer = co_await asking;
            world.expect(answer == question + "!", "the answer is to the question that was asked");
            ++answered;
        } catch (const error&) {
            ++failed;
        }
        world.expect(world.elapsed() - begun <= 6500ms, "nobody waits for longer than the deadlines");
        const std::vector<pool_host> hosts = pool.hosts();
        std::size_t open = 0;
        std::size_t idle = 0;
        for (const pool_host& each : hosts) {
            open += each.lent + each.idle;
            idle += each.idle;
        }
        world.expect(open <= 4 && idle <= 3, "connections are bounded");
        co_await sleep(duration(std::chrono::milliseconds(world.random() % 300)));
    }
}

task<> crowd(sim::world& world, duration end, std::vector<pool_host>& at_end, int& answered, int& failed) {
    pool_options chosen = lines();
    chosen.connections_most = 4;
    chosen.idle_most = 3;
    chosen.idle_time = 2s;
    chosen.age_most = 10s;
    chosen.take_deadline = 3s;
    chosen.client.reply_deadline = 3s;
    chosen.client.retry.rounds = 3;
    client_pool pool({{"office", 9999}, {"school", 9999}, {"library", 9999}}, chosen);
    task_group all;
    for (int i = 0; i < 8; ++i)
        all.spawn(ask_often(world, pool, end, i, answered, failed));
    task<> joining = all.join();
    co_await joining;
    at_end = pool.hosts();
}

TEST(PoolBySeeds, WhatMayBefallAnyConnectionHarmsNoQuestion) {
    // Servers that close after a few answers, and faults that a right program survives: a question may fail by a server
    // that closes at the very moment in which it is asked, and by nothing else.
    std::uint64_t reused = 0;
    std::uint64_t stale = 0;
    EXPECT_TRUE(by_seeds(sim::check_options::mischief::harmless, 120, [&](sim::world& world) {
        std::vector<seen_by_server> seen(3);
        std::vector<pool_host> known;
        int answered = 0;
        int failed = 0;
        for (int i = 0; i < 3; ++i) {
            seen[static_cast<std::size_t>(i)].close_after = 2 + world.random() % 20;
            world.add_host(std::array{"office", "school", "library"}[static_cast<std::size_t>(i)])
                .spawn(serve_for(9999, 40s, seen[static_cast<std::size_t>(i)]));
        }
        world.add_host("laptop").spawn(crowd(world, 10s, known, answered, failed));
        world.run();
        int asked = 0;
        for (const seen_by_server& each : seen)
            asked += each.asked;
        world.expect(asked <= answered + failed, "no question is sent twice");
        world.expect(answered > 10 * failed, "few are struck");
        for (const pool_host& each : known) {
            reused += each.reused;
            stale += each.stale;
        }
    }));
    EXPECT_GT(reused, 4'000u);
    EXPECT_GT(stale, 100u);
}

TEST(PoolBySeeds, UnderAnyFaultAnswersAreRightAndWaitsAreBounded) {
    EXPECT_TRUE(by_seeds(sim::check_options::mischief::breaking, 120, [](sim::world& world) {
        std::vector<seen_by_server> seen(3);
        std::vector<pool_host> known;
        int answered = 0;
        int failed = 0;
        for (int i = 0; i < 3; ++i)
            world.add_host(std::array{"office", "school", "library"}[static_cast<std::size_t>(i)])
                .spawn(serve_for(9999, 120s, seen[static_cast<std::size_t>(i)]));
        world.add_host("laptop").spawn(crowd(world, 10s, known, answered, failed));
        world.run();
        int asked = 0;
        for (const seen_by_server& each : seen)
            asked += each.asked;
        world.expect(asked <= answered + failed, "no question is sent twice");
    }));
}

/// The office is away from second 2 to second 30: how often it was tried, and when it is used again.
task<> outlast(sim::world& world, sim::host& office, std::vector<seen_by_server>& seen, int clients) {
    pool_options chosen = lines();
    chosen.aside = 1s;
    chosen.aside_most = 8s;
    chosen.idle_most = 0;
    client_pool pool({{"office", 9999}, {"school", 9999}}, chosen);
    const auto ask = [](client_pool& at) -> task<> {
        const client_pool::lease server = co_await at.take();
        co_await sleep(10ms);
    };
    static_cast<void>(office);
    for (; world.elapsed() < 45s;) {
        task_group all;
        for (int i = 0; i < clients; ++i)
            all.spawn(ask(pool));
        task<> joining = all.join();
        co_await joining;
        co_await sleep(100ms);
        const pool_host now = pool.hosts()[0];
        if (world.elapsed() > 29s && world.elapsed() < 30s) {
            // 1, 2, 4, 8, 8 … seconds, by the half at least: in 28 s eight times at the most, four at the least.
            world.expect(now.failed >= 4 && now.failed <= 9, "it is tried again, more and more seldom");
        }
        if (world.elapsed() > 39s) world.expect(!now.is_aside, "it is back, as others see within 8 s");
    }
    world.expect(seen[1].accepted > 100, "the other has served meanwhile");
    world.expect(pool.hosts()[0].opened > 2u * static_cast<unsigned>(clients), "it serves again");
}

TEST(PoolBySeeds, AHostThatIsAwayIsTriedMoreAndMoreSeldomAndServesAgain) {
    std::set<std::uint64_t> asked;
    EXPECT_TRUE(by_seeds(sim::check_options::mischief::none, 60, [&asked](sim::world& world) {
        std::vector<seen_by_server> seen(2);
        sim::host& office = world.add_host("office");
        const auto away = [](seen_by_server& by) -> task<> {
            task<> before = serve_for(9999, 2s, by);
            co_await before;
            co_await sleep(28s);
            task<> after = serve_for(9999, 30s, by);
            co_await after;
        };
        office.spawn(away(seen[0]));
        world.add_host("school").spawn(serve_for(9999, 60s, seen[1]));
        world.add_host("laptop").spawn(outlast(world, office, seen, 3));
        world.run();
        asked.insert(static_cast<std::uint64_t>(seen[0].accepted));
    }));
    EXPECT_GT(asked.size(), 5u) << "pauses are drawn: not all come back at one moment";
}

task<> find_nobody(sim::world& world) {
    pool_options chosen = lines();
    chosen.take_deadline = 4s;
    client_pool pool({{"dead", 1}, {"silent", 1}}, chosen);
    const duration begun = world.elapsed();
    task<std::optional<error>> failing = failure_of(pool.take());
    const std::optional<error> why = co_await failing;
    world.expect(why && why->whom().starts_with("any of 2 hosts (dead"), "it tells what became of each");
    const duration took = world.elapsed() - begun;
    world.expect(took > 3900ms && took < 4200ms, "hosts are tried until the deadline, and no longer");
}

TEST(PoolBySeeds, WhereNoHostAnswersTheDeadlineIsTheEnd) {
    EXPECT_TRUE(by_seeds(sim::check_options::mischief::none, 100, [](sim::world& world) {
        sim::host& laptop = world.add_host("laptop");
        world.add_host("dead");
        world.cut(laptop, world.add_host("silent"));
        laptop.spawn(find_nobody(world));
        world.run();
    }));
}

}  // namespace
}  // namespace aperto
