// SPDX-License-Identifier: MIT
// examples/remote's conversation that outlives its connections, in simulated time, on each engine: whatever the network does, each
// message comes once and in order, both ways, and neither end keeps more than its window.
#include "../examples/remote/lasting.hpp"

#include "aperto/sim.hpp"
#include "aperto/sleep.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace aperto {
namespace {

using mischief = sim::check_options::mischief;
using remote::lasting;

constexpr int messages = 200;

/// "d", a number, and so many bytes more.
std::string numbered(int number) {
    std::string made = "d";
    remote::put(made, static_cast<std::uint64_t>(number));
    return made.append(static_cast<std::size_t>(number * 37 % 5000), 'x');
}

struct meeting {
    sim::world& world;
    std::unique_ptr<lasting> far{};
    int urgent = 0;
    int breaks = 0;
    bool over = false;
};

task<> say_all(lasting& link) {
    for (int number = 0; number < messages; ++number) {
        task<> sending = link.send(numbered(number));
        co_await sending;
        if (number % 10 == 0) link.send_urgent("Snow");
    }
}

task<> hear_all(meeting& at, lasting& link) {
    for (int number = 0; number < messages;) {
        task<std::string> receiving = link.receive();
        const std::string message = co_await receiving;
        if (message.starts_with('S')) continue;
        at.world.expect(message == numbered(number), "each comes once and in order");
        ++number;
        if (number % 50 == 0) co_await sleep(std::chrono::seconds(1));  // the other side has to wait
    }
    link.used();
}

task<> far_end(meeting& at) {
    at.far = std::make_unique<lasting>();
    at.far->on_urgent = [&at](remote::bytes) { ++at.urgent; };
    task<> saying = say_all(*at.far);
    task<> hearing = hear_all(at, *at.far);
    co_await all(std::move(saying), std::move(hearing));
    while (!at.over)
        co_await sleep(std::chrono::milliseconds(100));
}

task<> attend(meeting& at, stream peer) {
    const auto greeting = co_await peer.read_message();
    if (!greeting) co_return;
    remote::bytes rest = *greeting;
    const remote::place theirs = remote::take_place(rest);
    task<std::uint64_t> claiming = at.far->claim();
    const std::uint64_t claim = co_await claiming;
    std::string answer;
    remote::put(answer, at.far->received());
    task<> answering = peer.write_message(answer);
    co_await answering;
    task<> carrying = at.far->carry(peer, theirs, claim);
    co_await carrying;
}

task<> connect_once(lasting& link) {
    client_options how;
    how.stream = remote::stream_options();
    task<stream> connecting = connect("office:7022", how);
    stream peer = co_await connecting;
    std::string greeting;
    remote::put(greeting, link.received());
    task<> greeting_them = peer.write_message(greeting);
    co_await greeting_them;
    const auto answer = co_await peer.read_message();
    if (!answer) co_return;
    remote::bytes rest = *answer;
    const remote::place theirs = remote::take_place(rest);
    task<std::uint64_t> claiming = link.claim();
    const std::uint64_t claim = co_await claiming;
    task<> carrying = link.carry(peer, theirs, claim);
    co_await carrying;
}

task<> stay_connected(meeting& at, lasting& link) {
    while (!link.finishing()) {
        try {
            task<> connecting = connect_once(link);
            co_await connecting;
        } catch (const error&) {
            ++at.breaks;
        }
        if (!link.finishing()) co_await sleep(std::chrono::milliseconds(200));
    }
}

task<> talk_to_the_end(meeting& at, lasting& link) {
    task<> saying = say_all(link);
    task<> hearing = hear_all(at, link);
    co_await all(std::move(saying), std::move(hearing));
    while (!link.settled())
        co_await link.changed();
    link.finish();
}

task<> near_end(meeting& at, server& service) {
    lasting link;
    task<> connection = stay_connected(at, link);
    task<> talk = talk_to_the_end(at, link);
    co_await first(std::move(connection), std::move(talk));
    at.world.expect(at.urgent == messages / 10, "what is urgent comes once");
    at.over = true;
    service.stop();
}

bool all_is_heard(engine which, mischief chance, int& breaks) {
    return bool(sim::check({.seeds = 50, .chance = chance}, [which, chance, &breaks](sim::world& world) {
        sim::host& office = world.add_host("office", {.engine = which});
        sim::host& home = world.add_host("home", {.engine = which});
        meeting at{.world = world};
        const stream_options usual = remote::stream_options();
        server service({.host = "office",
                        .port = 7022,
                        .framing = usual.framing,
                        .max_message = usual.max_message,
                        .idle_timeout = usual.idle_timeout,
                        .message_deadline = usual.message_deadline,
                        .write_deadline = usual.write_deadline,
                        .handshake_deadline = usual.handshake_deadline,
                        .high_water = usual.high_water},
                       [&at](stream peer) { return attend(at, std::move(peer)); });
        office.spawn(far_end(at));
        office.spawn(service.run_on(office.loop()));
        home.spawn(near_end(at, service));
        world.run();
        breaks += at.breaks;
        world.expect(chance == mischief::breaking || at.breaks == 0, "what is not broken stays");
    }));
}

TEST(Lasting, OneConnectionIsEnough) {
    int breaks = 0;
    EXPECT_TRUE(all_is_heard(engine::uring, mischief::harmless, breaks));
    EXPECT_TRUE(all_is_heard(engine::epoll, mischief::harmless, breaks));
}

TEST(Lasting, WhateverBreaksEachMessageComesOnceAndInOrder) {
    int breaks = 0;
    EXPECT_TRUE(all_is_heard(engine::uring, mischief::breaking, breaks));
    EXPECT_TRUE(all_is_heard(engine::epoll, mischief::breaking, breaks));
    EXPECT_GT(breaks, 20);
}

}  // namespace
}  // namespace aperto
