// SPDX-License-Identifier: MIT
#include "core/utf8.hpp"
#include "text/icu_reference.hpp"

#include <aperto/text.hpp>

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using aperto::to_upper;
using namespace std::string_view_literals;

TEST(upper, answers_the_lesson_in_capitals) {
    EXPECT_EQ(to_upper("texto original"), "TEXTO ORIGINAL");
    EXPECT_EQ(to_upper("olá, mundo"), "OLÁ, MUNDO");
    EXPECT_EQ(to_upper(""), "");
    EXPECT_EQ(to_upper("a"), "A");
}

TEST(upper, leaves_alone_what_has_no_capital) {
    const std::string_view text = "0123 [\\]^_`{|}~ @ÁÉÍ ÷ª º – “” € 你好 שלום مرحبا 😀\0\n"sv;
    EXPECT_EQ(to_upper(text), text);
}

TEST(upper, gives_the_special_cases_that_hold_in_every_language) {
    EXPECT_EQ(to_upper("straße"), "STRASSE");
    EXPECT_EQ(to_upper("ŉ"), "ʼN");
    EXPECT_EQ(to_upper("ǰ"), "J\u030C");
    EXPECT_EQ(to_upper("ﬁ ﬄ ﬆ"), "FI FFL ST");
    EXPECT_EQ(to_upper("և ﬓ"), "ԵՒ ՄՆ");
    EXPECT_EQ(to_upper("ΐ ΰ"), "Ι\u0308\u0301 Υ\u0308\u0301");
    EXPECT_EQ(to_upper("ᾳ ᾧ ᾷ"), "ΑΙ ὯΙ Α\u0342Ι");
}

TEST(upper, follows_no_language_of_its_own) {
    EXPECT_EQ(to_upper("i ı"), "I I") << "Turkish would keep a dot";
    EXPECT_EQ(to_upper("άλφα"), "ΆΛΦΑ") << "Greek would drop the accent";
    EXPECT_EQ(to_upper("i\u0307"), "I\u0307") << "Lithuanian would drop the dot";
    EXPECT_EQ(to_upper("σας"), "ΣΑΣ");
}

TEST(upper, finds_capitals_of_another_length) {
    EXPECT_EQ(to_upper("ı"), "I") << "two bytes become one";
    EXPECT_EQ(to_upper("ſ"), "S");
    EXPECT_EQ(to_upper("ɐ"), "Ɐ") << "two bytes become three";
    EXPECT_EQ(to_upper("ⱥ"), "Ⱥ") << "three bytes become two";
    EXPECT_EQ(to_upper("ÿ µ"), "Ÿ Μ");
    EXPECT_EQ(to_upper("𐐨 𞤢"), "𐐀 𞤀") << "beyond the basic plane";
}

TEST(upper, passes_bytes_that_are_not_utf8_unchanged) {
    EXPECT_EQ(to_upper("caf\xE9 au lait"), "CAF\xE9 AU LAIT");
    EXPECT_EQ(to_upper("\xC0\xE1 \xED\xA0\x80 \xF4\x90\x80\x80"), "\xC0\xE1 \xED\xA0\x80 \xF4\x90\x80\x80");
    EXPECT_EQ(to_upper("cut \xE2\x82"), "CUT \xE2\x82");
    EXPECT_EQ(to_upper("a\x80z"), "A\x80Z");
}

TEST(upper, appends_to_what_is_there) {
    std::string replies;
    to_upper("texto", replies);
    to_upper(" ", replies);
    to_upper("", replies);
    to_upper("original é um ß", replies);
    EXPECT_EQ(replies, "TEXTO ORIGINAL É UM SS");
}

// Lengths around the boundaries of words, blocks and the window in which output gathers.
TEST(upper, is_the_same_at_every_length) {
    const std::string_view pattern =
        "the quick brown fox, o cão e a maçã, größe, ŉ, ﬁ, привет, ΐ, 你好, 😀; ";
    std::string text;
    while (text.size() < 9000)
        text += pattern;
    std::vector<std::size_t> sizes;
    for (std::size_t size = 0; size <= 300; ++size)
        sizes.push_back(size);
    for (std::size_t size = 4000; size <= 4200; ++size)
        sizes.push_back(size);
    for (std::size_t size = 8150; size <= 8250; ++size)
        sizes.push_back(size);
    for (const std::size_t size : sizes) {
        const std::string_view part = std::string_view(text).substr(0, size);
        ASSERT_EQ(to_upper(part), aperto::reference::upper(part)) << size;
    }
}

TEST(upper, grows_to_no_more_than_three_times_the_text) {
    std::string text;
    for (int i = 0; i < 5000; ++i)
        text += "ΐ";
    const std::string upper = to_upper(text);
    EXPECT_EQ(upper.size(), 3 * text.size());
    EXPECT_EQ(upper, aperto::reference::upper(text));
}

// Threads that ask for pages of the table for the first time, all at once.
TEST(upper, may_be_asked_by_many_threads_at_once) {
    std::string text;
    for (char32_t code_point = 0x80; code_point < 0x2000; ++code_point) {
        text += aperto::utf8::encode(code_point).view();
    }
    const std::string expected = aperto::reference::upper(text);
    std::vector<std::string> answers(4);
    {
        std::vector<std::jthread> threads;
        for (std::string& answer : answers) {
            threads.emplace_back([&answer, &text] { answer = to_upper(text); });
        }
    }
    for (const std::string& answer : answers)
        EXPECT_EQ(answer, expected);
}

}  // namespace
