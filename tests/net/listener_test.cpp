// SPDX-License-Identifier: MIT
#include "aperto/listener.hpp"

#include "aperto/choice.hpp"
#include "aperto/resolve.hpp"
#include "aperto/sleep.hpp"
#include "net/duet.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using namespace duet;

class Listener : public StreamTest {};
class Resolve : public StreamTest {};
INSTANTIATE_TEST_SUITE_P(Engines, Listener, testing::Values(engine::uring, engine::epoll), engine_name);
INSTANTIATE_TEST_SUITE_P(Engines, Resolve, testing::Values(engine::uring, engine::epoll), engine_name);

const std::vector<std::string> loopbacks{"127.0.0.1", "::1"};
const std::vector<std::string> numeric_texts{"192.0.2.7:80", "[2001:db8::7]:80", "[fe80::1%lo]:80"};
const std::vector<std::string> no_names{"sala-3.invalid", "", "not a name", "fe80::1%no-such-link"};

TEST_P(Listener, TakesAFreePortAndClientsOfBothFamilies) {
    const auto story = []() -> task<> {
        listener door(endpoint::any(0));
        const std::uint16_t port = door.local().port();
        EXPECT_NE(port, 0);
        for (const std::string& address : loopbacks) {
            const plain_socket client(*endpoint::from_address(address, port));
            const stream server = co_await door.accept();
            EXPECT_EQ(server.remote().address(), address) << "an IPv4 client is no mapped one";
            EXPECT_EQ(server.local().port(), port);
        }
    };
    play(story());
}

TEST_P(Listener, SaysThatAPortIsTaken) {
    const auto story = []() -> task<> {
        const listener first(endpoint::parse("127.0.0.1:0"));
        try {
            const listener second(first.local());
            ADD_FAILURE() << "two listen on " << first.local().to_string();
        } catch (const error& why) {
            EXPECT_EQ(why.code(), std::errc::address_in_use);
            EXPECT_NE(why.whom().find(std::to_string(first.local().port())), std::string::npos) << why.what();
        }
        co_return;
    };
    play(story());
}

TEST_P(Listener, KeepsItsClientsWhenItMoves) {
    const auto story = []() -> task<> {
        listener first(endpoint::parse("127.0.0.1:0"));
        const plain_socket client(first.local());
        listener moved = std::move(first);
        EXPECT_FALSE(first.local());  // NOLINT(bugprone-use-after-move): that it holds nothing is the point
        listener again(endpoint::parse("127.0.0.1:0"));
        again = std::move(moved);
        const stream server = co_await again.accept();
        EXPECT_TRUE(server);
    };
    play(story());
}

TEST_P(Listener, AcceptsOnAfterAWaitThatWasCancelled) {
    const auto story = []() -> task<> {
        listener door(endpoint::parse("127.0.0.1:0"));
        const auto accept_one = [](listener& from) -> task<> { co_await from.accept(); };
        task<std::error_code> waiting = failure_of(with_timeout(5ms, accept_one(door)));
        EXPECT_EQ(co_await waiting, std::errc::timed_out);
        plain_socket client(door.local());
        client.send("still there?");
        stream server = co_await door.accept();
        EXPECT_EQ(co_await server.read_some(), "still there?");
    };
    play(story());
}

TEST_P(Listener, LetsGoOfWhomItAcceptedForNobody) {
    const auto story = []() -> task<> {
        std::optional<listener> door(std::in_place, endpoint::parse("127.0.0.1:0"));
        plain_socket first(door->local());
        const stream taken = co_await door->accept();
        // io_uring goes on accepting by itself.
        std::vector<plain_socket> others;
        for (int i = 0; i < 5; ++i)
            others.emplace_back(door->local());
        co_await sleep(20ms);
        door.reset();
        co_await sleep(20ms);
        for (plain_socket& each : others) {
            each.take();
            EXPECT_NE(each.failure(), EAGAIN) << "nobody has it, and yet it is open";
        }
    };
    play(story());
}

TEST_P(Resolve, MayBeLeftWithItsLoop) {
    // The name service answers when the loop has gone; what it is asked through must not be the loop's.
    for (int i = 0; i < 20; ++i) {
        std::unique_ptr<loop> brief = loop::create({.which = GetParam()});
        const auto ask = [](loop& of) -> task<> {
            const auto look = []() -> task<> {
                task<std::vector<endpoint>> resolving = resolve({"localhost", 1});
                co_await resolving;
            };
            of.spawn(look());
            co_await sleep(1ms);
            of.stop();
        };
        brief->spawn(ask(*brief));
        brief->run();
        brief.reset();
    }
}

TEST_P(Resolve, AnswersANumericAddressAtOnce) {
    const auto story = []() -> task<> {
        const std::uint64_t turn_before = loop::current().turn();
        for (const std::string& text : numeric_texts) {
            const endpoint numeric = endpoint::parse(text);
            task<std::vector<endpoint>> resolving = resolve({numeric.address(), numeric.port()});
            const std::vector<endpoint> found = co_await resolving;
            EXPECT_EQ(found.size(), 1u);
            EXPECT_EQ(found.front(), numeric);
        }
        EXPECT_EQ(loop::current().turn(), turn_before) << "no helper thread was asked";
    };
    play(story());
}

TEST_P(Resolve, FindsThisMachineWithThePortThatWasAskedFor) {
    const auto story = []() -> task<> {
        task<std::vector<endpoint>> resolving = resolve({"localhost", 9999});
        const std::vector<endpoint> found = co_await resolving;
        EXPECT_FALSE(found.empty());
        for (const endpoint& each : found) {
            EXPECT_TRUE(each.is_loopback()) << each.to_string();
            EXPECT_EQ(each.port(), 9999);
            EXPECT_EQ(std::count(found.begin(), found.end(), each), 1) << "once";
        }
    };
    play(story());
}

TEST_P(Resolve, SaysThatANameDoesNotExist) {
    const auto story = []() -> task<> {
        const auto look_up = [](host_port where) -> task<> {
            task<std::vector<endpoint>> resolving = resolve(std::move(where));
            co_await resolving;
        };
        for (const std::string& name : no_names) {
            task<std::error_code> failing = failure_of(look_up({name, 1}));
            const std::error_code code = co_await failing;
            // A machine without a name service cannot know.
            EXPECT_TRUE(code == errc::name_not_found || code == errc::name_try_again)
                << name << ": " << code.message();
        }
    };
    play(story());
}

}  // namespace
}  // namespace aperto
