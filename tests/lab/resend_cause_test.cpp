// SPDX-License-Identifier: MIT
#include "lab/analysis/flow.hpp"
#include "lab/packets.hpp"

#include <gtest/gtest.h>

#include <string>

namespace aperto::lab {

using namespace std::chrono_literals;
using testing::story;
using testing::tcp_text;

namespace {

constexpr std::uint32_t length = 1400;

std::string_view payload(std::size_t bytes) {
    static const std::string all(9000, 'x');
    return std::string_view(all).substr(0, bytes);
}

/// The client's segment number `number`, from 0, of 1,400 bytes each.
tcp_text data(std::uint32_t number, std::uint32_t bytes = length) {
    return {.sequence = 1001 + length * number, .acknowledgement = 5001, .payload = payload(bytes)};
}

void put32(std::vector<std::uint8_t>& out, std::uint32_t value) {
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
        out.push_back(static_cast<std::uint8_t>(value >> shift));
    }
}

/// The server's acknowledgement of all before segment `number`, with SACK of the segments [left, right).
tcp_text acknowledge(std::uint32_t number, std::uint32_t left = 0, std::uint32_t right = 0) {
    tcp_text out{.sequence = 5001, .acknowledgement = 1001 + length * number};
    if (right > left) {
        out.options = {1, 1, 5, 10};
        put32(out.options, 1001 + length * left);
        put32(out.options, 1001 + length * right);
    }
    return out;
}

const resend_tally& tally(const story& lesson, side host = side::client) {
    return lesson.connection().half(host).recovery.tally;
}

/// The handshake, and then the client's first `count` segments in one moment.
void send_at_once(story& lesson, std::uint32_t count) {
    lesson.handshake();
    for (std::uint32_t i = 0; i < count; ++i) {
        lesson.send(side::client, data(i));
    }
}

/// Three segments, the first lost, the others SACKed.
void lose_the_first_of_three(story& lesson) {
    lesson.handshake();
    lesson.send(side::client, data(0));
    lesson.pass(side::client, data(1));
    lesson.pass(side::client, data(2));
    lesson.pass(side::server, acknowledge(0, 1, 2));
    lesson.pass(side::server, acknowledge(0, 1, 3));
}

}  // namespace

TEST(resend_cause, what_is_silent_after_a_fast_retransmit_is_the_timer_and_backs_off) {
    story lesson;
    lose_the_first_of_three(lesson);
    EXPECT_EQ(lesson.send(side::client, data(0)).resent_by, resend_cause::fast);
    lesson.wait(210ms);
    EXPECT_EQ(lesson.send(side::client, data(0)).resent_by, resend_cause::timeout);
    lesson.wait(410ms);
    EXPECT_EQ(lesson.send(side::client, data(0)).resent_by, resend_cause::timeout);
    EXPECT_EQ(tally(lesson).fast, 1U);
    EXPECT_EQ(tally(lesson).timeouts, 2U);
}

TEST(resend_cause, what_follows_a_timeout_as_acknowledgements_come_is_slow_start) {
    story lesson;
    send_at_once(lesson, 4);
    lesson.wait(210ms);
    EXPECT_EQ(lesson.pass(side::client, data(0)).resent_by, resend_cause::timeout);
    lesson.pass(side::server, acknowledge(1));
    EXPECT_EQ(lesson.pass(side::client, data(1)).resent_by, resend_cause::after_timeout);
    EXPECT_EQ(lesson.pass(side::client, data(2)).resent_by, resend_cause::after_timeout);
    EXPECT_EQ(tally(lesson).slow_start, 2U);
}

TEST(resend_cause, a_repetition_lost_in_turn_after_a_timeout_is_found_by_what_was_sent_after_it) {
    story lesson;
    send_at_once(lesson, 4);
    lesson.wait(210ms);
    lesson.pass(side::client, data(0));
    lesson.pass(side::server, acknowledge(1));
    lesson.send(side::client, data(1));
    lesson.wait(1ms);
    lesson.pass(side::client, data(2));
    lesson.pass(side::server, acknowledge(1, 2, 3));
    EXPECT_EQ(lesson.pass(side::client, data(1)).resent_by, resend_cause::fast);
    EXPECT_EQ(lesson.pass(side::client, data(3)).resent_by, resend_cause::fast)
        << "this recovery's, not the timer's";
}

