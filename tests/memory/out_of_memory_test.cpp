// SPDX-License-Identifier: MIT
// Memory runs out, once, at every place where serving a connection takes some: the connection may end, the
// server may not, and nothing is left behind.
#include "aperto/client.hpp"
#include "aperto/server.hpp"
#include "aperto/sim.hpp"
#include "failing_memory.hpp"
#include "server/client.hpp"
#include "tls/both_sides.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace aperto {
namespace {

/// Larger than a buffer of the loop's, so that a message is put together from parts.
constexpr std::size_t long_line = 100'000;
/// Past the high-water mark, so that replies wait.
constexpr std::size_t long_reply = 600'000;

enum class form : std::uint8_t { messages, session };

std::string reply_to(std::string_view line) {
    return line == "much" ? std::string(long_reply, 'm') : std::string(line);
}

task<> converse(stream peer) {
    while (const std::optional<std::string_view> line = co_await peer.read_line()) {
        const std::string reply = reply_to(*line);
        co_await peer.write(reply);
        co_await peer.write("\n");
    }
}

server make_server(form how, std::string host, std::shared_ptr<transport> sealed = {}) {
    options chosen{.host = std::move(host), .port = 0, .framing = framing::line};
    chosen.transport = std::move(sealed);
    chosen.socket.keepalive = duration::zero();
    if (how == form::session) return {std::move(chosen), &converse};
    return {std::move(chosen), [](std::string_view line, exchange& with) { with.reply(reply_to(line)); }};
}

/// A whole conversation; whether every answer came.
task<bool> talk(host_port to, std::shared_ptr<transport> sealed = {}) {
    client_options how;
    how.stream.transport = std::move(sealed);
    task<stream> connecting = connect(to, how);
    stream peer = co_await connecting;
    co_await peer.write("one\ntwo\nthree\n");
    for (const std::string_view expected : {"one", "two", "three"}) {
        const std::optional<std::string_view> line = co_await peer.read_line();
        if (line != expected) co_return false;
    }
    const std::string much(long_line, 'x');
    co_await peer.write(much);
    co_await peer.write("\n");
    const std::optional<std::string_view> back = co_await peer.read_line();
    if (back != much) co_return false;
    co_await peer.write("much\nmuch\n");
    for (int i = 0; i < 2; ++i) {
        const std::optional<std::string_view> line = co_await peer.read_line();
        if (!line || line->size() != long_reply) co_return false;
    }
    co_await peer.close();
    co_return true;
}

/// As `talk`, for a run in which memory may fail: what fails, fails by an exception or an end.
template <class Run>
bool survives(Run&& run) {
    try {
        return run();
    } catch (const error&) {
        return false;
    } catch (const std::bad_alloc&) {
        return false;
    } catch (const sim::failure& why) {
        ADD_FAILURE() << why.what();
        return false;
    }
}

std::size_t descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/fd"))
        ++count;
    return count;
}

/// Calls `attempt(n)` for n = 1, 2, … until nothing failed in it; each on a thread of its own, whose stores
/// of frames and buffers begin empty. Gives the last n.
std::size_t for_every_allocation(const std::function<void(std::size_t)>& attempt) {
    const auto on_a_thread = [&](std::size_t which) {
        std::thread([&] { attempt(which); }).join();
        return memory::stop_failing();
    };
    on_a_thread(1'000'000);  // what the process makes once
    const std::size_t blocks = memory::blocks();
    const std::size_t open = descriptors();
    for (std::size_t which = 1; which < 10'000; ++which) {
        const bool failed = on_a_thread(which);
        EXPECT_EQ(memory::blocks(), blocks) << "blocks are left, where allocation " << which << " fails";
        EXPECT_EQ(descriptors(), open) << "descriptors are left, where allocation " << which << " fails";
        if (!failed) return which;
        if (testing::Test::HasFailure()) {
            ADD_FAILURE() << "allocation " << which << " failed";
            return which;
        }
    }
    ADD_FAILURE() << "no run was without a failure";
    return 0;
}

// ---- a message in its frame

TEST(OutOfMemoryWriting, AMessageIsWrittenWholeOrNotAtAll) {
    const std::size_t runs = for_every_allocation([](std::size_t which) {
        const std::unique_ptr<loop> on = loop::create({.which = engine::epoll});
        on->run([](std::size_t failing) -> task<> {
            stream_options options;
            options.framing = framing::length;
            auto [one, other] = stream::pair(options);
            const std::string message(8000, 'm');
            bool written = false;
            memory::fail_at(failing);
            try {
                co_await one.write_message(message);
                written = true;
            } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): nothing of it is to come
            }
            memory::stop_failing();
            co_await one.write_message("and another");
            if (written) {
                EXPECT_EQ(co_await other.read_message(), message);
            }
            EXPECT_EQ(co_await other.read_message(), "and another");
        }(which));
    });
    EXPECT_GT(runs, 2u);
}

// ---- a server and its clients on one loop

struct setting {
    engine which;
    form how;
    bool sealed = false;  ///< by TLS
};

