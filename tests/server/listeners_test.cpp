// SPDX-License-Identifier: MIT
// Several addresses of one server.
#include "aperto/server.hpp"
#include "server/client.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <thread>

namespace aperto {
namespace {

std::string echo(std::string_view message) { return std::string(message); }

/// A limit is counted as its connection ends, which its client may see a moment before.
bool comes_true(const std::function<bool()>& what) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!what() && std::chrono::steady_clock::now() < until)
        std::this_thread::yield();
    return what();
}

TEST(Listeners, AServerAnswersAtEachOfItsAddressesOnEachWorker) {
    std::string name = testing::TempDir() + "listenersXXXXXX";
    const std::filesystem::path folder = ::mkdtemp(name.data());
    for (const unsigned workers : {1U, 3U}) {
        const options chosen{
            .host = "127.0.0.1",
            .port = 0,
            .also_listen = {"127.0.0.2", "unix:" + (folder / "chat.sock").string(), "[::1]:0"},
            .workers = workers};
        server serving(chosen, echo);
        serving.start();
        ASSERT_EQ(serving.endpoints().size(), 4U);
        for (const endpoint& where : serving.endpoints())
            for (int i = 0; i < 6; ++i) {
                plain_client client(where);
                ASSERT_TRUE(client.connected()) << where.to_string();
                EXPECT_EQ(client.send("hello").receive(5), "hello") << where.to_string();
            }
        serving.stop();
        serving.wait();
        EXPECT_TRUE(std::filesystem::is_empty(folder)) << "the socket's file is left behind";
    }
    std::filesystem::remove_all(folder);
}

TEST(Listeners, TheLimitsCountOverAllOfThem) {
    const options chosen{.host = "127.0.0.1",
                         .port = 0,
                         .also_listen = {"127.0.0.2"},
                         .workers = 1,
                         .max_connections_per_address = 1};
    server serving(chosen, echo);
    serving.start();
    plain_client first(serving.endpoints()[0], "127.0.0.3");
    EXPECT_EQ(first.send("a").receive(1), "a");
    plain_client second(serving.endpoints()[1], "127.0.0.3");
    EXPECT_EQ(second.send("b").receive_all(), "");
    EXPECT_EQ(serving.counters().of(limit::max_connections_per_address), 1U);
}

TEST(Listeners, WhatIsNoAddressIsRefusedBeforeTheStart) {
    EXPECT_THROW(server({.also_listen = {"127.0.0.1:port"}}, echo), error);
}

TEST(Listeners, EachHasTheLimitsThatItSaysAndTheServersOtherwise) {
    listen_place brief("127.0.0.2");
    brief.max_message = 4;
    brief.message_deadline = std::chrono::milliseconds(50);
    const options chosen{
        .host = "127.0.0.1", .port = 0, .also_listen = {brief}, .workers = 1, .framing = framing::line};
    server serving(chosen, echo);
    serving.start();
    plain_client first(serving.endpoints()[0]);
    plain_client second(serving.endpoints()[1]);
    EXPECT_EQ(first.send("12345\n").receive(6), "12345\n");
    EXPECT_EQ(second.send("12345\n").receive_all(), "");
    EXPECT_TRUE(comes_true([&] { return serving.counters().of(limit::max_message) == 1; }));
    plain_client third(serving.endpoints()[1]);
    EXPECT_EQ(third.send("1").receive_all(), "");
    EXPECT_TRUE(comes_true([&] { return serving.counters().of(limit::message_deadline) == 1; }));
    EXPECT_EQ(first.send("end\n").receive(4), "end\n");
}

TEST(Listeners, ManyAtOneLeaveRoomAtAnother) {
    for (const unsigned workers : {1U, 3U}) {
        listen_place small("127.0.0.2");
        small.max_connections = 1;
        const options chosen{.host = "127.0.0.1", .port = 0, .also_listen = {small}, .workers = workers};
        server serving(chosen, echo);
        serving.start();
        std::optional<plain_client> first(std::in_place, serving.endpoints()[1]);
        EXPECT_EQ(first->send("a").receive(1), "a");
        plain_client waits(serving.endpoints()[1]);  // in the kernel's queue
        waits.send("b");
        plain_client elsewhere(serving.endpoints()[0]);
        EXPECT_EQ(elsewhere.send("c").receive(1), "c");
        EXPECT_EQ(serving.connections(), 2U);
        first.reset();
        EXPECT_EQ(waits.receive(1), "b");
    }
}

TEST(Listeners, AProxyIsBelievedWhereItIsNamed) {
    listen_place behind("127.0.0.2");
    behind.proxy_from = {cidr::parse("127.0.0.0/8")};
    const options chosen{.host = "127.0.0.1", .port = 0, .also_listen = {behind}, .workers = 1};
    server serving(chosen, [](std::string_view, exchange& with) { with.reply(with.remote().to_string()); });
    serving.start();
    plain_client proxied(serving.endpoints()[1]);
    EXPECT_EQ(proxied.send("PROXY TCP4 192.0.2.7 192.0.2.8 1234 80\r\nwho").receive(14), "192.0.2.7:1234");
    plain_client direct(serving.endpoints()[0]);
    EXPECT_EQ(direct.send("PROXY").receive(10), "127.0.0.1:");
}

TEST(Listeners, AUnixSocketIsForWhomItsModeNamesAndTellsWhoConnects) {
    std::string name = testing::TempDir() + "listenersXXXXXX";
    const std::filesystem::path folder = ::mkdtemp(name.data());
    const std::string path = (folder / "chat.sock").string();
    options chosen{.host = "unix:" + path, .workers = 2};
    chosen.socket.unix_mode = 0620;
    server serving(chosen, [](std::string_view, exchange& with) {
        const std::optional<peer_process> who = with.facts().process;
        with.reply(who ? std::to_string(who->process) + ' ' + std::to_string(who->user) : "nobody");
    });
    serving.start();
    EXPECT_EQ(std::filesystem::status(path).permissions(), static_cast<std::filesystem::perms>(0620));
    const std::string expected = std::to_string(::getpid()) + ' ' + std::to_string(::getuid());
    plain_client client(serving.endpoints().front());
    EXPECT_EQ(client.send("who").receive(expected.size()), expected);
    options stranger{.host = "unix:" + (folder / "other.sock").string()};
    stranger.socket.unix_group = "no-such-group";
    EXPECT_THROW(server(stranger, echo).start(), error);
    EXPECT_FALSE(std::filesystem::exists(folder / "other.sock"));
    serving.stop();
    serving.wait();
    std::filesystem::remove_all(folder);
}

TEST(Listeners, ALimitOfOneThatIsNoneIsRefusedByItsName) {
    listen_place wrong("127.0.0.1:1");
    wrong.max_connections = 0;
    try {
        const server serving({.also_listen = {wrong}}, echo);
        FAIL() << "0 was taken";
    } catch (const error& refused) {
        EXPECT_NE(std::string(refused.what()).find("also_listen.max_connections"), std::string::npos)
            << refused.what();
    }
}

}  // namespace
}  // namespace aperto