TEST(resend_cause, one_probe_of_the_tail_and_then_the_timer) {
    story lesson({.tail_probes = true, .rto_min = 200ms});
    lesson.handshake();
    lesson.send(side::client, data(0));
    lesson.send(side::client, data(1));
    lesson.wait(15ms);
    EXPECT_EQ(lesson.send(side::client, data(1)).resent_by, resend_cause::tail_probe);
    lesson.wait(210ms);
    EXPECT_EQ(lesson.send(side::client, data(0)).resent_by, resend_cause::timeout);
    EXPECT_EQ(tally(lesson).probes, 1U);
    EXPECT_EQ(tally(lesson).timeouts, 1U);

    story alone({.tail_probes = true, .rto_min = 200ms});
    alone.handshake();
    alone.send(side::client, data(0));
    alone.wait(210ms);
    EXPECT_EQ(alone.send(side::client, data(0)).resent_by, resend_cause::tail_probe);
    alone.wait(210ms);
    EXPECT_EQ(alone.send(side::client, data(0)).resent_by, resend_cause::timeout);
}

TEST(resend_cause, a_timeout_that_was_needless_is_over_when_all_it_sent_is_reported_twice) {
    story lesson;
    lesson.handshake();
    lesson.pass(side::client, data(0));
    lesson.pass(side::client, data(1));
    lesson.wait(210ms);
    EXPECT_EQ(lesson.pass(side::client, data(0)).resent_by, resend_cause::timeout);
    lesson.pass(side::server, acknowledge(1, 0, 1));
    EXPECT_EQ(lesson.connection().half(side::client).recovery.now.what, repairing::nothing);
}

TEST(resend_cause, a_syn_ack_answers_each_syn_that_comes_again_and_else_is_the_timer_s) {
    constexpr auto syn_ack = static_cast<std::uint16_t>(tcp_flag::syn | tcp_flag::ack);
    const tcp_text asks{.flags = tcp_flag::syn, .sequence = 1000};
    const tcp_text answers{.flags = syn_ack, .sequence = 5000, .acknowledgement = 1001};
    story lesson;
    lesson.pass(side::client, asks);
    lesson.send(side::server, answers);
    lesson.wait(1s);
    EXPECT_EQ(lesson.pass(side::client, asks).resent_by, resend_cause::timeout);
    EXPECT_EQ(lesson.send(side::server, answers).resent_by, resend_cause::repeated_syn);
    EXPECT_EQ(lesson.send(side::server, answers).resent_by, resend_cause::timeout)
        << "one SYN is answered once";
    lesson.wait(2s);
    EXPECT_EQ(lesson.send(side::server, answers).resent_by, resend_cause::timeout);
    EXPECT_EQ(tally(lesson, side::server).syn, 3U);
    EXPECT_EQ(tally(lesson, side::server).timeouts, 2U);
}

TEST(resend_cause, a_syn_that_the_wire_doubles_is_answered_twice) {
    constexpr auto syn_ack = static_cast<std::uint16_t>(tcp_flag::syn | tcp_flag::ack);
    story lesson;
    auto syn = lesson.pass(side::client, {.flags = tcp_flag::syn, .sequence = 1000});
    lesson.arrive(syn);
    const tcp_text answer{.flags = syn_ack, .sequence = 5000, .acknowledgement = 1001};
    EXPECT_FALSE(lesson.send(side::server, answer).is(mark::retransmission));
    EXPECT_EQ(lesson.send(side::server, answer).resent_by, resend_cause::repeated_syn);
}

TEST(resend_cause, who_opens_at_the_same_time_answers_with_a_syn_ack_that_repeats_nothing) {
    constexpr auto syn_ack = static_cast<std::uint16_t>(tcp_flag::syn | tcp_flag::ack);
    story lesson;
    auto one = lesson.send(side::client, {.flags = tcp_flag::syn, .sequence = 1000});
    auto two = lesson.send(side::server, {.flags = tcp_flag::syn, .sequence = 5000});
    lesson.wait(1ms);
    lesson.arrive(one);
    lesson.arrive(two);
    const auto answer =
        lesson.pass(side::client, {.flags = syn_ack, .sequence = 1000, .acknowledgement = 5001});
    EXPECT_FALSE(answer.is(mark::retransmission));
    EXPECT_TRUE(answer.is(mark::simultaneous));
    EXPECT_EQ(answer.ordinal[static_cast<std::size_t>(kind::syn_ack)], 1U);
    EXPECT_EQ(tally(lesson).all, 0U);
    lesson.wait(1s);
    EXPECT_EQ(
        lesson.pass(side::client, {.flags = syn_ack, .sequence = 1000, .acknowledgement = 5001}).resent_by,
        resend_cause::timeout);
}

