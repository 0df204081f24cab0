// SPDX-License-Identifier: MIT
#include "core/utf8.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace aperto;
using namespace std::string_view_literals;

utf8::step decode(std::string_view bytes) { return utf8::decode(bytes.data(), bytes.data() + bytes.size()); }

bool is_scalar(char32_t code_point) { return code_point < 0xD800 || code_point > 0xDFFF; }

TEST(utf8, every_code_point_survives_the_way_there_and_back) {
    std::size_t checked = 0;
    for (char32_t code_point = 0; code_point <= 0x10FFFF; ++code_point) {
        if (!is_scalar(code_point)) continue;
        const utf8::encoded bytes = utf8::encode(code_point);
        const utf8::step found = decode(bytes.view());
        ASSERT_EQ(found.kind, utf8::kind::character) << std::hex << std::uint32_t{code_point};
        ASSERT_EQ(found.code_point, code_point);
        ASSERT_EQ(found.size, bytes.size);
        ++checked;
    }
    EXPECT_EQ(checked, 0x110000u - 0x800u);
}

// An independent account of RFC 3629: all sequences of three bytes are tried against the list of what encode
// makes.
TEST(utf8, of_all_sequences_of_up_to_three_bytes_exactly_the_encoded_ones_are_characters) {
    std::vector<bool> encoded(1u << 24);
    std::size_t characters = 0;
    const auto key = [](std::string_view bytes) {
        std::size_t value = 0;
        for (const char byte : bytes)
            value = value << 8 | static_cast<unsigned char>(byte);
        return value;
    };
    for (char32_t code_point = 0x80; code_point <= 0xFFFF; ++code_point) {
        if (is_scalar(code_point)) encoded[key(utf8::encode(code_point).view())] = true;
    }
    for (std::size_t value = 0x8000; value < encoded.size(); ++value) {
        const std::size_t size = value < 0x10000 ? 2 : 3;
        std::string bytes;
        for (std::size_t i = size; i-- > 0;)
            bytes += static_cast<char>(value >> (8 * i));
        const utf8::step found = decode(bytes);
        const bool whole = found.kind == utf8::kind::character && found.size == size;
        ASSERT_EQ(whole, encoded[value]) << std::hex << value;
        characters += whole;
    }
    EXPECT_EQ(characters, 0x10000u - 0x800u - 0x80u);
}

TEST(utf8, an_invalid_sequence_is_taken_one_byte_at_a_time) {
    struct example {
        std::string_view bytes;
        const char* what;
    };
    constexpr example examples[] = {
        {"\x80"sv, "a continuation alone"},         {"\xC0\x80"sv, "NUL in two bytes"},
        {"\xC1\xBF"sv, "DEL in two bytes"},         {"\xE0\x9F\xBF"sv, "U+07FF in three bytes"},
        {"\xED\xA0\x80"sv, "a high surrogate"},     {"\xED\xBF\xBF"sv, "a low surrogate"},
        {"\xF0\x8F\xBF\xBF"sv, "U+FFFF in four"},   {"\xF4\x90\x80\x80"sv, "U+110000"},
        {"\xF5\x80\x80\x80"sv, "beyond any plane"}, {"\xFF"sv, "never in UTF-8"},
        {"\xE2\x82\x41"sv, "cut by a letter"},      {"\xF0\x9F\x98\xC3"sv, "cut by another character"},
    };
    for (const example& each : examples) {
        const utf8::step found = decode(each.bytes);
        EXPECT_EQ(found.kind, utf8::kind::invalid) << each.what;
        EXPECT_EQ(found.size, 1) << each.what;
    }
}

TEST(utf8, the_beginning_of_a_character_is_unfinished_and_not_yet_invalid) {
    for (const std::string_view character : {"é"sv, "€"sv, "\xED\x9F\xBF"sv, "😀"sv, "\xF4\x8F\xBF\xBF"sv}) {
        for (std::size_t cut = 1; cut < character.size(); ++cut) {
            const utf8::step found = decode(character.substr(0, cut));
            EXPECT_EQ(found.kind, utf8::kind::unfinished) << character << " cut after " << cut;
            EXPECT_EQ(found.size, cut);
        }
    }
}

TEST(complete_prefix, holds_back_the_beginning_of_a_character_and_nothing_else) {
    EXPECT_EQ(utf8::complete_prefix(""), 0u);
    EXPECT_EQ(utf8::complete_prefix("plain"), 5u);
    EXPECT_EQ(utf8::complete_prefix("caf\xC3\xA9"), 5u);
    EXPECT_EQ(utf8::complete_prefix("caf\xC3"), 3u);
    EXPECT_EQ(utf8::complete_prefix("\xE2"), 0u);
    EXPECT_EQ(utf8::complete_prefix("\xE2\x82"), 0u);
    EXPECT_EQ(utf8::complete_prefix("a\xF0\x9F\x98"), 1u);
    EXPECT_EQ(utf8::complete_prefix("\xF0\x9F\x98\x80"), 4u);
}

TEST(complete_prefix, never_holds_back_what_no_byte_can_complete) {
    for (const std::string_view bytes :
         {"a\x80"sv, "a\x80\x80\x80\x80"sv, "\xC3\xA9\xA9"sv, "\xE0\x80"sv, "\xED\xA0"sv, "\xF0\x80"sv,
          "\xF4\x90"sv, "\xF5"sv, "\xC0"sv, "\xFF"sv, "\xF0\x9F\x98\x80\x80"sv}) {
        EXPECT_EQ(utf8::complete_prefix(bytes), bytes.size());
    }
}

TEST(complete_prefix, cuts_every_text_where_both_parts_are_well_formed) {
    const std::string text = "aé€😀ß\xED\x9F\xBF\xF4\x8F\xBF\xBF中z";
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        const std::string_view seen = std::string_view(text).substr(0, cut);
        const std::size_t whole = utf8::complete_prefix(seen);
        EXPECT_LE(cut - whole, 3u);
        EXPECT_TRUE(utf8::is_valid(seen.substr(0, whole))) << cut;
        EXPECT_TRUE(utf8::is_valid(std::string_view(text).substr(whole))) << cut;
        EXPECT_EQ(whole == cut, utf8::is_valid(seen)) << cut;
    }
}

TEST(valid_prefix, ends_before_the_first_byte_that_is_not_utf8) {
    EXPECT_EQ(utf8::valid_prefix(""), 0u);
    EXPECT_EQ(utf8::valid_prefix("twelve bytes, olá, and 😀"), "twelve bytes, olá, and 😀"sv.size());
    EXPECT_EQ(utf8::valid_prefix("twelve bytes\xFF and more of them"), 12u);
    EXPECT_EQ(utf8::valid_prefix("cut: \xE2\x82"), 5u);
    EXPECT_EQ(utf8::valid_prefix("\xED\xA0\x80"), 0u);
    EXPECT_FALSE(utf8::is_valid("caf\xE9"));
}

}  // namespace
