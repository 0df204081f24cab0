// SPDX-License-Identifier: MIT
// Every option of a client, and of a stream, at the ends of its range, and just past them.
#include "aperto/client.hpp"
#include "aperto/listener.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace aperto {
namespace {

using namespace std::chrono_literals;

constexpr duration century = 24h * 365 * 100;

std::string refusal_of(const std::function<void()>& trial, const std::string& name) {
    try {
        trial();
    } catch (const error& why) {
        if (why.code() == std::errc::connection_refused) return {};  // the options were taken
        EXPECT_EQ(why.code(), errc::malformed) << why.what();
        EXPECT_TRUE(why.whom().starts_with(name + " = ")) << why.whom();
        EXPECT_TRUE(why.advice().starts_with(name + " takes ")) << why.advice();
        return why.advice();
    }
    return {};
}

/// What `connect` says of options that `change` made, where nobody listens; empty where it takes them.
std::string complaint(const std::string& name, const std::function<void(client_options&)>& change) {
    client_options chosen;
    change(chosen);
    const auto loop = loop::create({.which = engine::epoll});
    return refusal_of([&] { loop->run(connect(host_port{"127.0.0.1", 1}, chosen)); }, name);
}

struct timed_option {
    const char* name;
    std::function<void(client_options&, duration)> set;
    bool zero_allowed;
};

TEST(CheckClientOptions, Times) {
    const std::vector<timed_option> all{
        {"attempt_delay", [](client_options& of, duration to) { of.attempt_delay = to; }, true},
        {"resolution_delay", [](client_options& of, duration to) { of.resolution_delay = to; }, true},
        {"connect_timeout", [](client_options& of, duration to) { of.connect_timeout = to; }, false},
        {"reply_deadline", [](client_options& of, duration to) { of.reply_deadline = to; }, false},
        {"quiet", [](client_options& of, duration to) { of.quiet = to; }, false},
        {"socket.keepalive", [](client_options& of, duration to) { of.socket.keepalive = to; }, true},
        {"socket.user_timeout", [](client_options& of, duration to) { of.socket.user_timeout = to; }, true},
        {"stream.idle_timeout", [](client_options& of, duration to) { of.stream.idle_timeout = to; }, false},
        {"stream.handshake_deadline",
         [](client_options& of, duration to) { of.stream.handshake_deadline = to; }, false},
        {"stream.message_deadline", [](client_options& of, duration to) { of.stream.message_deadline = to; },
         false},
        {"stream.write_deadline", [](client_options& of, duration to) { of.stream.write_deadline = to; },
         false},
        {"stream.close_deadline", [](client_options& of, duration to) { of.stream.close_deadline = to; },
         true},
    };
    for (const timed_option& each : all) {
        const auto with = [&each](duration to) {
            return complaint(each.name, [&](client_options& of) { each.set(of, to); });
        };
        // Of the shortest connect_timeout nobody can tell whether it passes before the refusal.
        for (const duration taken : {duration(10s), century, forever})
            EXPECT_EQ(with(taken), "") << each.name;
        for (const duration refused : {duration(-1ns), duration(1ns), -century, century + 1ns, forever - 1ns})
            EXPECT_NE(with(refused), "") << each.name;
        EXPECT_EQ(with(0ns).empty(), each.zero_allowed) << each.name;
    }
}

TEST(CheckClientOptions, Sizes) {
    for (const auto& [name, option] : {std::pair("stream.max_message", &stream_options::max_message),
                                       {"stream.high_water", &stream_options::high_water}}) {
        EXPECT_EQ(complaint(name, [option](client_options& of) { of.stream.*option = 1; }), "");
        EXPECT_EQ(complaint(name, [option](client_options& of) { of.stream.*option = 0; }),
                  std::string(name) + " takes a size like 4096, 64KiB or 1MiB, at least 1, not \"0\"");
    }
}

TEST(CheckClientOptions, AskHoldsToThem) {
    // Those that its one deadline replaces, too.
    EXPECT_NE(
        refusal_of([] { ask("127.0.0.1:1", "x", {.stream = {.idle_timeout = 0s}}); }, "stream.idle_timeout"),
        "");
    EXPECT_NE(refusal_of([] { ask("127.0.0.1:1", "x", {.reply_deadline = -1s}); }, "reply_deadline"), "");
}

TEST(CheckClientOptions, AListenerHoldsToThoseOfItsStreams) {
    const auto listen = []() -> task<> {
        const listener door(endpoint::parse("127.0.0.1:0"), {}, {.high_water = 0});
        co_return;
    };
    const auto loop = loop::create({.which = engine::epoll});
    EXPECT_NE(refusal_of([&] { loop->run(listen()); }, "high_water"), "");
}

}  // namespace
}  // namespace aperto
