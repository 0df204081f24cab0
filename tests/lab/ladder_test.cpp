// SPDX-License-Identifier: MIT
#include "lab/ladder.hpp"

#include "lab/json_lines.hpp"
#include "lab/packets.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace aperto::lab {

using namespace std::chrono_literals;
using testing::story;

namespace {

std::string drawn(ladder_style style) {
    std::vector<named_fault> named(1);
    named[0].text = "--drop client data#1";
    ladder out(style, named);
    story lesson;
    std::string text = out.heading();
    auto syn = lesson.send(
        side::client,
        {.flags = tcp_flag::syn, .sequence = 1000, .window = 64'240, .options = {2, 4, 0x05, 0xb4}});
    lesson.wait(50us);
    lesson.arrive(syn);
    text += out.rung(syn);
    auto answer = lesson.pass(side::server, {.flags = tcp_flag::syn | tcp_flag::ack,
                                             .sequence = 5000,
                                             .acknowledgement = 1001,
                                             .window = 65'160,
                                             .options = {2, 4, 0x05, 0xb4}});
    text += out.rung(answer);
    auto data =
        lesson.send(side::client, {.sequence = 1001, .acknowledgement = 5001, .payload = "texto\033[2J"});
    data.end = fate::lost;
    data.lost_by = loss_cause::named;
    data.rule = 0;
    return text + out.rung(data);
}

std::size_t widest(const std::string& text) {
    std::istringstream lines(text);
    std::size_t out = 0;
    for (std::string line; std::getline(lines, line);) {
        out = std::max(out, columns_of(line));
    }
    return out;
}

}  // namespace

TEST(ladder, says_in_words_what_happens) {
    const auto text = drawn({.columns = 200});
    EXPECT_NE(text.find("SYN: the client asks to connect; it can take 64,240 bytes at"), std::string::npos)
        << text;
    EXPECT_NE(text.find("SYN/ACK 0 ack 1 win 65,160"), std::string::npos) << text;
    EXPECT_NE(text.find("✗ lost: --drop client data#1"), std::string::npos) << text;
}

TEST(ladder, fits_every_width_and_lets_no_escape_through) {
    for (const std::size_t columns : {60U, 80U, 120U, 160U, 220U}) {
        const auto text = drawn({.columns = columns});
        EXPECT_LE(widest(text), std::max<std::size_t>(columns, 60)) << text;
        EXPECT_EQ(text.find('\033'), std::string::npos);
    }
}

TEST(ladder, can_do_with_ascii_and_with_colours) {
    const auto plain = drawn({.columns = 120, .ascii = true});
    EXPECT_TRUE(std::all_of(plain.begin(), plain.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x80;
    })) << plain;
    EXPECT_NE(plain.find("|-- SYN"), std::string::npos) << plain;
    EXPECT_NE(drawn({.columns = 120, .colour = true}).find("\033[31m"), std::string::npos);
}

TEST(json_lines, a_packet_is_one_object_whatever_its_bytes) {
    story lesson;
    lesson.handshake();
    auto one = lesson.pass(side::client, {.sequence = 1001, .acknowledgement = 5001, .payload = "a\"\n\xff"});
    const auto text = event_json(one, {});
    EXPECT_EQ(text.find('\n'), std::string::npos);
    EXPECT_NE(text.find(R"("text":"a\"\n�")"), std::string::npos) << text;
    EXPECT_NE(text.find(R"("seq":1,"end_seq":5,"ack":1)"), std::string::npos) << text;
}

}  // namespace aperto::lab
