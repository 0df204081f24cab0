// SPDX-License-Identifier: MIT
#include "cli/terminal_text.hpp"

#include <gtest/gtest.h>

namespace aperto::cli {
namespace {

/// What a terminal is given of a reply that comes in these pieces.
std::string shown(std::initializer_list<std::string_view> pieces) {
    terminal_filter filter;
    std::string out;
    for (const std::string_view piece : pieces)
        filter.feed(piece, out);
    filter.finish(out);
    return out;
}

TEST(terminal_text, prose_passes_and_ends_its_line) {
    EXPECT_EQ(shown({"OLÁ, MUNDO\n"}), "OLÁ, MUNDO\n");
    EXPECT_EQ(shown({"OLÁ, MUNDO"}), "OLÁ, MUNDO\n");
    EXPECT_EQ(shown({"a\tb\nc\\d\n"}), "a\tb\nc\\d\n");
    EXPECT_EQ(shown({}), "");
}

TEST(terminal_text, a_server_does_not_drive_the_terminal) {
    EXPECT_EQ(shown({"\033]0;owned\007\033[2J"}), "\\x1B]0;owned\\x07\\x1B[2J\n");
    EXPECT_EQ(shown({"safe\rEVIL\n"}), "safe\\rEVIL\n");
    EXPECT_EQ(shown({"\u202eabc"}), "\\u{202E}abc\n");
    EXPECT_EQ(shown({"a\xffz"}), "a\\xFFz\n");
}

TEST(terminal_text, every_split_shows_the_same) {
    const std::string reply = "çã€😀\r\nz\xff\r\n";
    const std::string whole = shown({reply});
    EXPECT_EQ(whole, "çã€😀\nz\\xFF\n");
    for (std::size_t cut = 0; cut <= reply.size(); ++cut) {
        const std::string_view view = reply;
        EXPECT_EQ(shown({view.substr(0, cut), view.substr(cut)}), whole) << cut;
    }
}

TEST(terminal_text, a_character_that_never_ends_is_shown_at_the_end) {
    EXPECT_EQ(shown({"a\xe2\x82"}), "a\\xE2\\x82\n");
}

TEST(terminal_text, a_row_is_as_wide_as_it_may_be) {
    ASSERT_NE(std::setlocale(LC_CTYPE, "C.UTF-8"), nullptr);
    EXPECT_EQ(one_row("hello", 5), "hello");
    EXPECT_EQ(one_row("hello!", 5), "hell…");
    EXPECT_EQ(one_row("", 5), "");
    EXPECT_EQ(one_row("\x1B\x1B\x1B", 9), "\\x1B\\x1B…") << "no escape is cut";
    EXPECT_EQ(one_row("\x1B\x1B", 7), "\\x1B…");
    EXPECT_EQ(one_row("日本語", 5), "日本…") << "nor a wide character";
    EXPECT_EQ(one_row("日本語", 4), "日…");
    EXPECT_EQ(one_row("a\nb", 80), "a\\nb");
    EXPECT_EQ(one_row(std::string(1'000'000, 'x'), 3), "xx…");
    EXPECT_EQ(one_row("ab", 1), "…");
}

}  // namespace
}  // namespace aperto::cli
