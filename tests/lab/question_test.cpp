// SPDX-License-Identifier: MIT
#include "lab/analysis/quantity.hpp"
#include "lab/packets.hpp"
#include "lab/scenario/scenario.hpp"

#include <gtest/gtest.h>

namespace aperto::lab {

namespace {

scenario three_questions() {
    return parse_scenario(R"(
teaches = "errors"
[[question]]
choice = ["lost packets = 0", "lost packets = 1", "lost packets >= 1"]
[[question]]
value = "handshake"
within = "10%"
[[question]]
packet = "client data#1"
)",
                          "f.toml");
}

}  // namespace

TEST(question, is_read_from_a_scenario) {
    const auto asked = three_questions();
    ASSERT_EQ(asked.questions.size(), 3U);
    EXPECT_EQ(asked.teaches, topic::error_control);
    EXPECT_EQ(asked.questions[0].facts.size(), 3U);
    EXPECT_TRUE(asked.questions[1].asks_for_time());
    EXPECT_FALSE(asked.questions[2].asks_for_time());
    EXPECT_THROW(parse_scenario("[[question]]\nwithin = '5%'", "f.toml"), bad_input);
    EXPECT_THROW(parse_scenario("[[question]]\nvalue = 'handshak'", "f.toml"), bad_input);
    EXPECT_THROW(parse_scenario("teaches = 'nothing'", "f.toml"), bad_input);
}

TEST(question, takes_answers_as_people_write_them) {
    const auto asked = three_questions().questions;
    EXPECT_EQ(read_answer(asked[0], " B) "), "b");
    EXPECT_EQ(read_answer(asked[0], "d"), std::nullopt);
    EXPECT_EQ(read_answer(asked[0], "ab"), std::nullopt);
    EXPECT_EQ(read_answer(asked[1], "1,5 ms"), "1500000ns");
    EXPECT_EQ(read_answer(asked[1], "20"), std::nullopt) << "a time has a unit";
    EXPECT_EQ(read_answer(asked[2], "#14"), "14");
    EXPECT_EQ(read_answer(asked[2], "1.460"), "1460");
    EXPECT_EQ(read_answer(asked[2], "14.5"), std::nullopt) << "there is no half a packet";
}

TEST(question, takes_numbers_as_people_write_them) {
    const auto bytes = parse_scenario("[[question]]\nvalue = 'client bytes'", "f.toml").questions.front();
    EXPECT_EQ(read_answer(bytes, "1,460 B"), "1460");
    EXPECT_EQ(read_answer(bytes, "1.460"), "1460");
    EXPECT_EQ(read_answer(bytes, "1 460 bytes"), "1460");
    EXPECT_EQ(read_answer(bytes, "1.234.567"), "1234567");
    EXPECT_EQ(read_answer(bytes, "12.5"), "12.5") << "and not 125";
    EXPECT_EQ(read_answer(bytes, "12,5 ms"), "12.5");
    EXPECT_EQ(read_answer(bytes, "0.125"), "0.125");
    EXPECT_EQ(read_answer(bytes, "1234.567"), "1234.567");
    EXPECT_EQ(read_answer(bytes, "10 segmentos"), "10");
    EXPECT_EQ(read_answer(bytes, "0.05 s"), std::nullopt) << "of another size than was asked";
    EXPECT_EQ(read_answer(bytes, "1 2"), std::nullopt);
    EXPECT_EQ(read_answer(bytes, "1,2,3"), std::nullopt);
    EXPECT_EQ(read_answer(bytes, ".5"), std::nullopt);
    EXPECT_EQ(read_answer(bytes, "5."), std::nullopt);
    EXPECT_EQ(read_answer(bytes, "18 or 19"), std::nullopt);
    EXPECT_EQ(read_answer(bytes, "bytes"), std::nullopt);
    EXPECT_EQ(read_answer(bytes, "many"), std::nullopt);
    EXPECT_EQ(read_answer(bytes, "99999999999999999999"), std::nullopt);
}

TEST(question, is_answered_by_the_run) {
    const auto asked = three_questions().questions;
    std::vector<examiner> all(asked.begin(), asked.end());
    testing::story lesson;
    auto lost = lesson.send(side::client, {.sequence = 1, .acknowledgement = 1, .payload = "texto"});
    lost.end = fate::lost;
    for (auto& one : all) {
        one.see(lost);
    }
    run_report report;
    const auto choice = all[0].decide(report);
    EXPECT_EQ(choice.right, "b") << "the first that holds";
    EXPECT_TRUE(is_right(asked[0], choice, "b"));
    EXPECT_FALSE(is_right(asked[0], choice, "c"));
    EXPECT_FALSE(is_right(asked[0], choice, ""));
    const auto handshake = all[1].decide(report);
    EXPECT_FALSE(handshake.known) << "there was none";
    EXPECT_FALSE(is_right(asked[1], handshake, "0ns"));
    const auto packet = all[2].decide(report);
    ASSERT_TRUE(packet.known);
    EXPECT_EQ(packet.value, static_cast<double>(lost.number));
    EXPECT_TRUE(is_right(asked[2], packet, std::to_string(lost.number)));
    EXPECT_FALSE(is_right(asked[2], packet, std::to_string(lost.number + 1)));
}

TEST(question, allows_as_much_as_the_scenario_says) {
    const auto asked = three_questions().questions[1];
    fact seen;
    seen.known = true;
    seen.value = 100e6;
    EXPECT_TRUE(is_right(asked, seen, "109ms"));
    EXPECT_TRUE(is_right(asked, seen, "91ms"));
    EXPECT_FALSE(is_right(asked, seen, "111ms"));
}

}  // namespace aperto::lab
