// SPDX-License-Identifier: MIT
#include "lab/wire/link.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace aperto::lab {

using namespace std::chrono_literals;

namespace {

/// A link under a clock that the test moves.
class bench {
public:
    explicit bench(link_settings settings, std::vector<link_phase> phases = {},
                   const std::vector<named_fault>* named = nullptr)
        : link_(side::client, 7, std::move(settings), std::move(phases), named) {}

    event offer(instant now, std::uint32_t length = 1000) {
        collect(now);
        event one;
        one.number = ++number_;
        one.from = side::client;
        one.flow = 1;
        one.sent = now;
        one.seen.length = length;
        one.seen.ip_header = 20;
        one.seen.tcp_header = 20;
        one.seen.payload = length - 40;
        one.random_ordinal = number_;
        one.ordinal[0] = static_cast<std::uint32_t>(number_);
        one.kinds = 1;
        link_.offer(one, number_);
        collect(now);
        return one;
    }

    /// Everything that leaves until `end`, as "number@milliseconds".
    std::string left(instant end = 1h) {
        collect(end);
        return text_;
    }

private:
    void collect(instant until) {
        departure out;
        for (auto due = link_.next_due(); due && *due <= until; due = link_.next_due()) {
            if (!link_.take_due(*due, out)) {
                break;
            }
            text_ += (text_.empty() ? "" : " ") + std::to_string(out.token) + (out.copy ? "c" : "") + "@" +
                     std::to_string(out.due.count() / 1'000'000);
        }
    }

    link link_;
    std::uint64_t number_ = 0;
    std::string text_;
};

}  // namespace

TEST(link, a_perfect_cable_passes_everything_at_once) {
    bench cable({});
    for (int i = 0; i < 3; ++i) {
        cable.offer(i * 1ms);
    }
    EXPECT_EQ(cable.left(), "1@0 2@1 3@2");
}

TEST(link, delay_moves_every_packet_by_the_same) {
    bench cable({.delay = 20ms});
    cable.offer(0ms);
    cable.offer(5ms);
    EXPECT_EQ(cable.left(), "1@20 2@25");
}

TEST(link, a_rate_spaces_packets_by_their_size_and_overhead) {
    bench cable({.rate = 1'000'000, .overhead = 250});  // 1,250 B take 10 ms
    cable.offer(0ms);
    cable.offer(0ms);
    cable.offer(100ms);
    EXPECT_EQ(cable.left(), "1@10 2@20 3@110");
}

TEST(link, a_full_queue_drops_from_its_tail_by_packets_and_by_bytes) {
    bench by_packets({.rate = 1'000'000, .queue_packets = 2});
    by_packets.offer(0ms);
    by_packets.offer(0ms);
    EXPECT_EQ(by_packets.offer(0ms).lost_by, loss_cause::queue_packets);
    EXPECT_EQ(by_packets.offer(9ms).lost_by, loss_cause::none) << "the first has been sent after 8 ms";
    bench by_bytes({.rate = 1'000'000, .queue_bytes = 2500});
    by_bytes.offer(0ms);
    by_bytes.offer(0ms);
    EXPECT_EQ(by_bytes.offer(0ms).lost_by, loss_cause::queue_bytes);
    EXPECT_EQ(by_bytes.offer(0ms, 500).lost_by, loss_cause::none);
}

