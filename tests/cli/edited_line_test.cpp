// SPDX-License-Identifier: MIT
#include "cli/send/line_editor.hpp"

#include <gtest/gtest.h>

#include <clocale>

namespace aperto::cli {
namespace {

using event = edited_line::event;

event type(edited_line& line, std::string_view keys) {
    event last = event::none;
    for (const char key : keys)
        last = line.take(key);
    return last;
}

std::string typed(std::string_view keys) {
    edited_line line;
    type(line, keys);
    return line.text();
}

TEST(edited_line, keys_edit_it) {
    EXPECT_EQ(typed("hello"), "hello");
    EXPECT_EQ(typed("orld\x01w"), "world") << "Ctrl-A";
    EXPECT_EQ(typed("ab\x7F\x08"), "") << "backspace, either code";
    EXPECT_EQ(typed("abc\x1B[D\x1B[Dx\x1B[Cy"), "axbyc") << "arrows";
    EXPECT_EQ(typed("abc\x1BODx\x1B[Hy\x1B[Fz"), "yabxcz") << "an arrow of application mode, Home, End";
    EXPECT_EQ(typed("abc\x1B[H\x1B[3~\x04"), "c") << "Delete, Ctrl-D";
    EXPECT_EQ(typed("one two three\x17"), "one two ") << "Ctrl-W";
    EXPECT_EQ(typed("one two\x1B[1;5D\x1B[1;5Dx\x1B[1;5Cy"), "xoney two") << "Ctrl and an arrow";
    EXPECT_EQ(typed("one two\x02\x02\x02\x0B"), "one ") << "Ctrl-K";
    EXPECT_EQ(typed("one two\x02\x02\x02\x15"), "two") << "Ctrl-U";
    EXPECT_EQ(typed("a\tb"), "a\tb") << "a tab is text";
}

TEST(edited_line, an_unknown_key_is_no_text) {
    EXPECT_EQ(typed("a\x1B[15~b\x1B[200~c\x1B[31;7ud\x1Bxe\x02\x16"), "abcde");
    EXPECT_EQ(typed(std::string_view("a\0b", 3)), "ab");
}

TEST(edited_line, a_character_goes_whole) {
    EXPECT_EQ(typed("olá\x7F"), "ol");
    EXPECT_EQ(typed("日本\x1B[D\x7F"), "本");
    EXPECT_EQ(typed("😀€\x01\x04"), "€");
    EXPECT_EQ(typed("a\xE2\x82\x7F"), "a\xE2") << "bytes that are no character go one by one";
    EXPECT_EQ(typed("\x80\x80\x80\x80\x80\x7F"), "\x80\x80\x80\x80");
}

TEST(edited_line, enter_and_the_end) {
    edited_line line;
    EXPECT_EQ(type(line, "one"), event::edited);
    EXPECT_EQ(type(line, "\n"), event::entered);
    line.next();
    EXPECT_EQ(type(line, "\r"), event::entered) << "an empty line";
    line.next();
    EXPECT_EQ(type(line, "x\x7F\x04"), event::ended);
}

TEST(edited_line, remembers_lines) {
    edited_line line;
    for (const char* each : {"one", "two", "two", ""}) {
        type(line, each);
        line.next();
    }
    constexpr const char* up = "\x1B[A";
    constexpr const char* down = "\x1B[B";
    type(line, "half");
    type(line, up);
    EXPECT_EQ(line.text(), "two");
    type(line, up);
    EXPECT_EQ(line.text(), "one") << "a line is remembered once in a row";
    type(line, up);
    EXPECT_EQ(line.text(), "one");
    type(line, down);
    type(line, down);
    EXPECT_EQ(line.text(), "half");
    type(line, down);
    EXPECT_EQ(line.text(), "half");
    for (std::size_t i = 0; i < 2 * edited_line::history_max; ++i) {
        type(line, std::to_string(i));
        line.next();
    }
    for (std::size_t i = 0; i < 2 * edited_line::history_max; ++i)
        type(line, up);
    EXPECT_EQ(line.text(), std::to_string(edited_line::history_max)) << "the oldest are forgotten";
}

TEST(edited_line, is_bounded) {
    edited_line line;
    type(line, std::string(edited_line::size_max, 'x'));
    EXPECT_EQ(line.take('y'), event::refused);
    EXPECT_EQ(line.text().size(), edited_line::size_max);
    EXPECT_EQ(line.take('\n'), event::entered);
}

TEST(edited_line, a_row_shows_what_is_around_the_cursor) {
    edited_line line;
    type(line, "0123456789");
    EXPECT_EQ(line.shown(80).text, "0123456789");
    EXPECT_EQ(line.shown(80).cursor, 10u);
    EXPECT_EQ(line.shown(5).text, "6789") << "a column for the cursor";
    EXPECT_EQ(line.shown(5).cursor, 4u);
    type(line, "\x01");
    EXPECT_EQ(line.shown(5).text, "0123");
    EXPECT_EQ(line.shown(5).cursor, 0u);
    EXPECT_EQ(line.shown(0).text, "0") << "a terminal narrower than any";
}

TEST(edited_line, a_row_is_safe_and_its_columns_counted) {
    std::setlocale(LC_CTYPE, "C.UTF-8");
    edited_line line;
    type(line, "á日\\\t\xFF");
    const edited_line::row row = line.shown(80);
    EXPECT_EQ(row.text, "á日\\ \\xFF");
    EXPECT_EQ(row.cursor, 1u + 2 + 1 + 1 + 4);
}

}  // namespace
}  // namespace aperto::cli
