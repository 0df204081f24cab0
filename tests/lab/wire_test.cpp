// SPDX-License-Identifier: MIT
// The wire between two descriptors that keep packets apart as a TUN device does, watched by another thread.
#include "lab/wire/wire.hpp"

#include "lab/packets.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace aperto::lab::testing {

namespace {

class wires : public ::testing::Test {
protected:
    void SetUp() override {
        for (auto& pair : pairs_) {
            std::array<int, 2> ends{};
            ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
            pair = {descriptor(ends[0]), descriptor(ends[1])};
        }
    }

    int tun(side host) const { return pairs_[index(host)][0].get(); }
    int kernel(side host) const { return pairs_[index(host)][1].get(); }

    void send(side from, const std::vector<std::uint8_t>& bytes) const {
        ASSERT_EQ(::write(kernel(from), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    }

    /// What arrives at a host next; empty when nothing does for five seconds.
    std::vector<std::uint8_t> arrives(side host) const {
        pollfd watched{kernel(host), POLLIN, 0};
        std::vector<std::uint8_t> bytes(2048);
        const auto size =
            ::poll(&watched, 1, 5000) == 1 ? ::read(kernel(host), bytes.data(), bytes.size()) : 0;
        bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
        return bytes;
    }

private:
    std::array<std::array<descriptor, 2>, 2> pairs_;
};

TEST_F(wires, carry_packets_both_ways_while_another_thread_watches) {
    wire between({}, tun(side::client), tun(side::server));
    std::vector<seen_packet> seen;
    constexpr std::uint32_t rounds = 500;
    for (std::uint32_t i = 0; i < rounds; ++i) {
        for (const auto from : {side::client, side::server}) {
            const auto packet = tcp_packet(from, {.sequence = 1 + 4 * i, .payload = "abcd"});
            send(from, packet);
            EXPECT_EQ(arrives(other(from)), packet);
        }
        between.take_events(seen);
        (void)between.last_activity();
        (void)between.under_way();
    }
    between.stop();
    between.take_events(seen);
    ASSERT_EQ(seen.size(), 2 * rounds);
    for (std::size_t i = 0; i < seen.size(); ++i) {
        EXPECT_EQ(seen[i].what.number, i + 1);
        EXPECT_EQ(seen[i].what.end, fate::delivered);
    }
    EXPECT_EQ(between.added().count(), 2 * rounds);
}

TEST_F(wires, lose_at_the_end_what_is_still_under_way) {
    wire_plan plan;
    plan.link.set("delay", "10min");
    wire between(std::move(plan), tun(side::client), tun(side::server));
    send(side::client, tcp_packet(side::client, {.payload = "late"}));
    while (between.under_way() == 0) {
        std::this_thread::yield();
    }
    between.stop();
    EXPECT_EQ(between.lost_by()[static_cast<std::size_t>(loss_cause::ended)], 1U);
}

}  // namespace

}  // namespace aperto::lab::testing