TEST(link, delayed_packets_do_not_count_as_queued) {
    bench cable({.delay = 1s, .rate = 1'000'000'000, .queue_packets = 2});
    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(cable.offer(i * 1ms).lost_by, loss_cause::none);
    }
}

TEST(link, a_reordered_packet_leaves_after_as_many_as_asked_or_when_its_time_is_up) {
    bench cable({.reorder_gap = 2, .reorder_distance = 2, .reorder_wait = 50ms});
    for (int i = 0; i < 5; ++i) {
        cable.offer(i * 1ms);
    }
    EXPECT_EQ(cable.left(), "1@0 3@2 5@4 2@4 4@53");
}

TEST(link, jitter_keeps_order_unless_told_otherwise) {
    for (const bool keep : {true, false}) {
        bench cable({.delay = 10ms, .jitter = 9ms, .keep_order = keep});
        for (int i = 0; i < 50; ++i) {
            cable.offer(i * 1ms);
        }
        const auto text = cable.left();
        std::vector<int> order;
        for (std::size_t at = 0; at < text.size(); at = std::min(text.find(' ', at), text.size() - 1) + 1) {
            order.push_back(std::stoi(text.substr(at)));
        }
        EXPECT_EQ(std::is_sorted(order.begin(), order.end()), keep) << text;
    }
}

TEST(link, named_packets_are_struck_and_no_other) {
    std::vector<named_fault> named(3);
    named[0] = {fault_action::drop, parse_selector("client packet#2"), {}, ""};
    named[1] = {fault_action::hold, parse_selector("client packet#3"), 50ms, ""};
    named[2] = {fault_action::duplicate, parse_selector("client packet#4"), {}, ""};
    bench cable({}, {}, &named);
    cable.offer(0ms);
    const auto dropped = cable.offer(1ms);
    EXPECT_EQ(dropped.lost_by, loss_cause::named);
    EXPECT_EQ(dropped.rule, 0);
    for (int i = 2; i < 5; ++i) {
        cable.offer(i * 1ms);
    }
    EXPECT_EQ(cable.left(), "1@0 4@3 4c@3 5@4 3@52");
}

TEST(link, a_copy_takes_its_time_at_the_rate_and_its_place_in_the_queue) {
    bench cable({.rate = 1'000'000, .overhead = 250, .duplicate = 1});  // 1,250 B take 10 ms
    cable.offer(0ms);
    cable.offer(0ms);
    EXPECT_EQ(cable.left(), "1@10 1c@20 2@30 2c@40");

    bench full({.rate = 1'000'000, .overhead = 250, .queue_packets = 2, .duplicate = 1});
    EXPECT_TRUE(full.offer(0ms).struck(fault::duplicated));
    EXPECT_EQ(full.offer(0ms).lost_by, loss_cause::queue_packets);
    const auto alone = full.offer(10ms);  // one waits, and there is a place for one more
    EXPECT_EQ(alone.lost_by, loss_cause::none);
    EXPECT_FALSE(alone.struck(fault::duplicated));
    EXPECT_EQ(full.left(), "1@10 1c@20 3@30");
}

TEST(link, what_waits_when_the_rate_changes_goes_on_at_the_new_one) {
    const link_phase faster{15ms, instant::max(), {[](link_settings& to) { to.rate = 10'000'000; }}};
    bench cable({.rate = 1'000'000, .overhead = 250}, {faster});
    for (int i = 0; i < 4; ++i) {
        cable.offer(0ms);
    }
    // The second has half its bits left at 15 ms, which take half a millisecond then; the others one each.
    EXPECT_EQ(cable.left(), "1@10 2@15 3@16 4@17");

    const link_phase slow{0ms, 15ms, {[](link_settings& to) { to.rate = 1'000'000; }}};
    bench freed({.overhead = 250}, {slow});
    for (int i = 0; i < 4; ++i) {
        freed.offer(0ms);
    }
    freed.offer(20ms);
    EXPECT_EQ(freed.left(), "1@10 2@15 3@15 4@15 5@20");

    const link_phase slower{15ms, instant::max(), {[](link_settings& to) { to.rate = 100'000; }}};
    bench jammed({.rate = 1'000'000, .overhead = 250}, {slower});
    for (int i = 0; i < 3; ++i) {
        jammed.offer(0ms);
    }
    EXPECT_EQ(jammed.left(), "1@10 2@65 3@165");
}

TEST(link, a_phase_holds_from_its_beginning_to_its_end) {
    link_phase dark{10ms, 20ms, {[](link_settings& to) { to.blackhole = true; }}};
    bench cable({}, {dark});
    EXPECT_EQ(cable.offer(9ms).lost_by, loss_cause::none);
    EXPECT_EQ(cable.offer(10ms).lost_by, loss_cause::blackhole);
    EXPECT_EQ(cable.offer(19ms).lost_by, loss_cause::blackhole);
    EXPECT_EQ(cable.offer(20ms).lost_by, loss_cause::none);
}

TEST(link, listed_packets_and_oversized_ones_are_lost) {
    bench cable({.loss_list = {2, 3}, .mtu = 600});
    EXPECT_EQ(cable.offer(0ms, 600).lost_by, loss_cause::none);
    EXPECT_EQ(cable.offer(0ms, 600).lost_by, loss_cause::listed);
    EXPECT_EQ(cable.offer(0ms, 600).lost_by, loss_cause::listed);
    EXPECT_EQ(cable.offer(0ms, 601).lost_by, loss_cause::mtu);
}

TEST(link, corruption_flips_a_bit_of_the_payload_or_of_the_header) {
    for (const bool header : {false, true}) {
        bench cable({.corrupt = 1, .corrupt_header = header});
        for (int i = 0; i < 200; ++i) {
            const auto hurt = cable.offer(0ms, 100);
            const auto byte = hurt.corrupt_bit / 8;
            EXPECT_GE(byte, header ? 20U : 40U);
            EXPECT_LT(byte, header ? 40U : 100U);
        }
    }
}

TEST(link, only_ecn_capable_packets_are_marked) {
    link cable(side::client, 1, {.ecn = 1});
    for (const std::uint8_t ecn : std::initializer_list<std::uint8_t>{0, 1, 2, 3}) {
        event one;
        one.seen.ecn = ecn;
        cable.offer(one, 1);
        EXPECT_EQ(one.struck(fault::ce_marked), ecn == 1 || ecn == 2);
    }
}

}  // namespace aperto::lab
