// SPDX-License-Identifier: MIT
// A client that has gone before it was accepted is no failure of the listener: accept(2), "Error handling".
#include "io/seam.hpp"

#include <cerrno>

namespace aperto::seam {
namespace {

class AcceptClient : public testing::TestWithParam<engine> {
protected:
    AcceptClient() {
        world.add_rule([this](const sim::event& of) {
            if (of.what != sim::happening::accept || calls == failing) return sim::verdict::pass();
            ++calls;
            return sim::verdict::fail(code);
        });
    }
    /// The next so many calls of accept fail.
    void fail(int times, int why) {
        calls = 0;
        failing = times;
        code = why;
    }
    static task<> connect_and_accept(loop& here, int& result) {
        const socket_id door = listen_on_loopback(here);
        connecting out(here, here.local(door));
        EXPECT_EQ(co_await out, 0);
        accepting in(here, door);
        result = co_await in;
        here.close(in.accepted);
        here.close(out.connected);
        here.close(door);
    }

    sim::world world;
    loop& on = world.add_host("here", {.engine = GetParam()}).loop();
    int calls = 0;
    int failing = 0;
    int code = 0;
};

TEST_P(AcceptClient, PassesOverThoseThatHaveGoneAndGivesTheNext) {
    for (const int why : {ECONNABORTED, EPROTO, EHOSTUNREACH, EPERM, EINTR}) {
        fail(3, why);
        int result = -1;
        on.spawn(connect_and_accept(on, result));
        world.run();
        EXPECT_EQ(result, 0) << why;
        EXPECT_EQ(calls, 3) << why;
    }
}

TEST_P(AcceptClient, GivesTheReasonWhereEveryOneIsRefused) {
    fail(1000, EPERM);
    int result = 0;
    on.spawn(connect_and_accept(on, result));
    world.run();
    EXPECT_EQ(result, -EPERM);
    EXPECT_EQ(calls, 16) << "no more at once than may have gone in a moment";
}

TEST_P(AcceptClient, GivesAtOnceWhatConcernsTheListener) {
    fail(1000, EMFILE);
    int result = 0;
    on.spawn(connect_and_accept(on, result));
    world.run();
    EXPECT_EQ(result, -EMFILE);
    EXPECT_EQ(calls, 1);
}

INSTANTIATE_TEST_SUITE_P(Engines, AcceptClient, testing::Values(engine::uring, engine::epoll),
                         [](const auto& each) { return std::string(to_string(each.param)); });

}  // namespace
}  // namespace aperto::seam
