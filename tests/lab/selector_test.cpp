// SPDX-License-Identifier: MIT
#include "lab/analysis/selector.hpp"

#include "lab/analysis/quantity.hpp"
#include "lab/packets.hpp"

#include <gtest/gtest.h>

namespace aperto::lab {

using namespace std::chrono_literals;
using testing::story;

namespace {

/// Where a wrong selector goes wrong.
std::size_t place_of(std::string_view text) {
    try {
        parse_selector(text);
    } catch (const bad_input& wrong) {
        return wrong.place();
    }
    return std::string_view::npos;
}

}  // namespace

TEST(selector, names_the_third_data_segment_and_its_repetitions) {
    story lesson;
    lesson.handshake();
    std::vector<event> sent;
    for (std::uint32_t i = 0; i < 4; ++i) {
        sent.push_back(lesson.send(
            side::client, {.sequence = 1001 + 10 * i, .acknowledgement = 5001, .payload = "0123456789"}));
    }
    lesson.wait(300ms);
    sent.push_back(
        lesson.send(side::client, {.sequence = 1021, .acknowledgement = 5001, .payload = "0123456789"}));
    lesson.wait(300ms);
    sent.push_back(
        lesson.send(side::client, {.sequence = 1021, .acknowledgement = 5001, .payload = "0123456789"}));

    const auto found = [&](std::string_view text) {
        const auto wanted = parse_selector(text);
        std::string out;
        for (std::size_t i = 0; i < sent.size(); ++i) {
            out += wanted.matches(sent[i]) ? std::to_string(i) : "";
        }
        return out;
    };
    EXPECT_EQ(found("client data#3"), "2");
    EXPECT_EQ(found("data#2..3"), "12");
    EXPECT_EQ(found("data#3+"), "23");
    EXPECT_EQ(found("client data"), "012345");
    EXPECT_EQ(found("server data"), "");
    EXPECT_EQ(found("retransmission-of client data#3"), "45");
    EXPECT_EQ(found("retransmission#2 of client data#3"), "5");
    EXPECT_EQ(found("retransmissions of client data#1"), "");
    EXPECT_EQ(found("retransmissions"), "45");
    EXPECT_EQ(found("timeout retransmissions"), "45");
    EXPECT_EQ(found("fast retransmissions"), "");
    EXPECT_EQ(found("client bytes 11..20"), "1");
    EXPECT_EQ(found("bytes 20..21"), "1245");
    EXPECT_EQ(found("flow#1 client packets"), "012345");
    EXPECT_EQ(found("flow#2 packets"), "");
}

TEST(selector, a_syn_ack_by_number_is_the_original) {
    story lesson;
    const auto first = lesson.send(side::client, {.flags = tcp_flag::syn, .sequence = 9});
    lesson.wait(1s);
    const auto second = lesson.send(side::client, {.flags = tcp_flag::syn, .sequence = 9});
    EXPECT_TRUE(parse_selector("client syn#1").matches(first));
    EXPECT_FALSE(parse_selector("client syn#1").matches(second));
    EXPECT_TRUE(parse_selector("client syn").matches(second));
    EXPECT_TRUE(parse_selector("retransmission-of client syn#1").matches(second));
    EXPECT_FALSE(parse_selector("syn-ack").matches(first));
}

TEST(selector, words_about_the_outcome_are_known_only_at_the_end) {
    EXPECT_TRUE(parse_selector("client data#3").known_on_entry());
    EXPECT_FALSE(parse_selector("lost client data").known_on_entry());
    EXPECT_FALSE(parse_selector("out-of-order data").known_on_entry());
}

TEST(selector, says_where_it_stops_making_sense) {
    EXPECT_EQ(place_of(""), 0U);
    EXPECT_EQ(place_of("client dato#3"), 7U);
    EXPECT_EQ(place_of("client data#x"), 11U);
    EXPECT_EQ(place_of("client data#0"), 11U);
    EXPECT_EQ(place_of("client data#5..3"), 11U);
    EXPECT_EQ(place_of("client data#3 please"), 14U);
    EXPECT_EQ(place_of("flow client data"), 5U);
    EXPECT_EQ(place_of("retransmission-of nothing"), 18U);
    EXPECT_NE(place_of("timeout data"), std::string_view::npos);
    EXPECT_EQ(place_of("client bytes"), 12U);
    EXPECT_EQ(place_of("client data#99999999999999999999999"), 11U);
}

}  // namespace aperto::lab