TEST(resend_cause, what_crosses_the_acknowledgement_that_ends_a_recovery_belongs_to_it) {
    story lesson;
    send_at_once(lesson, 3);
    lesson.wait(210ms);
    EXPECT_EQ(lesson.send(side::client, data(0)).resent_by, resend_cause::timeout);
    lesson.pass(side::server, acknowledge(1));
    lesson.pass(side::server, acknowledge(3));
    lesson.wait(1ms);
    EXPECT_EQ(lesson.send(side::client, data(1)).resent_by, resend_cause::after_timeout);
    EXPECT_EQ(tally(lesson).slow_start, 1U);
    EXPECT_EQ(tally(lesson).fast, 0U);
    EXPECT_EQ(tally(lesson).timeouts, 1U);
}

TEST(resend_cause, who_opens_at_the_same_time_measures_the_round_trip_from_the_syn_ack_on) {
    constexpr auto syn_ack = static_cast<std::uint16_t>(tcp_flag::syn | tcp_flag::ack);
    story lesson;
    auto one = lesson.send(side::client, {.flags = tcp_flag::syn, .sequence = 1000});
    lesson.wait(100ms);
    auto two = lesson.send(side::server, {.flags = tcp_flag::syn, .sequence = 5000});
    lesson.wait(300ms);
    lesson.arrive(two);
    lesson.send(side::client, {.flags = syn_ack, .sequence = 1000, .acknowledgement = 5001});
    lesson.arrive(one);
    auto other = lesson.send(side::server, {.flags = syn_ack, .sequence = 5000, .acknowledgement = 1001});
    lesson.wait(150ms);
    lesson.arrive(other);
    const auto& steps = lesson.connection().half(side::client).timer_steps;
    ASSERT_EQ(steps.size(), 1U);
    EXPECT_EQ(steps.front().round_trip, 150ms);
}

TEST(resend_cause, each_piece_of_what_icmp_called_too_large_is_one_and_has_the_whole_s_time) {
    story lesson;
    lesson.handshake();
    const auto whole = lesson.send(side::client, data(0));
    lesson.send(side::client, data(1));
    lesson.refuse(whole, 640);
    lesson.wait(2ms);
    std::vector<event> pieces;
    for (std::uint32_t at = 0; at < 2 * length; at += 600) {
        const auto bytes = std::min(600U, 2 * length - at);
        pieces.push_back(lesson.send(
            side::client, {.sequence = 1001 + at, .acknowledgement = 5001, .payload = payload(bytes)}));
        lesson.wait(2us);
    }
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        EXPECT_EQ(pieces[i].resent_by, resend_cause::too_big) << i;
        EXPECT_EQ(pieces[i].resent_times, 1U) << i;
        EXPECT_EQ(pieces[i].since_last, 2ms + i * 2us) << i;
    }
    EXPECT_EQ(pieces.front().resent_last, 1U);
    EXPECT_EQ(pieces.back().resent_first, 2U);
    EXPECT_EQ(tally(lesson).slow_start, pieces.size()) << "as Linux counts them";
}

TEST(resend_cause, data_that_was_not_taken_with_the_syn_is_due_again_at_once) {
    constexpr auto syn_ack = static_cast<std::uint16_t>(tcp_flag::syn | tcp_flag::ack);
    story lesson;
    lesson.pass(side::client, {.flags = tcp_flag::syn, .sequence = 1000, .payload = "early"});
    lesson.pass(side::server, {.flags = syn_ack, .sequence = 5000, .acknowledgement = 1001});
    const auto again =
        lesson.pass(side::client, {.sequence = 1001, .acknowledgement = 5001, .payload = "early"});
    EXPECT_EQ(again.resent_by, resend_cause::syn_data);
    EXPECT_FALSE(again.is(mark::seen_before)) << "the first time it was not taken";
    EXPECT_EQ(lesson.connection().half(side::client).arrived.bytes(), 5U);
    EXPECT_EQ(tally(lesson).slow_start, 1U);
}

TEST(resend_cause, data_that_was_taken_with_the_syn_has_arrived) {
    constexpr auto syn_ack = static_cast<std::uint16_t>(tcp_flag::syn | tcp_flag::ack);
    story lesson;
    lesson.pass(side::client, {.flags = tcp_flag::syn, .sequence = 1000, .payload = "early"});
    EXPECT_EQ(lesson.connection().half(side::client).arrived.bytes(), 0U) << "nobody has taken it yet";
    lesson.pass(side::server, {.flags = syn_ack, .sequence = 5000, .acknowledgement = 1006});
    EXPECT_EQ(lesson.connection().half(side::client).arrived.bytes(), 5U);
    const auto next =
        lesson.pass(side::client, {.sequence = 1006, .acknowledgement = 5001, .payload = "late"});
    EXPECT_FALSE(next.is(mark::retransmission));
    EXPECT_EQ(tally(lesson).all, 0U);
}

