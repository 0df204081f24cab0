// SPDX-License-Identifier: MIT
#include "lab/scenario/report.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace aperto::lab {

using namespace std::chrono_literals;

namespace {

/// A connection on which the client sent `bytes` between two moments.
flow sent_by_client(std::size_t bytes, instant begin, instant end) {
    flow out;
    auto& half = out.half(side::client);
    half.first_data_sent = begin;
    half.last_data_arrived = end;
    half.arrived.add(1, std::vector<std::uint8_t>(bytes));
    return out;
}

}  // namespace

TEST(report, goodput_is_that_of_all_connections_together) {
    run_report report;
    EXPECT_EQ(goodput(report, side::client), 0);
    report.flows.push_back(sent_by_client(1'000'000, 0s, 8s));
    EXPECT_DOUBLE_EQ(goodput(report, side::client), 1e6);
    report.flows.push_back(sent_by_client(1'000'000, 4s, 8s));  // of its own twice as fast
    EXPECT_DOUBLE_EQ(goodput(report.flows[1].half(side::client)), 2e6);
    EXPECT_DOUBLE_EQ(goodput(report, side::client), 2e6);
    report.flows.push_back(sent_by_client(2'000'000, 8s, 16s));
    EXPECT_DOUBLE_EQ(goodput(report, side::client), 2e6);
    EXPECT_EQ(goodput(report, side::server), 0);
}

TEST(report, a_window_that_stays_shut_is_counted_to_the_end) {
    flow open;
    open.last_seen = 3s;
    open.half(side::server).window_closed = true;
    open.half(side::server).window_closed_at = 1s;
    open.half(side::server).time_closed = 500ms;  // of an earlier time
    auto reset = open;
    reset.half(side::client).rst_sent = true;
    end_windows(open, 10s);
    EXPECT_EQ(open.half(side::server).time_closed, 9'500ms);
    EXPECT_EQ(open.half(side::client).time_closed, 0ms);
    end_windows(open, 20s);
    EXPECT_EQ(open.half(side::server).time_closed, 9'500ms) << "counted once";
    end_windows(reset, 10s);
    EXPECT_EQ(reset.half(side::server).time_closed, 2'500ms) << "a connection that is over has no window";
}

}  // namespace aperto::lab
