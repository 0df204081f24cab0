// SPDX-License-Identifier: MIT
// A reply that is whole ends with close_notify, however it leaves. What begins a connection comes in small records.
#include "aperto/client.hpp"
#include "aperto/server.hpp"
#include "aperto/sim.hpp"
#include "tls/both_sides.hpp"
#include "tls/in_memory.hpp"
#include "tls/raw_client.hpp"

#include <chrono>
#include <thread>

namespace aperto::tls {
namespace {

using namespace std::chrono_literals;

enum class ending : std::uint8_t { by_return, closed, finished };
constexpr std::array<ending, 3> endings{ending::by_return, ending::closed, ending::finished};

/// Answers each line with so many bytes as it says, and ends behind the first.
task<> answer_and_end(stream peer, ending how) {
    const auto line = co_await peer.read_line();
    if (!line) co_return;
    co_await peer.write(std::string(std::stoul(std::string(*line)), 'r'));
    if (how == ending::closed) co_await peer.close();
    if (how != ending::finished) co_return;
    co_await peer.shutdown_write();
    co_await peer.read_line();
}

class ends : public testing::TestWithParam<engine> {};
INSTANTIATE_TEST_SUITE_P(each, ends, testing::Values(engine::uring, engine::epoll),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST_P(ends, are_told_behind_a_reply_that_the_kernel_takes_late) {
    const both_sides sides;
    for (const ending how : endings) {
        aperto::server one(
            {.host = "127.0.0.1", .port = 0, .workers = 1, .engine = GetParam(), .transport = sides.server},
            [how](stream peer) {
                const int bytes = 4096;
                ::setsockopt(peer.native_handle(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
                return answer_and_end(std::move(peer), how);
            });
        one.start();
        for (const std::size_t size : {100U, 9'000U, 20'000U, 32'000U, 47'000U, 200'000U}) {
            raw_client client(one.endpoints().front());
            ASSERT_TRUE(client.handshake());
            ASSERT_TRUE(client.write(std::to_string(size) + '\n'));
            std::this_thread::sleep_for(20ms);
            std::size_t got = 0;
            for (std::string piece = client.read(); !piece.empty(); piece = client.read())
                got += piece.size();
            EXPECT_EQ(got, size);
            EXPECT_TRUE(client.was_told_the_end()) << size << " bytes, " << static_cast<int>(how);
        }
    }
}

TEST(records, are_small_at_first_and_large_later) {
    const both_sides sides;
    in_memory both(*sides.client, *sides.server);
    ASSERT_TRUE(both.shake_hands());
    const std::string plain(200'000, 'r');
    std::string wire;
    ASSERT_FALSE(both.server->seal(plain, wire));
    std::vector<std::size_t> sizes;
    for (std::string_view rest = wire; !rest.empty(); rest.remove_prefix(5 + sizes.back()))
        sizes.push_back(static_cast<unsigned char>(rest.at(3)) * 256U +
                        static_cast<unsigned char>(rest.at(4)));
    constexpr std::size_t overhead = 64, first = 32;  // the first 64 KiB, of 2 KiB each
    ASSERT_GT(sizes.size(), first);
    for (std::size_t i = 0; i < first; ++i)
        EXPECT_LE(sizes[i], 2048 + overhead) << i;
    EXPECT_GT(sizes[first], 16'000U);
    both.to_client += wire;
    both.client_hears();
    EXPECT_EQ(both.at_client, plain);
}

task<> ask_and_read_to_the_end(sim::world& world, const aperto::client_options& how, std::size_t& whole) {
    task<stream> connecting = connect("office:9999", how);
    stream peer = co_await connecting;
    const std::size_t size = 1 + world.random() % 60'000;
    co_await peer.write(std::to_string(size) + '\n');
    std::size_t got = 0;
    while (const auto piece = co_await peer.read_some())
        got += piece->size();
    if (got != size) throw std::runtime_error("a reply is not whole");
    co_await peer.close();
    ++whole;
}

task<> ask_in_turn(sim::world& world, const aperto::client_options& how, aperto::server& of,
                   std::size_t& whole) {
    for (int i = 0; i < 3; ++i) {
        task<> asking = ask_and_read_to_the_end(world, how, whole);
        co_await asking;
    }
    of.stop();
}

TEST(simulated_ends, are_told_in_every_weather) {
    const both_sides sides[2]{both_sides(false), both_sides(true)};
    std::uint64_t worlds = 0;
    sim::check({.seeds = 150}, [&](sim::world& world) {
        const both_sides& by = sides[world.random() % 2];
        const engine which = world.random() % 2 == 0 ? engine::uring : engine::epoll;
        const ending how = endings[world.random() % endings.size()];
        const auto buffer = [&] { return static_cast<std::uint32_t>(1024 + world.random() % 60'000); };
        const auto host = [&]() -> sim::host_options {
            return {.send_buffer = buffer(), .receive_buffer = buffer(), .engine = which};
        };
        sim::host& office = world.add_host("office", host());
        sim::host& laptop = world.add_host("laptop", host());
        aperto::server one({.host = "office", .transport = by.server},
                           [how](stream peer) { return answer_and_end(std::move(peer), how); });
        aperto::client_options asking{.connect_timeout = 60s};
        asking.stream.transport = by.client;
        std::size_t whole = 0;
        office.spawn(one.run_on(office.loop()));
        laptop.spawn(ask_in_turn(world, asking, one, whole));
        world.run();
        EXPECT_EQ(whole, 3U);
        ++worlds;
    });
    EXPECT_GE(worlds, 150U);
}

}  // namespace
}  // namespace aperto::tls
