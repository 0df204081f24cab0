// SPDX-License-Identifier: MIT
// Several addresses of one server.
#include "aperto/server.hpp"
#include "server/client.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace aperto {
namespace {

std::string echo(std::string_view message) { return std::string(message); }

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

}  // namespace
}  // namespace aperto
