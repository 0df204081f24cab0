// SPDX-License-Identifier: MIT
#include "lab/scenario/expectation.hpp"

#include "lab/analysis/quantity.hpp"
#include "lab/packets.hpp"

#include <gtest/gtest.h>

namespace aperto::lab {

using namespace std::chrono_literals;
using testing::story;

namespace {

/// A handshake, a lost segment and its repetition after 250 ms, judged by one sentence.
verdict judged(const std::string& sentence) {
    story lesson;
    judge one(parse_expectation(sentence));
    const auto see = [&](event what, bool arrives = true) {
        if (arrives) {
            lesson.wait(1ms);
            lesson.arrive(what);
        } else {
            what.end = fate::lost;
        }
        one.see(what);
    };
    see(lesson.send(side::client, {.flags = tcp_flag::syn, .sequence = 1000, .options = {2, 4, 0x05, 0xb4}}));
    see(lesson.send(side::server,
                    {.flags = tcp_flag::syn | tcp_flag::ack, .sequence = 5000, .acknowledgement = 1001}));
    see(lesson.send(side::client, {.sequence = 1001, .acknowledgement = 5001}));
    see(lesson.send(side::client, {.sequence = 1001, .acknowledgement = 5001, .payload = "abc"}), false);
    lesson.wait(250ms);
    see(lesson.send(side::client, {.sequence = 1001, .acknowledgement = 5001, .payload = "abc"}));
    run_report report;
    report.flows.push_back(lesson.connection());
    report.programs[0] = {.started = true, .ended = true, .code = 0};
    one.hear(side::client, "reads=3 digest_reads=7");
    one.hear(side::client, "olá");
    for (int i = 0; i < 2000; ++i) {
        one.hear(side::client, "more of its output");
    }
    one.hear(side::server, "reads=9 is the server's");
    report.kernel[1].at_end["InCsumErrors"] = 2;
    report.kernel_samples.push_back({1s, side::client, {.srtt = 2ms, .rto = 202ms}});
    return one.decide(report);
}

}  // namespace

TEST(expectation, holds_where_it_should) {
    for (const char* sentence :
         {"client data = 2",
          "lost client data = 1",
          "retransmissions of client data#1 = 1",
          "timeout retransmissions >= 1",
          "from client data#1 to retransmission#1 of client data#1 takes 250ms ± 1%",
          "from client data#1 to retransmission#1 of client data#1 takes 245 ms +- 10ms",
          "handshake takes 3ms ± 1ms",
          "payload intact",
          "client exits 0",
          "client bytes = 3",
          "largest client segment = 3",
          "smallest client segment <= 3",
          "client mss = 1460",
          "zero-window episodes = 0",
          "time in zero window < 1ms",
          "connections = 1",
          "client reported reads = 3",
          "client prints \"olá\"",
          "server kernel InCsumErrors >= 2",
          "client rtt min = 2ms",
          "client kernel rto = 202ms ± 1ms",
          "client computed srtt = kernel ± 5%",
          "client computed rto >= 200ms"}) {
        const auto seen = judged(sentence);
        EXPECT_TRUE(seen.holds) << sentence << ": " << seen.evidence;
        EXPECT_FALSE(seen.evidence.empty()) << sentence;
    }
}

TEST(expectation, fails_where_it_should_and_says_what_was_seen) {
    for (const char* sentence :
         {"client data = 1", "lost server data >= 1", "retransmissions of client data#2 = 1",
          "fast retransmissions >= 1",
          "from client data#1 to retransmission#1 of client data#1 takes 1s ± 20%",
          "from client fin#1 to client data#1 <= 1s", "handshake takes 1s ± 20%", "client exits 1",
          "server exits 0", "client bytes = 4", "largest client segment > 3", "connections != 1",
          "client reported writes = 3", "client prints \"OLÁ\"", "server kernel NoSuchCounter >= 0",
          "server rtt median <= 1ms", "goodput from client >= 1gbit"}) {
        const auto seen = judged(sentence);
        EXPECT_FALSE(seen.holds) << sentence << ": " << seen.evidence;
        EXPECT_FALSE(seen.evidence.empty()) << sentence;
    }
    EXPECT_NE(judged("client data = 1").evidence.find("saw 2: packet 4"), std::string::npos);
}

TEST(expectation, names_the_packets_that_shut_a_window) {
    judge one(parse_expectation("zero-window episodes = 0"));
    event seen;
    seen.flow = 1;
    seen.from = side::server;
    seen.end = fate::delivered;
    for (const std::uint64_t window : {1000U, 0U, 0U, 500U, 0U}) {
        ++seen.number;
        seen.window = window;
        seen.marks = window == 0 ? mark::zero_window : 0;
        one.see(seen);
    }
    const auto evidence = one.decide({}).evidence;
    EXPECT_NE(evidence.find("packet 2,"), std::string::npos) << evidence;
    EXPECT_EQ(evidence.find("packet 3,"), std::string::npos) << evidence;
    EXPECT_NE(evidence.find("packet 5,"), std::string::npos) << evidence;
}

TEST(expectation, refuses_what_it_does_not_understand_with_its_place) {
    struct mistake {
        const char* text;
        std::size_t place;
    };
    for (const auto& [text, place] : std::initializer_list<mistake>{{"client data", 11},
                                                                    {"client dato = 1", 7},
                                                                    {"client data = many", 13},
                                                                    {"handshake takes 5", 16},
                                                                    {"handshake >= 5ms ± 1%", 12},
                                                                    {"from client data#1 takes 5ms", 18},
                                                                    {"", 0}}) {
        try {
            parse_expectation(text);
            ADD_FAILURE() << text;
        } catch (const bad_input& wrong) {
            EXPECT_EQ(wrong.place(), place) << text << ": " << wrong.what();
        }
    }
}

}  // namespace aperto::lab
