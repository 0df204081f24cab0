// SPDX-License-Identifier: MIT
// examples/broker, in simulated time, on each engine. Whatever the network does, a subscriber hears each message
// of its topics that was acknowledged, once and in order, and no other; or its connection has broken.
#include "../examples/broker.hpp"

#include "aperto/sim.hpp"
#include "aperto/sleep.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using mischief = sim::check_options::mischief;

constexpr int topic_count = 3;
constexpr int speakers = 2 * topic_count;
constexpr int messages_of_each = 40;
constexpr int messages_at_once = 20;
// Whatever the network loses and holds back, all has been heard by then.
constexpr auto a_while = 20s;

std::string field(const std::string& text) {
    return std::string{'\0', static_cast<char>(text.size())} + text;
}
std::string topic_of(int speaker) { return "house/" + std::to_string(speaker / 2) + "/light"; }

/// A filter, and the topics that are in it.
struct interest {
    std::string filter;
    std::array<bool, topic_count> wants;
};
const std::array interests{
    interest{"house/0/light", {true, false, false}}, interest{"house/1/#", {false, true, false}},
    interest{"house/+/light", {true, true, true}},   interest{"#", {true, true, true}},
    interest{"house/+", {false, false, false}},
};

struct meeting {
    sim::world& world;
    bool may_break;
    int coming = std::ssize(interests);  ///< who has not subscribed yet
    int talking = speakers;
    std::array<int, speakers> acknowledged{};
};

task<stream> join(meeting& at, std::string name) {
    task<stream> connecting = connect("office:1883");
    stream peer = co_await connecting;
    const std::string hello =
        broker::make(broker::connect, field("MQTT") + std::string("\4\2\0\0", 4) + field(name));
    co_await peer.write(hello);
    const auto welcome = co_await peer.read_exactly(4);
    if (!welcome) throw error(errc::cut_short, "join");
    at.world.expect(*welcome == std::string_view("\x20\2\0\0", 4), "everybody is welcome");
    co_return peer;
}

task<> subscribe(meeting& at, const interest& mine, stream& peer) {
    task<stream> joining = join(at, "");
    stream joined = co_await joining;
    const std::string wish =
        broker::make(broker::subscribe, std::string("\0\1", 2) + field(mine.filter) + '\0', 2);
    co_await joined.write(wish);
    const auto granted = co_await joined.read_exactly(5);
    if (!granted) throw error(errc::cut_short, "subscribe");
    at.world.expect(*granted == std::string_view("\x90\3\0\1\0", 5), "what one wants is granted");
    peer = std::move(joined);
}

/// Until the broker ends.
task<> hear(meeting& at, const interest& mine, stream& peer) {
    std::array<int, speakers> heard{};
    while (const auto packet = co_await peer.read_frame(broker::find_packet)) {
        broker::reader said(*packet);
        at.world.expect(said.first == broker::publish << 4, "messages come, and nothing else");
        const std::string topic(said.text());
        const int speaker = said.rest[0] - '0';
        at.world.expect(topic == topic_of(speaker) && mine.wants.at(static_cast<std::size_t>(speaker / 2)),
                        "nobody hears what is not for him");
        const int number = heard.at(static_cast<std::size_t>(speaker))++;
        at.world.expect(said.rest.substr(1) == " says " + std::to_string(number),
                        "each message once, in order");
    }
    for (std::size_t speaker = 0; speaker < speakers; ++speaker)
        at.world.expect(heard[speaker] >= (mine.wants[speaker / 2] ? at.acknowledged[speaker] : 0),
                        "every message is heard");
}

task<> speak(meeting& at, int speaker) {
    task<stream> joining = join(at, "speaker " + std::to_string(speaker));
    stream peer = co_await joining;
    while (at.coming > 0)
        co_await sleep(100ms);
    const std::string farewell = broker::make(broker::disconnect, {});
    int& acknowledged = at.acknowledged.at(static_cast<std::size_t>(speaker));
    for (int number = 0; number < messages_of_each; ++number) {
        const std::string text = std::to_string(speaker) + " says " + std::to_string(number);
        const std::string id{'\1', static_cast<char>(number)};
        const std::string packet = broker::make(broker::publish, field(topic_of(speaker)) + id + text, 2);
        co_await peer.write(packet);
        if (number + 1 == messages_of_each) co_await peer.write(farewell);
        while (number % messages_at_once == messages_at_once - 1 && acknowledged <= number) {
            const auto answer = co_await peer.read_exactly(4);
            if (!answer) throw error(errc::cut_short, "speak");
            const std::string expected =
                broker::make(broker::puback, std::string{'\1', static_cast<char>(acknowledged++)});
            at.world.expect(*answer == expected, "each message is acknowledged, in order");
        }
    }
    const auto end = co_await peer.read_some();
    at.world.expect(!end, "who takes his leave is let go");
}

task<> unless_it_breaks(meeting& at, task<> talk) {
    try {
        co_await talk;
    } catch (const error& broken) {
        at.world.expect(at.may_break, broken.what());
    }
}

task<> listener(meeting& at, const interest& mine) {
    stream peer;
    task<> subscribing = unless_it_breaks(at, subscribe(at, mine, peer));
    co_await subscribing;
    --at.coming;
    if (!peer) co_return;
    task<> hearing = unless_it_breaks(at, hear(at, mine, peer));
    co_await hearing;
}

task<> speaker(meeting& at, int number) {
    task<> speaking = unless_it_breaks(at, speak(at, number));
    co_await speaking;
    --at.talking;
}

task<> stop_when_all_is_said(meeting& at, server& service) {
    while (at.talking > 0)
        co_await sleep(100ms);
    co_await sleep(a_while);
    service.stop();
}

bool everybody_hears(engine which, mischief chance) {
    return bool(sim::check({.seeds = 100, .chance = chance}, [which, chance](sim::world& world) {
        sim::host& office = world.add_host("office", {.engine = which});
        sim::host& home = world.add_host("home");
        broker::topics all;
        server service({.host = "office", .port = 1883, .idle_timeout = forever},
                       [&all](stream peer) { return broker::serve(std::move(peer), all); });
        office.spawn(service.run_on(office.loop()));
        meeting at{.world = world, .may_break = chance == mischief::breaking};
        for (const interest& each : interests)
            home.spawn(listener(at, each));
        for (int number = 0; number < speakers; ++number)
            home.spawn(speaker(at, number));
        home.spawn(stop_when_all_is_said(at, service));
        world.run();
    }));
}

TEST(Broker, WhoSubscribesHearsEveryMessageInOrder) {
    EXPECT_TRUE(everybody_hears(engine::uring, mischief::harmless));
    EXPECT_TRUE(everybody_hears(engine::epoll, mischief::harmless));
}

TEST(Broker, WhereConnectionsBreakTheOthersHearAllTheSame) {
    EXPECT_TRUE(everybody_hears(engine::uring, mischief::breaking));
    EXPECT_TRUE(everybody_hears(engine::epoll, mischief::breaking));
}

}  // namespace
}  // namespace aperto