TEST(resend_cause, a_byte_sent_into_a_closed_window_is_a_probe_however_often) {
    story lesson;
    lesson.handshake();
    lesson.pass(side::client, data(0));
    auto closed = acknowledge(1);
    closed.window = 0;
    lesson.pass(side::server, closed);
    for (int i = 0; i < 3; ++i) {
        lesson.wait(300ms);
        const auto probe = lesson.pass(side::client, data(1, 1));
        EXPECT_TRUE(probe.is(mark::probe)) << i;
        EXPECT_FALSE(probe.is(mark::retransmission)) << i;
        lesson.pass(side::server, closed);
    }
    lesson.pass(side::server, acknowledge(1));
    const auto rest = lesson.pass(side::client, data(1));
    EXPECT_FALSE(rest.is(mark::retransmission)) << "the byte counted as not sent";
    EXPECT_EQ(rest.ordinal[static_cast<std::size_t>(kind::data)], 2U);
    EXPECT_EQ(tally(lesson).all, 0U);
}

TEST(resend_cause, the_byte_of_a_probe_that_was_taken_is_not_sent_again) {
    story lesson;
    lesson.handshake();
    lesson.pass(side::client, data(0));
    auto closed = acknowledge(1);
    closed.window = 0;
    lesson.pass(side::server, closed);
    lesson.wait(300ms);
    lesson.pass(side::client, data(1, 1));
    lesson.pass(side::server, {.sequence = 5001, .acknowledgement = 1001 + length + 1});
    const auto next =
        lesson.pass(side::client,
                    {.sequence = 1001 + length + 1, .acknowledgement = 5001, .payload = payload(length - 1)});
    EXPECT_FALSE(next.is(mark::retransmission));
    EXPECT_TRUE(next.is_kind(kind::data));
}

TEST(resend_cause, what_crosses_its_acknowledgement_inside_the_host_was_the_timer_s) {
    story lesson;
    lesson.handshake();
    lesson.pass(side::client, data(0));
    lesson.wait(220ms);
    lesson.pass(side::server, acknowledge(1));
    EXPECT_EQ(lesson.send(side::client, data(0)).resent_by, resend_cause::timeout);
}

TEST(resend_cause, what_crosses_its_acknowledgement_before_the_timer_is_due_was_told) {
    story lesson;
    send_at_once(lesson, 4);
    lesson.wait(20ms);
    lesson.pass(side::server, acknowledge(2));
    lesson.pass(side::server, acknowledge(4));
    EXPECT_EQ(lesson.send(side::client, data(2)).resent_by, resend_cause::fast);
    EXPECT_EQ(lesson.send(side::client, data(3)).resent_by, resend_cause::fast);
    EXPECT_EQ(tally(lesson).timeouts, 0U);
}

TEST(resend_cause, a_timer_that_runs_out_over_a_closed_window_asks_whether_it_is_open) {
    story lesson;
    lesson.handshake();
    lesson.pass(side::client, data(0));
    lesson.pass(side::client, data(1));
    auto closed = acknowledge(1);
    closed.window = 0;
    lesson.pass(side::server, closed);
    lesson.wait(210ms);
    EXPECT_EQ(lesson.pass(side::client, data(1)).resent_by, resend_cause::closed_window);
    EXPECT_EQ(tally(lesson).timeouts, 0U) << "Linux does not count it as one";
}

TEST(resend_cause, the_timer_s_length_is_the_host_s_own) {
    for (const auto minimum : {20ms, 700ms}) {
        story lesson({.tail_probes = false, .rto_min = minimum});
        lose_the_first_of_three(lesson);
        EXPECT_EQ(lesson.send(side::client, data(0)).resent_by, resend_cause::fast);
        lesson.wait(100ms);
        lesson.pass(side::server, acknowledge(0, 1, 3));
        EXPECT_EQ(lesson.connection().half(side::client).timer.rto_linux() > 500ms, minimum == 700ms);
        const auto again = lesson.send(side::client, data(0));
        EXPECT_EQ(again.resent_by, minimum == 20ms ? resend_cause::timeout : resend_cause::fast);
    }
}

}  // namespace aperto::lab