class OutOfMemory : public testing::TestWithParam<setting> {
protected:
    void SetUp() override {
        try {
            loop::create({.which = GetParam().which});
        } catch (const error& refused) {
            GTEST_SKIP() << refused.what();
        }
    }
    std::unique_ptr<loop> make_loop() const { return loop::create({.which = GetParam().which}); }
    server make() const {
        return make_server(GetParam().how, "127.0.0.1", GetParam().sealed ? tls_.server : nullptr);
    }
    static host_port door(const server& of) { return {"127.0.0.1", of.endpoints().front().port()}; }
    task<bool> talk_to(const server& of) const {
        return talk(door(of), GetParam().sealed ? tls_.client : nullptr);
    }
    tls::both_sides tls_;
};

TEST_P(OutOfMemory, EndsAConnectionAndNotTheServer) {
    const std::size_t runs = for_every_allocation([this](std::size_t which) {
        const std::unique_ptr<loop> on = make_loop();
        server serving = make();
        on->spawn(serving.run_on(*on));
        memory::fail_at(which);
        survives([&] { return on->run(talk_to(serving)); });
        memory::stop_failing();
        EXPECT_TRUE(on->run(talk_to(serving))) << "the next client is served";
        serving.stop();
        on->run();
        EXPECT_EQ(serving.connections(), 0u);
        const loop::census left = on->count();
        EXPECT_EQ(left.sockets, 0u);
        EXPECT_EQ(left.lent_buffers, 0u);
        EXPECT_EQ(left.tasks, 0u);
    });
    std::printf("%zu allocations\n", runs - 1);
    EXPECT_GT(runs, 10u);
}

TEST_P(OutOfMemory, AtStartIsAnException) {
    const std::size_t runs = for_every_allocation([this](std::size_t which) {
        memory::fail_at(which);
        survives([&] {
            const std::unique_ptr<loop> on = make_loop();
            server serving = make();
            on->spawn(serving.run_on(*on));
            memory::stop_failing();
            serving.stop();
            on->run();
            return true;
        });
    });
    EXPECT_GT(runs, 10u);
}

TEST_P(OutOfMemory, DoesNotKeepTheServerFromItsEnd) {
    for_every_allocation([this](std::size_t which) {
        const std::unique_ptr<loop> on = make_loop();
        server serving = make();
        on->spawn(serving.run_on(*on));
        EXPECT_TRUE(on->run(talk_to(serving)));
        // A client that is there when the end begins, and goes when it is told.
        bool answered = false;
        auto stay = [](host_port to, client_options how, bool& is_answered) -> task<> {
            task<stream> connecting = connect(to, how);
            stream peer = co_await connecting;
            co_await peer.write("here\n");
            co_await peer.read_line();
            is_answered = true;
            loop::current().stop();
            try {
                co_await peer.read_line();
            } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
                // It may be cut, or have no memory itself.
            }
        };
        client_options how;
        if (GetParam().sealed) how.stream.transport = tls_.client;
        on->spawn(stay(door(serving), how, answered));
        while (!answered)
            on->run();
        memory::fail_at(which);
        serving.stop();
        survives([&] { return on->run(), true; });
        memory::stop_failing();
        EXPECT_EQ(serving.connections(), 0u);
        EXPECT_EQ(on->count().sockets, 0u);
    });
}

std::string name_of(const testing::TestParamInfo<setting>& info) {
    return std::string(to_string(info.param.which)) +
           (info.param.how == form::messages ? "_messages" : "_session") + (info.param.sealed ? "_tls" : "");
}

INSTANTIATE_TEST_SUITE_P(
    engines, OutOfMemory,
    testing::Values(setting{engine::uring, form::messages}, setting{engine::uring, form::session},
                    setting{engine::epoll, form::messages}, setting{engine::epoll, form::session},
                    setting{engine::uring, form::messages, true}, setting{engine::uring, form::session, true},
                    setting{engine::epoll, form::messages, true},
                    setting{engine::epoll, form::session, true}),
    name_of);

// ---- in a simulated network

class OutOfMemorySimulated : public testing::TestWithParam<form> {};

TEST_P(OutOfMemorySimulated, EndsAConnectionAndNotTheServer) {
    const std::size_t runs = for_every_allocation([](std::size_t which) {
        sim::world world({.seed = which});
        sim::host& office = world.add_host("office");
        sim::host& laptop = world.add_host("laptop");
        server serving = make_server(GetParam(), "office");
        office.spawn(serving.run_on(office.loop()));
        auto story = [&]() -> task<> {
            const host_port door{"office", serving.endpoints().front().port()};
            memory::fail_at(which);
            try {
                task<bool> first = talk(door);
                co_await first;
            } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
                // A connection may end.
            }
            memory::stop_failing();
            task<bool> second = talk(door);
            const bool served = co_await second;
            EXPECT_TRUE(served) << "the next client is served";
            serving.stop();
        };
        laptop.spawn(story());
        try {
            world.run();
            world.expect_nothing_left();
        } catch (const sim::failure& why) {
            memory::stop_failing();
            ADD_FAILURE() << why.what() << '\n' << world.ladder();
        }
        EXPECT_EQ(serving.connections(), 0u);
    });
    std::printf("%zu allocations\n", runs - 1);
    EXPECT_GT(runs, 10u);
}

INSTANTIATE_TEST_SUITE_P(forms, OutOfMemorySimulated, testing::Values(form::messages, form::session),
                         [](const auto& of) {
                             return std::string(of.param == form::messages ? "messages" : "session");
                         });

}  // namespace
}  // namespace aperto
