// SPDX-License-Identifier: MIT
// A server on a loop of the caller's, ended by other means than `stop`.
#include "aperto/client.hpp"
#include "aperto/group.hpp"
#include "aperto/server.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

namespace aperto {
namespace {

options on_loopback() { return {.host = "127.0.0.1", .port = 0}; }
void echo(std::string_view message, exchange& with) { with.reply(message); }

/// A client that has been answered once, and stays.
task<stream> answered_client(server& by) {
    task<stream> connecting = connect(host_port{"127.0.0.1", by.endpoints().front().port()});
    stream peer = co_await connecting;
    co_await peer.write("hello");
    co_await peer.read_some();
    co_return peer;
}

TEST(RunOn, EndsWithItsClientsWhenItsTaskIsCancelled) {
    const std::unique_ptr<loop> on = loop::create();
    server serving(on_loopback(), &echo);
    auto story = [&]() -> task<> {
        task_group group;
        group.spawn(serving.run_on(*on));
        task<stream> asking = answered_client(serving);
        stream client = co_await asking;
        group.cancel();
        task<> joining = group.join();
        co_await joining;
        EXPECT_EQ(serving.connections(), 0u);
    };
    on->run(story());
}

TEST(RunOn, MayBeDroppedByItsLoopAfterTheServerHasGone) {
    const std::unique_ptr<loop> on = loop::create();
    server serving(on_loopback(), &echo);
    on->spawn(serving.run_on(*on));
    auto story = [&]() -> task<> {
        task<stream> asking = answered_client(serving);
        const stream client = co_await asking;
    };
    on->run(story());
}

}  // namespace
}  // namespace aperto
