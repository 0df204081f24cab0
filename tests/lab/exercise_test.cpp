// SPDX-License-Identifier: MIT
#include "lab/scenario/exercise.hpp"

#include "lab/analysis/quantity.hpp"

#include <gtest/gtest.h>

#include <set>

namespace aperto::lab {

namespace {

std::vector<exercise_row> a_run(std::size_t packets) {
    std::vector<exercise_row> out{{1, "client", "SYN", 0, 1, 0, 0, "delivered"},
                                  {2, "server", "SYN/ACK", 0, 1, 1, 0, "delivered"},
                                  {3, "client", "ACK", 1, 1, 1, 0, "delivered"}};
    for (std::uint64_t n = 4; out.size() < packets; ++n) {
        const auto at = 1 + (n - 4) / 2 * 100;
        out.push_back(n % 2 == 0 ? exercise_row{n, "client", "PSH ACK", at, at + 100, 1, 100, "delivered"}
                                 : exercise_row{n, "server", "ACK", 1, 1, at + 100, 0, "delivered"});
    }
    return out;
}

}  // namespace

TEST(exercise, is_the_same_for_the_same_seed_alone) {
    const auto rows = a_run(40);
    EXPECT_EQ(make_exercise(rows, 7).table, make_exercise(rows, 7).table);
    std::set<std::string> tables;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        tables.insert(make_exercise(rows, seed).table);
    }
    EXPECT_GE(tables.size(), 19U);
}

TEST(exercise, leaves_a_blank_for_each_field_that_it_asks_for) {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        const auto made = make_exercise(a_run(20), seed);
        ASSERT_EQ(made.items.size(), 7U);
        for (std::size_t i = 1; i <= 6; ++i) {
            EXPECT_NE(made.table.find("(" + std::to_string(i) + ")"), std::string::npos);
        }
        EXPECT_EQ(std::set<char>(made.items.back().answer.begin(), made.items.back().answer.end()).size(),
                  made.items.back().answer.size())
            << "each letter once";
    }
}

TEST(exercise, needs_enough_packets) {
    EXPECT_THROW(make_exercise(a_run(7), 1), bad_input);
    EXPECT_NO_THROW(make_exercise(a_run(8), 1));
}

TEST(exercise, takes_an_answer_however_it_is_written) {
    EXPECT_TRUE(is_same_answer("1460", "1,460"));
    EXPECT_TRUE(is_same_answer("1460", " 1.460"));
    EXPECT_TRUE(is_same_answer("1460", "1460 bytes"));
    EXPECT_FALSE(is_same_answer("1460", "bytes"));
    EXPECT_FALSE(is_same_answer("1460", "1 or 460"));
    EXPECT_TRUE(is_same_answer("SYN/ACK", "ack, syn"));
    EXPECT_TRUE(is_same_answer("FIN ACK", "ACK/FIN"));
    EXPECT_TRUE(is_same_answer("EBCDAF", "e b c d a f"));
    EXPECT_FALSE(is_same_answer("1460", "146"));
    EXPECT_FALSE(is_same_answer("SYN/ACK", "SYN"));
    EXPECT_FALSE(is_same_answer("EBCDAF", "EBCDFA"));
    EXPECT_FALSE(is_same_answer("0", ""));
}

TEST(exercise, reads_the_packets_of_a_report) {
    const auto rows = rows_of(
        R"({"event":"run","seed":1}
{"event":"packet","n":1,"from":"client","fate":"lost","flow":1,"flags":"SYN","seq":0,"end_seq":1,"ack":0,"payload":0}
{"event":"packet","n":2,"from":"client","fate":"lost","flow":2,"flags":"SYN","seq":0,"end_seq":1,"ack":0,"payload":0}
)");
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].flags, "SYN");
    EXPECT_EQ(rows[0].fate, "lost");
    EXPECT_THROW(rows_of("{\"event\":\"packet\",broken"), bad_input);
}

}  // namespace aperto::lab
