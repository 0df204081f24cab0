// SPDX-License-Identifier: MIT
// How conversations end, and how accepting does, in simulated time and with faults that no test can have of a
// kernel at the moment it wants them.
#include "aperto/client.hpp"
#include "aperto/group.hpp"
#include "aperto/listener.hpp"
#include "aperto/server.hpp"
#include "aperto/sim.hpp"
#include "aperto/sleep.hpp"
#include "server/recorder.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

namespace aperto {
namespace {

using namespace std::chrono_literals;

struct stage {
    stage() {
        chosen.host = "office";
        chosen.framing = framing::line;
        chosen.events = &seen;
    }

    sim::world world;
    sim::host& office = world.add_host("office");
    sim::host& laptop = world.add_host("laptop");
    options chosen;
    recorder seen;
};

class ends : public testing::Test, public stage {};

void echo(std::string_view message, exchange& with) { with.reply(message); }

task<> line_session(stream peer) {
    while (auto line = co_await peer.read_line())
        co_await peer.write(std::string(*line) + "\n");
}

client_options patient() {
    client_options chosen;
    chosen.stream.idle_timeout = chosen.stream.message_deadline = forever;
    chosen.stream.framing = framing::line;
    return chosen;
}

// ---- what the kernel gives up is lost; our own deadlines have nothing to do with it

/// Speaks once, and is then where nothing is heard of it any more.
task<> visit_and_vanish(stage& in, server& of) {
    task<stream> connecting = connect("office:9999", patient());
    stream peer = co_await connecting;
    co_await peer.write("a\n");
    co_await peer.read_line();
    in.world.cut(in.office, in.laptop);
    co_await sleep(24h - 1min);
    of.stop();
}

void expect_lost(stage& in, server& serving, int code, std::string_view tried) {
    const auto all = in.seen.wait_for_ends(1);
    EXPECT_EQ(all[0].reason, close_reason::lost);
    EXPECT_EQ(all[0].error, std::error_code(code, std::system_category()));
    EXPECT_EQ(all[0].tried, tried);
    for (const limit each : {limit::idle_timeout, limit::message_deadline, limit::write_deadline})
        EXPECT_EQ(serving.counters().of(each), 0U) << to_string(each);
}

TEST_F(ends, a_client_whose_machine_vanishes_is_lost_and_struck_by_no_deadline) {
    for (const bool by_message : {true, false}) {
        stage in;
        in.chosen.idle_timeout = forever;
        server serving(in.chosen, by_message ? handler(&echo) : handler(&line_session));
        in.office.spawn(serving.run_on(in.office.loop()));
        in.laptop.spawn(visit_and_vanish(in, serving));
        in.world.run();
        expect_lost(in, serving, ETIMEDOUT, "receive");
    }
}

TEST_F(ends, a_client_to_whom_no_way_leads_any_more_is_lost) {
    server serving(chosen, &echo);
    world.add_rule([this](const sim::event& of) {
        const bool cut =
            of.what == sim::happening::send && of.host == office.index() && world.elapsed() > 500ms;
        return cut ? sim::verdict::fail(EHOSTUNREACH) : sim::verdict::pass();
    });
    office.spawn(serving.run_on(office.loop()));
    laptop.spawn([](server& of) -> task<> {
        task<stream> connecting = connect("office:9999", patient());
        stream peer = co_await connecting;
        for (const std::string_view word : {"a\n", "b\n", "c\n"}) {
            co_await peer.write(word);
            co_await sleep(1s);
        }
        of.stop();
    }(serving));
    world.run();
    expect_lost(*this, serving, EHOSTUNREACH, "send");
}

TEST_F(ends, what_befell_another_connection_of_the_handlers_is_no_end_of_its_client) {
    const auto relay = [](stream peer) -> task<> {
        co_await peer.read_line();
        throw error(std::make_error_code(std::errc::connection_reset), "receive from", "elsewhere");
    };
    server serving(chosen, relay);
    office.spawn(serving.run_on(office.loop()));
    laptop.spawn([](server& of) -> task<> {
        task<stream> connecting = connect("office:9999", patient());
        stream peer = co_await connecting;
        co_await peer.write("a\n");
        EXPECT_EQ(co_await peer.read_line(), std::nullopt);
        of.stop();
    }(serving));
    world.run();
    const auto all = seen.wait_for_ends(1);
    EXPECT_EQ(all[0].reason, close_reason::failure);
    EXPECT_EQ(all[0].error, std::errc::connection_reset);
}

TEST_F(ends, a_handlers_error_that_says_no_code_is_the_handlers) {
    const auto odd = [](stream peer) -> task<> {
        co_await peer.read_line();
        throw error(std::error_code(), "say what is wrong");
    };
    server serving(chosen, odd);
    office.spawn(serving.run_on(office.loop()));
    laptop.spawn([](server& of) -> task<> {
        task<stream> connecting = connect("office:9999", patient());
        stream peer = co_await connecting;
        co_await peer.write("a\n");
        EXPECT_EQ(co_await peer.read_line(), std::nullopt);
        of.stop();
    }(serving));
    world.run();
    EXPECT_EQ(seen.wait_for_ends(1)[0].reason, close_reason::failure);
}

TEST_F(ends, a_stream_dropped_after_a_read_that_failed_ends_in_order) {
    stream_options hasty;
    hasty.message_deadline = 1s;
    listener door(office.loop(), endpoint::any(9999), {}, std::make_shared<const stream_options>(hasty));
    office.spawn([](listener& at) -> task<> {
        stream peer = co_await at.accept();
        co_await peer.read_line();
        const std::string reply(50'000, 'A');
        co_await peer.write(reply);
        co_await peer.write("\n");
        std::error_code late;
        try {
            co_await peer.read_line();
        } catch (const error& why) {
            late = why.code();
        }
        EXPECT_EQ(late, errc::deadline);
    }(door));
    laptop.spawn([]() -> task<> {
        task<stream> connecting = connect("office:9999", patient());
        stream peer = co_await connecting;
        co_await peer.write("question\nhalf a li");
        co_await sleep(1100ms);
        co_await peer.write("and more");  // a reset would answer it
        co_await sleep(100ms);
        const auto reply = co_await peer.read_line();
        EXPECT_EQ(reply ? reply->size() : 0, 50'000U);
        EXPECT_EQ(co_await peer.read_line(), std::nullopt);
    }());
    world.run();
}

/// The beginning of a character is passed on when its rest has not come in 50 ms: the wait for it is
/// cancelled, and what comes while the kernel cancels it is a reset, not the end of what was said.
TEST_F(ends, a_reset_beside_the_wait_for_the_rest_of_a_character_is_no_clean_end) {
    chosen.framing = framing::stream;
    constexpr std::size_t rounds = 200;
    std::size_t passed_on = 0;
    for (std::size_t round = 1; round <= rounds; ++round) {
        sim::world brief({.seed = round, .faults = {.late_completion = 0.5, .lost_cancel = 0.9}});
        sim::host& home = brief.add_host("office");
        sim::host& street = brief.add_host("street");
        const auto count = [&passed_on](stream peer) -> task<> {
            while (const auto piece = co_await peer.read_message())
                passed_on += piece->size();
        };
        server serving(chosen, count);
        home.spawn(serving.run_on(home.loop()));
        street.spawn([](std::size_t number, server& of) -> task<> {
            client_options speaking;
            speaking.stream.framing = framing::raw;
            task<stream> connecting = connect("office:9999", speaking);
            stream peer = co_await connecting;
            co_await peer.write("\xe2\x82");
            co_await sleep(48ms + std::chrono::microseconds(number * 40));
            peer.abort();
            co_await sleep(1s);
            of.stop();
        }(round, serving));
        brief.run();
        const auto all = seen.wait_for_ends(round);
        EXPECT_EQ(all.back().reason, close_reason::reset) << "seed " << round;
    }
    // Both before the wait was over and after it.
    EXPECT_GT(passed_on, 0U);
    EXPECT_LT(passed_on, 2 * rounds);
}

// ---- accepting

TEST_F(ends, a_client_that_comes_as_its_server_is_cancelled_leaves_nothing_behind) {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        sim::world brief({.seed = seed, .faults = {.late_completion = 0.5, .lost_cancel = 0.5}});
        sim::host& home = brief.add_host("office");
        sim::host& street = brief.add_host("street");
        server serving(chosen, &echo);
        home.spawn([](server& one, loop& on) -> task<> {
            task_group group;
            group.spawn(one.run_on(on));
            co_await sleep(10ms);
            group.cancel();
            task<> joining = group.join();
            co_await joining;
        }(serving, home.loop()));
        for (int i = 0; i < 20; ++i) {
            street.spawn([](int number) -> task<> {
                co_await sleep(std::chrono::microseconds(5000 + 500 * number));
                try {
                    task<stream> connecting = connect("office:9999", patient());
                    stream peer = co_await connecting;
                    co_await peer.read_line();
                } catch (const error&) {  // NOLINT(bugprone-empty-catch)
                    // Refused or reset, as the server is ending.
                }
            }(i));
        }
        brief.run();
        brief.expect_nothing_left();
        EXPECT_EQ(serving.connections(), 0U);
    }
}

struct refusal {
    int code;
    limit counted;
    int calls = 1;  ///< of accept4(2), one after the other: the first may be one client's own misfortune
};

TEST_F(ends, accepting_rests_whatever_the_system_refuses_it_for_and_goes_on) {
    for (const refusal each :
         {refusal{EPERM, limit::accept_errors, 16}, refusal{ENETDOWN, limit::accept_errors, 16},
          refusal{ENOSR, limit::accept_errors}, refusal{ENFILE, limit::descriptors}}) {
        SCOPED_TRACE(std::strerror(each.code));
        stage in;
        server serving(in.chosen, &echo);
        int attempts = 0;
        in.world.add_rule([&](const sim::event& of) {
            if (of.what != sim::happening::accept || in.world.elapsed() > 2s) return sim::verdict::pass();
            ++attempts;
            return sim::verdict::fail(each.code);
        });
        in.office.spawn(serving.run_on(in.office.loop()));
        in.laptop.spawn([](server& of) -> task<> {
            task<stream> connecting = connect("office:9999", patient());
            stream peer = co_await connecting;
            co_await peer.write("a\n");
            EXPECT_EQ(co_await peer.read_line(), "a");
            of.stop();
        }(serving));
        in.world.run();
        attempts /= each.calls;
        EXPECT_GE(attempts, 10);
        EXPECT_LE(attempts, 25) << "one in 100 ms";
        EXPECT_EQ(serving.counters().of(each.counted), static_cast<std::uint64_t>(attempts));
        EXPECT_EQ(in.seen.limits().size(), static_cast<std::size_t>(attempts));
    }
}

TEST_F(ends, a_listener_that_is_gone_ends_the_server_with_the_reason) {
    for (const duration from : {0ms, 1000ms}) {
        stage in;
        server serving(in.chosen, &echo);
        in.world.add_rule([&](const sim::event& of) {
            const bool gone = of.what == sim::happening::accept && in.world.elapsed() >= from;
            return gone ? sim::verdict::fail(EINVAL) : sim::verdict::pass();
        });
        std::error_code told;
        in.office.spawn([](server& one, loop& on, std::error_code& code) -> task<> {
            try {
                task<> running = one.run_on(on);
                co_await running;
            } catch (const error& why) {
                code = why.code();
            }
        }(serving, in.office.loop(), told));
        in.laptop.spawn([]() -> task<> {
            for (int i = 0; i < 2; ++i) {
                try {
                    task<stream> connecting = connect("office:9999", patient());
                    const stream peer = co_await connecting;
                } catch (const error&) {  // NOLINT(bugprone-empty-catch)
                    // Nobody listens there any more.
                }
                co_await sleep(2s);
            }
        }());
        in.world.run();
        EXPECT_EQ(told, std::errc::invalid_argument);
    }
}

}  // namespace
}  // namespace aperto
