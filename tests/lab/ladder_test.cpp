// SPDX-License-Identifier: MIT
#include "lab/view/ladder.hpp"

#include "core/display.hpp"
#include "lab/packets.hpp"
#include "lab/view/json_lines.hpp"

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
        out = std::max(out, display_width(line));
    }
    return out;
}

}  // namespace

TEST(ladder, says_in_words_what_happens) {
    const auto text = drawn({.columns = 200});
    EXPECT_NE(text.find("SYN: the client asks to connect; it takes segments of up to 1,460 bytes (MSS),"),
              std::string::npos)
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

TEST(ladder, every_segment_of_data_tells_what_it_acknowledges) {
    story lesson;
    lesson.handshake();
    const auto pushed = lesson.pass(side::client, {.flags = tcp_flag::ack | tcp_flag::psh,
                                                   .sequence = 1001,
                                                   .acknowledgement = 5001,
                                                   .payload = "abc"});
    const auto not_pushed =
        lesson.pass(side::client, {.sequence = 1004, .acknowledgement = 5001, .payload = "def"});
    EXPECT_EQ(arrow_label(pushed, 80), "1–3 PSH (3 B) ack 1 win 1,000");
    EXPECT_EQ(arrow_label(not_pushed, 80), "4–6 (3 B) ack 1 win 1,000");
}

TEST(ladder, what_is_quoted_stays_in_one_line) {
    const std::vector<named_fault> named;
    const auto sent = [](std::string_view payload) {
        story lesson;
        lesson.handshake();
        return lesson.pass(side::server, {.sequence = 5001, .acknowledgement = 1001, .payload = payload});
    };
    const auto said = [&](std::string_view payload) { return narrator(named).about(sent(payload)); };
    EXPECT_TRUE(said("texto original ").ends_with("\"texto original \"")) << said("texto original ");
    EXPECT_TRUE(said(std::string(40, '7')).ends_with("\"" + std::string(36, '7') + "…\""));
    EXPECT_TRUE(said("日本日本日本日本").ends_with("\"日本日本日本日本\""));
    const auto words = sent("one two three four five six seven eight nine ten eleven");
    for (const std::size_t columns : {80U, 100U, 120U, 160U}) {
        const auto text = ladder({.columns = columns}, named).rung(words);
        EXPECT_NE(text.find("\"one two three four five six seven ei…\""), std::string::npos) << text;
    }
}

TEST(ladder, a_loss_with_a_long_name_is_told_among_the_words) {
    std::vector<named_fault> named(1);
    named[0].text = "--drop retransmission#1..20 of flow#2 client data#1..40 and more of it";
    for (const std::size_t columns : {80U, 100U, 120U, 160U}) {
        ladder out({.columns = columns}, named);
        story lesson;
        lesson.handshake();
        auto lost = lesson.send(side::server, {.sequence = 5001, .acknowledgement = 1001, .payload = "abc"});
        lost.end = fate::lost;
        lost.lost_by = loss_cause::named;
        lost.rule = 0;
        EXPECT_LE(widest(out.rung(lost)), columns);
    }
}

TEST(ladder, a_loss_stands_on_its_arrow_only_where_the_label_has_room_too) {
    // As in the lab "retransmit": large numbers and a PSH beside the name of the packet.
    const std::string payload(1460, 'x');
    std::vector<named_fault> named(1);
    for (std::size_t more = 0; more < 30; ++more)
        for (std::size_t columns = 80; columns <= 160; ++columns) {
            named[0].text = "--drop client data#20" + std::string(more, '0');
            story lesson;
            lesson.handshake();
            auto lost = lesson.send(side::client, {.flags = tcp_flag::psh | tcp_flag::ack,
                                                   .sequence = 1'027'741,
                                                   .acknowledgement = 5001,
                                                   .payload = payload});
            lost.end = fate::lost;
            lost.lost_by = loss_cause::named;
            lost.rule = 0;
            EXPECT_LE(widest(ladder({.columns = columns}, named).rung(lost)), columns);
        }
}

TEST(ladder, ascii_writes_letters_without_their_accents) {
    EXPECT_EQ(to_ascii("não é água · 1–2 …"), "nao e agua | 1-2 ...");
    EXPECT_EQ(to_ascii("日"), "?");
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
