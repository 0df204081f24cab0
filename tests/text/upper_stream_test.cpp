// SPDX-License-Identifier: MIT
#include "core/utf8.hpp"
#include "text/icu_reference.hpp"

#include <aperto/text.hpp>

#include <gtest/gtest.h>

#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using aperto::upper_stream;
using namespace std::string_view_literals;

std::string upper_in_pieces(const std::vector<std::string_view>& pieces) {
    upper_stream upper;
    std::string out;
    for (const std::string_view piece : pieces)
        upper.feed(piece, out);
    upper.finish(out);
    return out;
}

// Everything that can go wrong, within a few bytes: capitals of every length, characters of every length,
// bytes that are none, and beginnings of characters that something else cuts off.
constexpr std::string_view nasty =
    "aß\xC3ŉé\xE2\x82ﬁ\xF0\x9F\x98😀\xED\xA0\x80ΐ\xF4\x90ı\xE0\x80z\xFFⱥ𐐨\xC3\xC3\xA9ç\xF0\x9F"sv;

TEST(upper_stream, joins_a_character_that_the_network_cut) {
    upper_stream upper;
    std::string out;
    upper.feed("caf\xC3", out);
    EXPECT_EQ(out, "CAF");
    EXPECT_EQ(upper.held_bytes(), 1u);
    upper.feed("\xA9!", out);
    EXPECT_EQ(out, "CAFÉ!");
    EXPECT_EQ(upper.held_bytes(), 0u);
    EXPECT_EQ(upper.invalid_bytes(), 0u);
    EXPECT_EQ(upper.first_invalid_offset(), std::nullopt);
}

TEST(upper_stream, joins_every_character_that_has_a_capital_at_every_cut) {
    std::size_t splits = 0;
    for (char32_t code_point = 0x80; code_point <= 0x1FFFF; ++code_point) {
        if (code_point >= 0xD800 && code_point <= 0xDFFF) continue;
        const aperto::utf8::encoded character = aperto::utf8::encode(code_point);
        const std::string_view bytes = character.view();
        const std::string expected = aperto::reference::upper(bytes);
        for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
            ASSERT_EQ(upper_in_pieces({bytes.substr(0, cut), bytes.substr(cut)}), expected)
                << std::hex << std::uint32_t{code_point} << " cut after " << cut;
            ++splits;
        }
    }
    std::cout << splits << " splits of two- to four-byte characters\n";
}

TEST(upper_stream, takes_a_character_byte_by_byte_with_empty_pieces_between) {
    upper_stream upper;
    std::string out;
    for (const std::string_view piece : {""sv, "\xF0"sv, ""sv, "\x90"sv, "\x90"sv, ""sv, "\xA8"sv, ""sv}) {
        upper.feed(piece, out);
    }
    EXPECT_EQ(out, "𐐀");
}

TEST(upper_stream, gives_back_a_cut_tail_unchanged_when_the_text_ends) {
    upper_stream upper;
    std::string out;
    upper.feed("fim \xE2\x82", out);
    EXPECT_EQ(out, "FIM ");
    EXPECT_EQ(upper.held_bytes(), 2u);
    EXPECT_EQ(upper.invalid_bytes(), 0u) << "they may still become a character";
    upper.finish(out);
    EXPECT_EQ(out, "FIM \xE2\x82");
    EXPECT_EQ(upper.invalid_bytes(), 2u);
    EXPECT_EQ(upper.first_invalid_offset(), 4u);
    upper.finish(out);
    EXPECT_EQ(out.size(), 6u) << "a second end adds nothing";
}

TEST(upper_stream, never_holds_back_what_nothing_can_complete) {
    for (const std::string_view bytes :
         {"\x80"sv, "\xC0"sv, "\xE0\x80"sv, "\xED\xA0"sv, "\xF4\x90"sv, "\xFF"sv}) {
        upper_stream upper;
        std::string out;
        upper.feed(bytes, out);
        EXPECT_EQ(out, bytes);
        EXPECT_EQ(upper.invalid_bytes(), bytes.size());
    }
}

TEST(upper_stream, counts_invalid_bytes_and_says_where_the_first_stood) {
    upper_stream upper;
    std::string out;
    upper.feed("0123456\xC3", out);
    upper.feed("8 is a letter, so 7 was no character: ", out);
    EXPECT_EQ(upper.invalid_bytes(), 1u);
    EXPECT_EQ(upper.first_invalid_offset(), 7u);
    upper.feed("\xED\xA0\x80", out);
    EXPECT_EQ(upper.invalid_bytes(), 4u);
    EXPECT_EQ(upper.first_invalid_offset(), 7u);
}

TEST(upper_stream, counts_offsets_over_any_number_of_pieces) {
    upper_stream upper;
    std::string out;
    for (int i = 0; i < 1000; ++i) {
        out.clear();
        upper.feed("olá, straße ", out);
        ASSERT_EQ(out, "OLÁ, STRASSE ");
    }
    upper.feed("\xFF", out);
    EXPECT_EQ(upper.first_invalid_offset(), 1000 * "olá, straße "sv.size());
}

TEST(upper_stream, counts_offsets_of_a_long_text_in_one_piece) {
    std::string text(10'000, 'a');
    text[9'000] = '\xFF';
    text.replace(9'500, 2, "ß");
    std::string out = "before ";
    upper_stream upper;
    upper.feed(text, out);
    upper.finish(out);
    EXPECT_EQ(upper.first_invalid_offset(), 9'000u);
    std::string right = "before " + std::string(10'000, 'A');
    right[7 + 9'000] = '\xFF';
    right.replace(7 + 9'500, 2, "SS");
    EXPECT_EQ(out, right);
}

TEST(upper_stream, does_not_care_where_a_nasty_text_is_cut_in_three) {
    const std::string expected = aperto::reference::upper(nasty);
    const aperto::reference::invalid invalid = aperto::reference::invalid_bytes(nasty);
    for (std::size_t first = 0; first <= nasty.size(); ++first) {
        for (std::size_t second = first; second <= nasty.size(); ++second) {
            upper_stream upper;
            std::string out;
            upper.feed(nasty.substr(0, first), out);
            upper.feed(nasty.substr(first, second - first), out);
            upper.feed(nasty.substr(second), out);
            upper.finish(out);
            ASSERT_EQ(out, expected) << first << ", " << second;
            ASSERT_EQ(upper.invalid_bytes(), invalid.bytes) << first << ", " << second;
            ASSERT_EQ(upper.first_invalid_offset(), invalid.first) << first << ", " << second;
        }
    }
}

TEST(upper_stream, does_not_care_how_large_the_pieces_are) {
    std::string text;
    while (text.size() < 5000)
        text += nasty;
    const std::string expected = aperto::reference::upper(text);
    for (std::size_t size = 1; size <= 200; ++size) {
        upper_stream upper;
        std::string out;
        for (std::size_t at = 0; at < text.size(); at += size)
            upper.feed(std::string_view(text).substr(at, size), out);
        upper.finish(out);
        ASSERT_EQ(out, expected) << size;
    }
}

}  // namespace
