// SPDX-License-Identifier: MIT
// Every option at the ends of its range, and just past them.
#include "aperto/server.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

namespace aperto {
namespace {

using namespace std::chrono_literals;

/// What `server` says of options that `change` made; empty where it takes them.
std::string complaint(const std::function<void(options&)>& change, std::string_view name) {
    options chosen;
    change(chosen);
    try {
        const server one(chosen, [](std::string_view text) { return std::string(text); });
        return {};
    } catch (const error& refused) {
        EXPECT_EQ(refused.code(), errc::malformed);
        EXPECT_TRUE(refused.whom().starts_with(std::string(name) + " = ")) << refused.whom();
        EXPECT_TRUE(refused.advice().starts_with(std::string(name) + " takes ")) << refused.advice();
        EXPECT_NE(std::string(refused.what()).find(refused.whom()), std::string::npos);
        return refused.advice();
    }
}

template <class Value>
void expect_range(std::string_view name, Value options::* option, std::initializer_list<Value> inside,
                  std::initializer_list<Value> outside) {
    const auto with = [&](Value value) {
        return complaint([&](options& chosen) { chosen.*option = value; }, name);
    };
    for (const Value each : inside)
        EXPECT_EQ(with(each), "") << name;
    for (const Value each : outside)
        EXPECT_NE(with(each), "") << name << ": a value outside its range was taken";
}

constexpr std::size_t connections_most = 10'000'000;
constexpr duration century = 24h * 365 * 100;

TEST(CheckOptions, CountsAndSizes) {
    expect_range<unsigned>("workers", &options::workers, {0, 1, 1024}, {1025, ~0U});
    expect_range<std::size_t>("max_message", &options::max_message, {1, no_limit}, {0});
    expect_range<std::size_t>("high_water", &options::high_water, {1, no_limit}, {0});
    expect_range<unsigned>("max_in_flight", &options::max_in_flight, {1, 65'536}, {0, 65'537});
    expect_range<std::size_t>("memory_budget", &options::memory_budget, {0, 65'536, no_limit}, {1, 65'535});
    expect_range<std::size_t>("max_connections", &options::max_connections,
                              {0, 1, connections_most, no_limit}, {connections_most + 1, no_limit - 1});
    expect_range<std::size_t>("max_connections_per_address", &options::max_connections_per_address,
                              {0, 1, connections_most, no_limit}, {connections_most + 1, no_limit - 1});
    const double infinite = std::numeric_limits<double>::infinity();
    expect_range<double>("accept_rate", &options::accept_rate, {0, 0.001, 1e7},
                         {-0.001, 1e7 + 1, infinite, -infinite, std::nan("")});
}

TEST(CheckOptions, TimesThatMustBeLongerThanNone) {
    for (const auto& [name, option] : {std::pair("idle_timeout", &options::idle_timeout),
                                       {"message_deadline", &options::message_deadline},
                                       {"write_deadline", &options::write_deadline},
                                       {"handshake_deadline", &options::handshake_deadline}})
        expect_range<duration>(name, option, {1us, century, forever},
                               {0ns, 999ns, -1ns, -century, century + 1ns, forever - 1ns});
}

TEST(CheckOptions, TimesThatMayBeNone) {
    for (const auto& [name, option] : {std::pair("drain_delay", &options::drain_delay),
                                       {"drain_grace", &options::drain_grace},
                                       {"drain_spread", &options::drain_spread},
                                       {"drain_deadline", &options::drain_deadline}})
        expect_range<duration>(name, option, {0ns, 1us, century, forever},
                               {999ns, -1ns, -century, century + 1ns, forever - 1ns});
}

TEST(CheckOptions, WhatASocketGets) {
    const auto with = [](std::string_view name, const auto& change) {
        return complaint([&](options& chosen) { change(chosen.socket); }, name);
    };
    for (const int taken : {1, std::numeric_limits<int>::max()})
        EXPECT_EQ(with("socket.backlog", [&](listen_options& of) { of.backlog = taken; }), "");
    for (const int refused : {0, -1})
        EXPECT_NE(with("socket.backlog", [&](listen_options& of) { of.backlog = refused; }), "");
    for (const duration taken : {duration(0ns), duration(1us), century, forever}) {
        EXPECT_EQ(with("socket.keepalive", [&](listen_options& of) { of.keepalive = taken; }), "");
        EXPECT_EQ(with("socket.user_timeout", [&](listen_options& of) { of.user_timeout = taken; }), "");
    }
    for (const duration refused : {duration(-1ns), duration(1ns), century + 1ns}) {
        EXPECT_NE(with("socket.keepalive", [&](listen_options& of) { of.keepalive = refused; }), "");
        EXPECT_NE(with("socket.user_timeout", [&](listen_options& of) { of.user_timeout = refused; }), "");
    }
}

TEST(CheckOptions, AHostWithANulIsNotTakenForWhatStandsBeforeIt) {
    const std::string host("127.0.0.1\0x", 11);
    const std::string said = complaint([&](options& chosen) { chosen.host = host; }, "host");
    EXPECT_EQ(said, "host takes a text without a NUL in it, not \"127.0.0.1\\x00x\"");
}

TEST(CheckOptions, TheDefaultsAndTheWordsOfARefusal) {
    EXPECT_EQ(complaint([](options&) {}, ""), "");
    EXPECT_EQ(complaint([](options& chosen) { chosen.workers = 2000; }, "workers"),
              "workers takes a whole number from 0 to 1024, not \"2000\"");
    EXPECT_EQ(complaint([](options& chosen) { chosen.high_water = 0; }, "high_water"),
              "high_water takes a size like 4096, 64KiB or 1MiB, at least 1, not \"0\"");
}

}  // namespace
}  // namespace aperto
