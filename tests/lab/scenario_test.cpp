// SPDX-License-Identifier: MIT
#include "lab/scenario/scenario.hpp"

#include "lab/analysis/quantity.hpp"

#include <gtest/gtest.h>

namespace aperto::lab {

using namespace std::chrono_literals;

namespace {

std::string refused(const char* text) {
    try {
        parse_scenario(text, "f.toml");
        return "taken";
    } catch (const bad_input& wrong) {
        return wrong.what();
    }
}

}  // namespace

TEST(scenario, reads_every_kind_of_key) {
    const auto one = parse_scenario(R"(
seed = 42
timeout = "5s"
server = "peer serve"
client = "peer call"
ipv6 = true
ask_kernel = true
expect = ["payload intact", "client data >= 1"]
[link]
loss = 0.05
delay = "20ms"
loss_list = [9, 3]
[link.server]
rate = "10mbit"
[[link.change]]
at = "1s"
until = "2s"
from = "client"
blackhole = true
[hosts]
mtu = 1400
[hosts.client]
rto_min = "50ms"
settings = { tcp_sack = 0 }
[[fault]]
hold = "client data#3"
for = "50ms"
)",
                                    "f.toml");
    const auto& plan = one.plan;
    EXPECT_EQ(plan.wire.seed, 42U);
    EXPECT_EQ(plan.timeout, 5s);
    EXPECT_TRUE(plan.client.v6 && plan.server.v6 && plan.ask_kernel);
    EXPECT_EQ(one.expected.size(), 2U);
    EXPECT_DOUBLE_EQ(plan.wire.link.base[0].loss, 0.05);
    EXPECT_EQ(plan.wire.link.base[1].delay, 20ms);
    EXPECT_EQ(plan.wire.link.base[0].loss_list, (std::vector<std::uint64_t>{3, 9}));
    EXPECT_EQ(plan.wire.link.base[0].rate, 0U);
    EXPECT_EQ(plan.wire.link.base[1].rate, 10'000'000U);
    ASSERT_EQ(plan.wire.link.phases[0].size(), 1U);
    EXPECT_TRUE(plan.wire.link.phases[1].empty());
    EXPECT_EQ(plan.server.mtu, 1400U);
    EXPECT_EQ(plan.client.rto_min, 50ms);
    ASSERT_EQ(plan.wire.named.size(), 1U);
    EXPECT_EQ(plan.wire.named[0].time, 50ms);
}

TEST(scenario, a_mistake_is_named_with_line_and_column) {
    EXPECT_EQ(refused("sed = 1"), "f.toml:1:1: there is no key 'sed' here; did you mean 'seed'?");
    EXPECT_EQ(refused("seed = -1").substr(0, 12), "f.toml:1:8: ");
    EXPECT_EQ(refused("[link]\nloss = 'much'").substr(0, 12), "f.toml:2:8: ");
    EXPECT_EQ(refused("[link]\nlos = 1").substr(0, 12), "f.toml:2:1: ");
    EXPECT_EQ(refused("link = 3").substr(0, 12), "f.toml:1:8: ");
    EXPECT_EQ(refused("[[fault]]\nhold = 'client data#3'").substr(0, 12), "f.toml:2:8: ");
    EXPECT_EQ(refused("[[fault]]\nfor = '5ms'").substr(0, 9), "f.toml:1:");
    EXPECT_EQ(refused("[[fault]]\ndrop='client syn'\ncorrupt='client syn'").substr(0, 7), "f.toml:");
    EXPECT_EQ(refused("[hosts.settings]\n'tcp sack' = 1").substr(0, 9), "f.toml:2:");
    EXPECT_EQ(refused("expect = 'payload intact'").substr(0, 13), "f.toml:1:10: ");
    EXPECT_EQ(refused("[!]").substr(0, 9), "f.toml:1:") << "toml++ would assert here";
    EXPECT_EQ(refused("título = 1").substr(0, 9), "f.toml:1:");
    EXPECT_EQ(refused("seed = 1\nseed = 2").substr(0, 9), "f.toml:2:");
}

}  // namespace aperto::lab
