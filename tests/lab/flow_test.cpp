// SPDX-License-Identifier: MIT
#include "lab/analysis/flow.hpp"

#include "lab/packets.hpp"

#include <gtest/gtest.h>

namespace aperto::lab {

using namespace std::chrono_literals;
using testing::story;

namespace {

constexpr auto fin_ack = static_cast<std::uint16_t>(tcp_flag::fin | tcp_flag::ack);

std::vector<std::uint8_t> sack_option(std::uint32_t left, std::uint32_t right) {
    const auto byte = [](std::uint32_t value, unsigned shift) {
        return static_cast<std::uint8_t>(value >> shift);
    };
    return {1,
            1,
            5,
            10,
            byte(left, 24),
            byte(left, 16),
            byte(left, 8),
            byte(left, 0),
            byte(right, 24),
            byte(right, 16),
            byte(right, 8),
            byte(right, 0)};
}

}  // namespace

TEST(flow, a_handshake_is_told_with_its_facts) {
    story lesson;
    lesson.handshake();
    const auto& connection = lesson.connection();
    EXPECT_EQ(connection.opened_by, side::client);
    EXPECT_TRUE(connection.established);
    EXPECT_EQ(connection.half(side::client).mss, 1460);
    EXPECT_TRUE(connection.half(side::server).sack_permitted);
    EXPECT_EQ(connection.half(side::client).timer.last(), 1ms) << "SYN out at 0, SYN/ACK back at 1 ms";
}

TEST(flow, sequence_numbers_are_relative_and_wrap) {
    EXPECT_EQ(relative_sequence(1001, 1000, 0), 1U);
    EXPECT_EQ(relative_sequence(5, 0xfffffffb, 8), 10U);
    EXPECT_EQ(relative_sequence(999, 1000, 0x1'0000'0000U), 0xffffffffU) << "just before the second turn";
    EXPECT_EQ(relative_sequence(1001, 1000, 0x1'0000'0000U), 0x1'0000'0001U);
}

TEST(flow, data_is_numbered_once_and_a_repetition_names_what_it_repeats) {
    story lesson;
    lesson.handshake();
    const auto first =
        lesson.send(side::client, {.sequence = 1001, .acknowledgement = 5001, .payload = "abc"});
    const auto second =
        lesson.send(side::client, {.sequence = 1004, .acknowledgement = 5001, .payload = "def"});
    lesson.wait(250ms);
    const auto again =
        lesson.send(side::client, {.sequence = 1001, .acknowledgement = 5001, .payload = "abc"});
    EXPECT_EQ(first.ordinal[static_cast<std::size_t>(kind::data)], 1U);
    EXPECT_EQ(second.ordinal[static_cast<std::size_t>(kind::data)], 2U);
    EXPECT_TRUE(again.is(mark::retransmission));
    EXPECT_TRUE(again.is_kind(kind::data));
    EXPECT_EQ(again.ordinal[static_cast<std::size_t>(kind::data)], 0U);
    EXPECT_EQ(again.resent_first, 1U);
    EXPECT_EQ(again.resent_last, 1U);
    EXPECT_EQ(again.resent_times, 1U);
    EXPECT_EQ(again.resent_by, resend_cause::timeout);
    EXPECT_EQ(again.since_last, 250ms);
}

TEST(flow, three_duplicate_acks_with_sack_make_a_fast_retransmit) {
    story lesson;
    lesson.handshake();
    auto lost = lesson.send(side::client, {.sequence = 1001, .acknowledgement = 5001, .payload = "aaaa"});
    for (std::uint32_t i = 1; i <= 3; ++i) {
        const auto ahead =
            lesson.pass(side::client, {.sequence = 1001 + 4 * i, .acknowledgement = 5001, .payload = "bbbb"});
        EXPECT_TRUE(ahead.is(mark::out_of_order));
        const auto told = lesson.pass(
            side::server,
            {.sequence = 5001, .acknowledgement = 1001, .options = sack_option(1005, 1005 + 4 * i)});
        EXPECT_TRUE(told.is(mark::duplicate_ack)) << i;
        EXPECT_EQ(told.duplicate_ack_run, i);
        EXPECT_TRUE(told.is(mark::sack));
    }
    auto again = lesson.send(side::client, {.sequence = 1001, .acknowledgement = 5001, .payload = "aaaa"});
    EXPECT_EQ(again.resent_by, resend_cause::fast);
    lesson.arrive(again);
    EXPECT_TRUE(again.is(mark::fills_gap));
    EXPECT_EQ(lesson.connection().half(side::client).arrived.bytes(), 16U);
    lesson.arrive(lost);
    EXPECT_TRUE(lost.is(mark::seen_before));
}

TEST(flow, the_last_segment_sent_again_early_is_a_tail_probe_only_where_those_are_on) {
    for (const bool tail_probes : {true, false}) {
        story lesson({.tail_probes = tail_probes, .rto_min = 10ms});
        lesson.handshake();
        lesson.send(side::client, {.sequence = 1001, .acknowledgement = 5001, .payload = "abc"});
        lesson.wait(20ms);
        const auto again =
            lesson.send(side::client, {.sequence = 1001, .acknowledgement = 5001, .payload = "abc"});
        EXPECT_EQ(again.resent_by, tail_probes ? resend_cause::tail_probe : resend_cause::timeout);
    }
}

TEST(flow, zero_window_probe_and_update_are_told_apart) {
    story lesson;
    lesson.handshake();
    lesson.pass(side::client, {.sequence = 1001, .acknowledgement = 5001, .payload = "0123456789"});
    const auto closed = lesson.pass(side::server, {.sequence = 5001, .acknowledgement = 1011, .window = 0});
    EXPECT_TRUE(closed.is(mark::zero_window));
    lesson.wait(200ms);
    const auto probe = lesson.pass(side::client, {.sequence = 1010, .acknowledgement = 5001});
    EXPECT_TRUE(probe.is(mark::probe));
    EXPECT_FALSE(probe.is(mark::retransmission));
    const auto still = lesson.pass(side::server, {.sequence = 5001, .acknowledgement = 1011, .window = 0});
    EXPECT_TRUE(still.is(mark::zero_window));
    EXPECT_FALSE(still.is(mark::duplicate_ack));
    lesson.wait(50ms);
    const auto open = lesson.pass(side::server, {.sequence = 5001, .acknowledgement = 1011, .window = 900});
    EXPECT_TRUE(open.is(mark::window_update));
    const auto& half = lesson.connection().half(side::server);
    EXPECT_EQ(half.zero_window_episodes, 1U);
    EXPECT_EQ(half.time_closed, open.sent - closed.sent);
}

TEST(flow, a_keepalive_is_not_a_probe) {
    story lesson;
    lesson.handshake();
    lesson.pass(side::client, {.sequence = 1001, .acknowledgement = 5001, .payload = "x"});
    lesson.pass(side::server, {.sequence = 5001, .acknowledgement = 1002});
    const auto asked = lesson.pass(side::client, {.sequence = 1001, .acknowledgement = 5001});
    EXPECT_TRUE(asked.is(mark::keepalive));
}

TEST(flow, a_d_sack_is_not_a_duplicate_ack) {
    story lesson;
    lesson.handshake();
    lesson.pass(side::client, {.sequence = 1001, .acknowledgement = 5001, .payload = "abc"});
    lesson.pass(side::server, {.sequence = 5001, .acknowledgement = 1004});
    const auto told = lesson.pass(
        side::server, {.sequence = 5001, .acknowledgement = 1004, .options = sack_option(1001, 1004)});
    EXPECT_TRUE(told.is(mark::dsack));
    EXPECT_FALSE(told.is(mark::duplicate_ack));
    EXPECT_FALSE(told.is(mark::sack));
}

TEST(flow, a_damaged_packet_is_not_heard) {
    story lesson;
    lesson.handshake();
    auto hurt = lesson.send(side::client, {.sequence = 1001, .acknowledgement = 5001, .payload = "abc"});
    hurt.faults |= fault::corrupted;
    lesson.arrive(hurt);
    EXPECT_TRUE(hurt.is(mark::bad_checksum));
    EXPECT_EQ(lesson.connection().half(side::client).arrived.bytes(), 0U);
    EXPECT_EQ(lesson.connection().half(side::client).written.bytes(), 3U);
}

TEST(flow, no_round_trip_is_read_from_a_segment_sent_twice) {
    story lesson;
    lesson.handshake();
    const auto samples = lesson.connection().half(side::client).timer.samples();
    lesson.send(side::client, {.sequence = 1001, .acknowledgement = 5001, .payload = "abc"});
    lesson.wait(210ms);
    lesson.pass(side::client, {.sequence = 1001, .acknowledgement = 5001, .payload = "abc"});
    lesson.pass(side::server, {.sequence = 5001, .acknowledgement = 1004});
    EXPECT_EQ(lesson.connection().half(side::client).timer.samples(), samples);
}

// Karn's rule asks whether the segment that is acknowledged was sent twice, not its answer. Linux times a SYN
// so too (tcp_clean_rtx_queue).
TEST(flow, a_syn_sent_once_tells_a_round_trip_though_its_answer_was_sent_twice) {
    constexpr auto syn_ack = static_cast<std::uint16_t>(tcp_flag::syn | tcp_flag::ack);
    story lesson;
    lesson.pass(side::client, {.flags = tcp_flag::syn, .sequence = 1000});
    lesson.send(side::server, {.flags = syn_ack, .sequence = 5000, .acknowledgement = 1001});
    lesson.wait(1s);
    lesson.pass(side::server, {.flags = syn_ack, .sequence = 5000, .acknowledgement = 1001});
    lesson.pass(side::client, {.sequence = 1001, .acknowledgement = 5001});
    EXPECT_EQ(lesson.connection().half(side::client).timer.samples(), 1U);
    EXPECT_GE(lesson.connection().half(side::client).timer.srtt(), 1s);
    EXPECT_EQ(lesson.connection().half(side::server).timer.samples(), 0U);
}

TEST(flow, the_end_is_counted_and_its_repetition_is_one) {
    story lesson;
    lesson.handshake();
    const auto end = lesson.send(side::client, {.flags = fin_ack, .sequence = 1001, .acknowledgement = 5001});
    lesson.wait(220ms);
    const auto again =
        lesson.send(side::client, {.flags = fin_ack, .sequence = 1001, .acknowledgement = 5001});
    EXPECT_EQ(end.ordinal[static_cast<std::size_t>(kind::fin)], 1U);
    EXPECT_TRUE(again.is(mark::retransmission));
    EXPECT_EQ(again.ordinal[static_cast<std::size_t>(kind::fin)], 0U);
}

TEST(rto, follows_rfc_6298_by_hand) {
    rto_estimator timer;
    EXPECT_EQ(timer.rto(), 1s);
    timer.sample(100ms);
    EXPECT_EQ(timer.srtt(), 100ms);
    EXPECT_EQ(timer.rttvar(), 50ms);
    EXPECT_EQ(timer.rto(), 300ms);
    timer.sample(200ms);
    EXPECT_EQ(timer.rttvar(), 62'500us) << "3/4 * 50 + 1/4 * |100 - 200|";
    EXPECT_EQ(timer.srtt(), 112'500us) << "7/8 * 100 + 1/8 * 200";
    EXPECT_EQ(timer.rto(), 362'500us);
}

TEST(byte_stream, gives_back_order_and_counts_each_byte_once) {
    const std::vector<std::uint8_t> text{'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'};
    const bytes_view bytes(text);
    stream_digest wanted;
    wanted.add(bytes);
    byte_stream stream;
    EXPECT_EQ(stream.add(5, bytes.subspan(4, 2)), byte_stream::placed::ahead);
    EXPECT_EQ(stream.add(5, bytes.subspan(4, 2)), byte_stream::placed::seen_before);
    EXPECT_EQ(stream.add(7, bytes.subspan(6, 2)), byte_stream::placed::ahead);
    EXPECT_EQ(stream.add(1, bytes.subspan(0, 2)), byte_stream::placed::fills_gap);
    EXPECT_EQ(stream.next(), 3U);
    EXPECT_EQ(stream.add(2, bytes.subspan(1, 5)), byte_stream::placed::fills_gap) << "overlaps both ways";
    EXPECT_EQ(stream.add(1, bytes), byte_stream::placed::seen_before);
    EXPECT_EQ(stream.digest(), wanted);
    EXPECT_EQ(stream.waiting(), 0U);
}

}  // namespace aperto::lab
