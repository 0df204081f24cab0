// SPDX-License-Identifier: MIT
// The same random programme of clients on io_uring, on epoll, and on both in simulated weather: the same
// bytes, the same ends, the same counters. No stage knows what is right; that they agree is what is asked.
#include "aperto/client.hpp"
#include "aperto/group.hpp"
#include "aperto/server.hpp"
#include "aperto/sim.hpp"
#include "aperto/sleep.hpp"
#include "core/split_mix.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <iostream>
#include <map>
#include <string>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;

// ---- the programme

/// How a client ends.
enum class leaving { close, half_close, in_mid_message, reset };

struct piece {
    std::string bytes;
    duration pause{};
    std::size_t hear = 0;  ///< replies to wait for before the next one
};

struct client_plan {
    std::vector<piece> pieces;
    std::size_t replies = 0;
    leaving how = leaving::close;
};

struct programme {
    framing how = framing::line;
    bool gathered = false;  ///< nobody is served before all are there, and have been told so in one turn
    std::vector<client_plan> clients;
};

class author {
public:
    explicit author(std::uint64_t seed) : chance_(seed) {}

    programme write() {
        programme made;
        made.how = pick(2) == 0 ? framing::line : framing::length;
        made.gathered = pick(3) == 0;
        // Now and then more than the ring of submissions has places.
        const std::size_t clients = made.gathered && pick(4) == 0 ? 300 : 1 + pick(12);
        for (std::size_t i = 0; i < clients; ++i)
            made.clients.push_back(plan_of(made.how, clients < 100 ? 1 + pick(8) : 1));
        return made;
    }

private:
    std::size_t pick(std::size_t count) { return static_cast<std::size_t>(chance_() % count); }

