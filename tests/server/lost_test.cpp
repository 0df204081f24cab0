// SPDX-License-Identifier: MIT
// A client to which no way leads any more, as the kernel tells it.
#include "aperto/server.hpp"
#include "server/client.hpp"
#include "server/recorder.hpp"
#include "support/own_network.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace aperto {
namespace {

using namespace std::chrono_literals;

class lost_on : public testing::TestWithParam<engine> {};

INSTANTIATE_TEST_SUITE_P(engines, lost_on, testing::Values(engine::uring, engine::epoll),
                         [](const auto& each) { return std::string(to_string(each.param)); });

/// The network goes between a question and its answer.
void serve_one_and_cut(recorder& seen, server& serving) {
    serving.start();
    plain_client client(serving.endpoints().front());
    client.send("x");
    seen.wait_for_ends(1);
    client.reset();
}

TEST_P(lost_on, a_connection_that_the_kernel_gives_up_is_struck_by_no_deadline) {
    recorder seen;
    bool possible = false;
    server_counters counted;
    std::thread elsewhere([&] {
        possible = own_network::enter();
        if (!possible) return;
        options chosen{.host = "127.0.0.1", .port = 0, .workers = 1, .engine = GetParam(), .events = &seen};
        chosen.socket.user_timeout = 500ms;
        server serving(chosen, [](std::string_view message) {
            own_network::set_loopback(false);
            return message;
        });
        serve_one_and_cut(seen, serving);
        counted = serving.counters();
    });
    elsewhere.join();
    if (!possible) GTEST_SKIP() << "a network namespace needs privileges";
    const recorder::end how = seen.wait_for_ends(1)[0];
    EXPECT_EQ(how.reason, close_reason::lost) << to_string(how.reason) << ": " << how.tried;
    for (const limit each : {limit::idle_timeout, limit::message_deadline, limit::write_deadline})
        EXPECT_EQ(counted.of(each), 0U) << to_string(each);
}

}  // namespace
}  // namespace aperto
