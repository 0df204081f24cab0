// SPDX-License-Identifier: MIT
#include "lab/wire/link.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace aperto::lab {

using namespace std::chrono_literals;

namespace {

constexpr int packets = 200'000;

event numbered(int i, side from = side::client) {
    event one;
    one.from = from;
    one.flow = 1;
    one.number = static_cast<std::uint64_t>(i);
    one.random_ordinal = static_cast<std::uint64_t>(i);
    one.seen.length = 1000;
    one.seen.ecn = 2;
    return one;
}

/// Whether `hits` of `trials` fits a chance of `chance`: within four standard deviations of a binomial, which
/// a right model leaves once in 16,000 seeds; the seeds here are fixed.
void expect_share(std::int64_t hits, std::int64_t trials, double chance) {
    const auto mean = static_cast<double>(trials) * chance;
    const auto deviation = std::sqrt(mean * (1 - chance));
    EXPECT_NEAR(static_cast<double>(hits), mean, 4 * deviation);
}

std::vector<bool> losses(const link_settings& settings, std::uint64_t seed) {
    link cable(side::client, seed, settings);
    std::vector<bool> lost;
    departure out;
    for (int i = 1; i <= packets; ++i) {
        auto one = numbered(i);
        cable.offer(one, 0);
        lost.push_back(one.lost_by != loss_cause::none);
        while (cable.take_due(1h, out)) {
        }
    }
    return lost;
}

}  // namespace

TEST(link_statistics, loss_is_binomial_and_without_memory) {
    for (const double chance : {0.01, 0.05, 0.3}) {
        const auto lost = losses({.loss = chance}, 42);
        expect_share(std::count(lost.begin(), lost.end(), true), packets, chance);
        std::int64_t after_loss = 0;
        std::int64_t both = 0;
        for (std::size_t i = 1; i < lost.size(); ++i) {
            after_loss += lost[i - 1] ? 1 : 0;
            both += lost[i - 1] && lost[i] ? 1 : 0;
        }
        expect_share(both, after_loss, chance);
    }
}

TEST(link_statistics, gilbert_elliott_has_its_mean_and_its_burst_lengths) {
    const double p = 0.01;
    const double r = 0.25;
    const auto lost = losses({.burst_enter = p, .burst_leave = r}, 43);
    std::map<int, int> bursts;
    int run = 0;
    for (const bool one : lost) {
        if (one) {
            ++run;
        } else if (run > 0) {
            ++bursts[run];
            run = 0;
        }
    }
    std::int64_t count = 0;
    std::int64_t bytes = 0;
    for (const auto& [length, times] : bursts) {
        count += times;
        bytes += static_cast<std::int64_t>(length) * times;
    }
    // (p (1-h) + r (1-k)) / (p + r); with bursts the deviation is larger than a binomial's by the
    // correlation.
    const double mean = p / (p + r);
    const double correlation = (2 - p - r) / (p + r);
    const double deviation = std::sqrt(mean * (1 - mean) * correlation * packets);
    EXPECT_NEAR(static_cast<double>(std::count(lost.begin(), lost.end(), true)), mean * packets,
                4 * deviation);
    // Burst lengths are geometric with r: a quarter are 1 long, of the rest a quarter 2 …
    expect_share(bursts[1], count, r);
    expect_share(bursts[2], count, r * (1 - r));
    expect_share(bursts[5], count, r * std::pow(1 - r, 4));
    EXPECT_NEAR(static_cast<double>(bytes) / static_cast<double>(count), 1 / r, 0.3);
}

TEST(link_statistics, every_kind_of_fault_has_its_share_and_its_own_stream) {
    link cable(side::client, 44, {.reorder = 0.02, .duplicate = 0.03, .corrupt = 0.04, .ecn = 0.05});
    std::array<std::int64_t, 4> hits{};
    std::int64_t corrupted_and_duplicated = 0;
    departure out;
    for (int i = 1; i <= packets; ++i) {
        auto one = numbered(i);
        cable.offer(one, 0);
        hits[0] += one.struck(fault::reordered) ? 1 : 0;
        hits[1] += one.struck(fault::duplicated) ? 1 : 0;
        hits[2] += one.struck(fault::corrupted) ? 1 : 0;
        hits[3] += one.struck(fault::ce_marked) ? 1 : 0;
        corrupted_and_duplicated += one.struck(fault::corrupted) && one.struck(fault::duplicated) ? 1 : 0;
        while (cable.take_due(1h, out)) {
        }
    }
    expect_share(hits[0], packets, 0.02);
    expect_share(hits[1], packets, 0.03);
    expect_share(hits[2], packets, 0.04);
    expect_share(hits[3], packets, 0.05);
    expect_share(corrupted_and_duplicated, packets, 0.03 * 0.04);
}

TEST(link_statistics, jitter_has_the_quantiles_of_its_shape) {
    for (const bool normal : {false, true}) {
        link cable(side::client, 45,
                   {.delay = 100ms, .jitter = 10ms, .jitter_normal = normal, .keep_order = false});
        std::vector<double> delays;
        departure out;
        for (int i = 1; i <= packets; ++i) {
            auto one = numbered(i);
            cable.offer(one, 0);
            ASSERT_TRUE(cable.take_due(1h, out));
            delays.push_back(static_cast<double>(out.due.count()) / 1e6);
        }
        std::sort(delays.begin(), delays.end());
        const auto quantile = [&](double share) { return delays[static_cast<std::size_t>(share * packets)]; };
        EXPECT_NEAR(quantile(0.5), 100, 0.15);
        EXPECT_NEAR(quantile(0.1), normal ? 100 - 12.816 : 92, 0.2);
        EXPECT_NEAR(quantile(0.99), normal ? 100 + 23.263 : 109.8, normal ? 0.4 : 0.05);
    }
}

TEST(link_statistics, the_rate_is_kept_within_one_percent) {
    link cable(side::client, 46, {.rate = 20'000'000, .queue_packets = 100});
    std::uint64_t bits = 0;
    instant last{};
    departure out;
    for (int i = 1; i <= packets; ++i) {
        auto one = numbered(i);
        one.sent = i * 100us;  // offered at 80 Mbit/s
        one.seen.length = static_cast<std::uint32_t>(500 + i % 1000);
        while (cable.take_due(one.sent, out)) {
            bits += out.token * 8;
            last = out.due;
        }
        cable.offer(one, one.seen.length);
    }
    EXPECT_NEAR(static_cast<double>(bits) / (static_cast<double>(last.count()) / 1e9), 20e6, 0.2e6);
}

TEST(random, the_same_key_draws_the_same_whatever_was_drawn_before) {
    const draw_key one{1, 0, 1, 0, 5};
    const auto first = random_bits(one, draw::loss);
    (void)random_bits({1, 1, 9, 0, 77}, draw::jitter);
    EXPECT_EQ(random_bits(one, draw::loss), first);
    std::set<std::uint64_t> different{first, random_bits(one, draw::corrupt)};
    different.insert(random_bits({2, 0, 1, 0, 5}, draw::loss));
    different.insert(random_bits({1, 1, 1, 0, 5}, draw::loss));
    different.insert(random_bits({1, 0, 2, 0, 5}, draw::loss));
    different.insert(random_bits({1, 0, 1, 1, 5}, draw::loss));
    different.insert(random_bits({1, 0, 1, 0, 6}, draw::loss));
    EXPECT_EQ(different.size(), 7U);
}

}  // namespace aperto::lab