    client_plan plan_of(framing how, std::size_t messages) {
        client_plan made;
        std::string wire;
        std::vector<std::size_t> ends;
        for (std::size_t i = 0; i < messages; ++i) {
            constexpr std::size_t most[] = {3, 60, 5000, 90'000};
            append_frame(
                how, std::string(pick(most[pick(std::size(most))]), static_cast<char>('a' + pick(26))), wire);
            ends.push_back(wire.size());
        }
        made.replies = messages;
        made.how = static_cast<leaving>(pick(4));
        if (made.how == leaving::in_mid_message) {
            append_frame(how, "not whole", wire);
            wire.resize(wire.size() - 4);
        }
        for (std::size_t begin = 0; begin < wire.size();) {
            const std::size_t size = std::min(wire.size() - begin, 1 + pick(pick(2) == 0 ? 20 : 30'000));
            begin += size;
            piece next{.bytes = wire.substr(begin - size, size)};
            if (pick(4) == 0) next.pause = std::chrono::microseconds(pick(400));
            while (next.hear < ends.size() && ends[next.hear] <= begin)
                ++next.hear;
            if (pick(3) != 0) next.hear = 0;
            made.pieces.push_back(std::move(next));
        }
        return made;
    }

    split_mix chance_;
};

// ---- what is seen of it

struct outcome {
    std::vector<std::string> clients;         ///< a line each: bytes, and how it ended
    std::map<std::string, std::size_t> ends;  ///< of conversations, as the server tells
    server_counters counters;
};

std::string digest(std::string_view bytes) {
    std::uint64_t hash = 0xcbf2'9ce4'8422'2325;  // FNV-1a
    for (const char each : bytes)
        hash = (hash ^ static_cast<unsigned char>(each)) * 0x100'0000'01b3;
    return std::to_string(bytes.size()) + " B, " + std::to_string(hash);
}

class teller final : public server_events {
public:
    teller(outcome& into, std::size_t conversations) : into_(into), left_(conversations) {}
    server* stage = nullptr;  ///< stopped when the last conversation has ended
    void closed(const connection_view& who, const closing& how) override {
        ++into_.ends[std::string(to_string(how.reason)) + ", " + std::to_string(who.bytes_received()) +
                     " B in"];
        if (--left_ == 0) stage->stop();
    }

private:
    outcome& into_;
    std::size_t left_;
};

/// The programme's performance on one stage.
struct performance {
    const programme& of;
    outcome& seen;
    std::vector<stream*> gathered{};
};

std::string answer_to(std::string_view text) {
    std::string upper(text);
    for (char& each : upper)
        each = static_cast<char>(each - 'a' + 'A');
    return upper;
}

task<> converse(performance& in, stream peer) {
    if (in.of.gathered) {
        in.gathered.push_back(&peer);
        if (in.gathered.size() == in.of.clients.size())
            for (stream* each : in.gathered) {
                task<> telling = each->write_message("all are here");
                co_await telling;
            }
    }
    while (const std::optional<std::string_view> message = co_await peer.read_message()) {
        const std::string answer = answer_to(*message);
        task<> answering = peer.write_message(answer);
        co_await answering;
    }
}

task<> say_all(const client_plan& plan, stream& peer, std::size_t& heard, std::string& got) {
    for (const piece& each : plan.pieces) {
        co_await peer.write(each.bytes);
        if (each.pause > duration::zero()) co_await sleep(each.pause);
        for (; heard < each.hear; ++heard) {
            const std::optional<std::string_view> reply = co_await peer.read_message();
            if (!reply) co_return;
            got += *reply;
        }
    }
}

task<> leave(const client_plan& plan, stream& peer, std::size_t& heard, std::string& got) {
    const bool ends_first = plan.how == leaving::half_close || plan.how == leaving::in_mid_message;
    if (ends_first) co_await peer.shutdown_write();
    // Before a reset everything has been heard, so that it destroys nothing.
    for (; ends_first || heard < plan.replies; ++heard) {
        const std::optional<std::string_view> reply = co_await peer.read_message();
        if (!reply) break;
        got += *reply;
    }
    if (plan.how == leaving::reset) co_return peer.abort();
    task<> closing = peer.close();
    co_await closing;
}

task<> perform(performance& in, std::size_t who, std::string host, std::uint16_t port) {
    const client_plan& plan = in.of.clients[who];
    std::string got;
    std::string end = "to its end";
    std::size_t heard = 0;
    try {
        client_options chosen;
        chosen.connect_timeout = 60s;
        chosen.stream.framing = in.of.how;
        host_port where{std::move(host), port};
        task<stream> connecting = connect(where, chosen);
        stream peer = co_await connecting;
        if (in.of.gathered) co_await peer.read_message();
        task<> saying = say_all(plan, peer, heard, got);
        co_await saying;
        task<> going = leave(plan, peer, heard, got);
        co_await going;
    } catch (const error& why) {
        end = why.code().message();
    }
    in.seen.clients[who] = digest(got) + ", " + end;
}

options options_of(const programme& of, server_events& events) {
    return {.host = "127.0.0.1",
            .port = 0,
            .framing = of.how,
            .drain_grace = duration::zero(),
            .events = &events};
}

handler handler_of(performance& in) {
    if (in.of.gathered) return [&in](stream peer) { return converse(in, std::move(peer)); };
    return [](std::string_view text, exchange& with) { with.reply(answer_to(text)); };
}

outcome on_real_sockets(const programme& of, engine which) {
    outcome seen;
    seen.clients.resize(of.clients.size());
    teller events(seen, of.clients.size());
    performance in{of, seen};
    const std::unique_ptr<loop> on = loop::create({.which = which});
    server stage(options_of(of, events), handler_of(in));
    events.stage = &stage;
    auto play = [&]() -> task<> {
        task_group all;
        all.spawn(stage.run_on(*on));
        const std::uint16_t port = stage.endpoints().front().port();
        for (std::size_t who = 0; who < of.clients.size(); ++who)
            all.spawn(perform(in, who, "127.0.0.1", port));
        task<> ended = all.join();
        co_await ended;
    };
    on->run(play());
    seen.counters = stage.counters();
    return seen;
}

outcome in_simulation(const programme& of, engine which, std::uint64_t seed) {
    outcome seen;
    seen.clients.resize(of.clients.size());
    teller events(seen, of.clients.size());
    performance in{of, seen};
    sim::world world({.seed = seed, .faults = sim::faults::swarm(seed, false)});
    sim::host& office = world.add_host("office", {.engine = which});
    sim::host& desk = world.add_host("desk", {.engine = which});
    options chosen = options_of(of, events);
    chosen.host = "office";
    chosen.port = 9999;
    server stage(chosen, handler_of(in));
    events.stage = &stage;
    office.spawn(stage.run_on(office.loop()));
    for (std::size_t who = 0; who < of.clients.size(); ++who)
        desk.spawn(perform(in, who, "office", 9999));
    world.run();
    world.expect_nothing_left();
    seen.counters = stage.counters();
    return seen;
}

void expect_same(const outcome& one, const outcome& other, const std::string& where) {
    EXPECT_EQ(one.clients, other.clients) << where;
    EXPECT_EQ(one.ends, other.ends) << where;
    EXPECT_EQ(one.counters.accepted, other.counters.accepted) << where;
    EXPECT_EQ(one.counters.closed, other.counters.closed) << where;
    // Weather may let accepting rest.
    for (std::size_t i = 0; i < limit_count; ++i) {
        const auto which = static_cast<limit>(i);
        if (which == limit::descriptors) continue;
        EXPECT_EQ(one.counters.of(which), other.counters.of(which)) << where << ", " << to_string(which);
    }
}

TEST(Differential, OneProgrammeOnEveryStageHasOneOutcome) {
    std::size_t conversations = 0;
    for (std::uint64_t seed = 1; seed <= 60 && !testing::Test::HasFailure(); ++seed) {
        const programme of = author(seed).write();
        const outcome on_uring = on_real_sockets(of, engine::automatic);
        const std::string name = "programme " + std::to_string(seed);
        expect_same(on_uring, on_real_sockets(of, engine::epoll), name + " on epoll");
        expect_same(on_uring, in_simulation(of, engine::uring, seed), name + " on simulated io_uring");
        expect_same(on_uring, in_simulation(of, engine::epoll, seed), name + " on simulated epoll");
        conversations += of.clients.size();
    }
    std::cout << conversations << " conversations on each of four stages\n";
}

}  // namespace
}  // namespace aperto
