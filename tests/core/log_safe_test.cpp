// SPDX-License-Identifier: MIT
#include "core/log_safe.hpp"

#include "core/utf8.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

namespace {

using aperto::log_safe;
using namespace std::string_view_literals;

TEST(log_safe, lets_printable_text_of_any_script_pass) {
    for (const std::string_view text :
         {"texto original"sv, "olá, mundo"sv, "“quoted” – 'and' \"so\" on"sv, "Ελληνικά"sv, "привет"sv,
          "你好"sv, "مرحبا"sv, "e\u0301"sv, "👩‍🚀 😀"sv, ""sv}) {
        EXPECT_EQ(log_safe(text), text);
    }
}

TEST(log_safe, keeps_a_message_on_one_line) {
    EXPECT_EQ(log_safe("one\r\ntwo\tthree\n"), R"(one\r\ntwo\tthree\n)");
    EXPECT_EQ(log_safe("line\u2028separator\u2029"), R"(line\u{2028}separator\u{2029})");
    EXPECT_EQ(log_safe("\u0085next"), R"(\u{85}next)");
}

TEST(log_safe, disarms_the_terminal) {
    EXPECT_EQ(log_safe("\x1B[2J\x1B]0;owned\x07"), R"(\x1B[2J\x1B]0;owned\x07)");
    EXPECT_EQ(log_safe("a\0b"sv), R"(a\x00b)");
    EXPECT_EQ(log_safe("back\x08\x7F"), R"(back\x08\x7F)");
    EXPECT_EQ(log_safe("\u009B31m"), R"(\u{9B}31m)") << "the one-character form of ESC [";
}

TEST(log_safe, shows_what_would_turn_the_writing_direction) {
    EXPECT_EQ(log_safe("user\u202E txt.exe"), R"(user\u{202E} txt.exe)");
    for (const char32_t mark : {0x061Cu, 0x200Eu, 0x200Fu, 0x202Au, 0x202Eu, 0x2066u, 0x2069u, 0xFEFFu,
                                0xFFF9u, 0xFFFFu, 0xE0041u, 0x10FFFEu}) {
        const std::string shown = log_safe(aperto::utf8::encode(mark).view());
        EXPECT_EQ(shown.substr(0, 3), "\\u{") << shown;
        EXPECT_EQ(std::stoul(shown.substr(3), nullptr, 16), std::uint32_t{mark}) << shown;
    }
}

TEST(log_safe, tells_bad_bytes_from_characters) {
    EXPECT_EQ(log_safe("caf\xE9"), R"(caf\xE9)");
    EXPECT_EQ(log_safe("\xED\xA0\x80"), R"(\xED\xA0\x80)");
    EXPECT_EQ(log_safe("\xE2\x82"), R"(\xE2\x82)");
    EXPECT_EQ(log_safe("\xE2\x82é"), R"(\xE2\x82é)");
    EXPECT_EQ(log_safe(R"(not a control: \x1B)"), R"(not a control: \\x1B)");
}

TEST(log_safe, cuts_between_characters_and_says_how_much_it_left_out) {
    EXPECT_EQ(log_safe("abcdef", 6), "abcdef");
    EXPECT_EQ(log_safe("abcdef", 4), "abcd…(+2 B)");
    EXPECT_EQ(log_safe("abcdef", 0), "…(+6 B)");
    EXPECT_EQ(log_safe("", 0), "");
    EXPECT_EQ(log_safe("aé", 2), "a…(+2 B)");
    EXPECT_EQ(log_safe("a😀b", 4), "a…(+5 B)");
    EXPECT_EQ(log_safe("a😀b", 5), "a😀…(+1 B)");
    EXPECT_EQ(log_safe(std::string(5000, 'x')), std::string(aperto::log_safe_size_max, 'x') + "…(+3976 B)");
}

TEST(log_safe, appends_to_what_is_there) {
    std::string line = "::1:51324 says ";
    log_safe("olá\n", line);
    EXPECT_EQ(line, R"(::1:51324 says olá\n)");
}

// Whatever a peer sends, the line is well-formed, has no control in it, and keeps its promised length.
TEST(log_safe, whatever_comes_in_a_harmless_line_comes_out) {
    constexpr unsigned seed = 20;
    std::mt19937 random(seed);
    for (int round = 0; round < 20'000; ++round) {
        std::string bytes(random() % 40, '\0');
        for (char& byte : bytes)
            byte = static_cast<char>(random() % 3 == 0 ? random() % 128 : random() % 256);
        const std::size_t size_max = random() % 50;
        const std::string line = log_safe(bytes, size_max);
        ASSERT_TRUE(aperto::utf8::is_valid(line));
        ASSERT_LE(line.size(), 4 * size_max + 32);
        for (const char byte : line)
            ASSERT_TRUE(static_cast<unsigned char>(byte) >= 0x20 && byte != 0x7F) << line;
        ASSERT_EQ(line.find("\xC2\x9B"), std::string::npos);
    }
}

}  // namespace
